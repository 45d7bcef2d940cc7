"""Several runs on one page."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from knownface.cli.commands import app
from knownface.files.runs import MARK


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
    assert re.search(r"[\d.]+\s%<br>[\d.]+\s% to [\d.]+\s%</td>", page)
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


def test_what_is_no_run_is_left_out_and_said(run_folder: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("one", "two", "other", "unfinished", "damaged"):
        (runs / name).mkdir(parents=True)
        shutil.copy(run_folder / "evaluation.json", runs / name)
    (runs / "other" / "evaluation.json").unlink()
    (runs / "unfinished" / MARK).touch()
    (runs / "damaged" / "evaluation.json").write_text("{")
    (runs / "report.html").write_text("a page")
    listed = [str(path) for path in sorted(runs.iterdir())]
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["report", *listed, "--out", str(page), "--json"])
    assert done.exit_code == 0, done.stderr
    assert [row["run"] for row in json.loads(done.stdout)["rows"]] == [
        str(runs / "one"), str(runs / "two"),
    ]  # fmt: skip
    said = "".join(done.stderr.split())
    assert "Leftout,beingnofinishedruns:" in said
    for name in ("damaged", "other", "report.html", "unfinished"):
        assert str(runs / name) in said
    assert str(runs / "one") not in said
    others = [path for path in listed if not path.endswith(("one", "two"))]
    done = CliRunner().invoke(app, ["report", *others, "--out", str(page)])
    assert done.exit_code == 2
    assert "none of 4 is a finished run" in done.stderr
