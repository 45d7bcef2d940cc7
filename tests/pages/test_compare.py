"""Several runs on one page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from knownface.cli.commands import app


def test_runs_side_by_side(run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(run_folder / "evaluation.json", other)
    out = tmp_path / "pages" / "both.html"
    done = CliRunner().invoke(
        app, ["report", str(run_folder), str(other), "--out", str(out), "--json"]
    )
    assert done.exit_code == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["run"] for row in rows] == [str(run_folder), str(other)]
    page = out.read_text()
    assert "2 runs compared" in page
    assert "not tested on the same photos" in page  # the other one does not say on which
    alone = CliRunner().invoke(app, ["report", str(run_folder), "--out", str(out), "--quiet"])
    assert "95 % interval" in alone.stdout
    assert "One split for all" in out.read_text()


@pytest.mark.parametrize("content", [None, "{", "[]", '{"backbone": "mini"}'])
def test_a_folder_that_is_no_run_is_one_sentence(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "evaluation.json").write_text(content)
    done = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path / "out.html")])
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out.html").exists()
