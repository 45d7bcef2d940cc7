"""A run that was cut off: it goes on as it was begun, or is left alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import knownface as shell
from command_line import refused

from knownface.errors import KnownfaceError
from knownface.files.runs import RunFolder
from knownface.training.history import History
from knownface.training.resumption import going_on, keep_options
from knownface.training.train import train

OPTIONS: dict[str, Any] = {"backbone": "mini", "recipe": "seed", "epochs": 2, "batch_size": 64}
FLAGS = ("--backbone", "mini", "--recipe", "seed", "--epochs", 2, "--batch-size", 64)


def power_cut(*_: object) -> None:
    raise RuntimeError("power cut")


@pytest.fixture(scope="module")
def begun(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos and a run that was cut off after its first epoch; not to be changed."""
    root = tmp_path_factory.mktemp("begun")
    shutil.copytree(people, root / "people")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(History, "_write", power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            train("people", out="run", **OPTIONS)
    return root


@pytest.fixture
def root(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same in a folder of its own, where the test works."""
    mark = begun / ".run.unfinished" / ".knownface-unfinished"
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    moved = tmp_path / mark.relative_to(begun)
    moved.write_text(mark.read_text().replace(str(begun), str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(root: Path) -> dict[Path, bytes]:
    folder = root / ".run.unfinished"
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_other_options_leave_the_run_alone_and_say_how_to_go_on(root: Path) -> None:
    before = state(root)
    assert any("checkpoints" in path.parts for path in before)
    for change in ({"epochs": 3}, {"recipe": "best"}, {"strangers": "people"}, {"seed": 1}):
        with pytest.raises(KnownfaceError, match=f"the run was begun with.* {next(iter(change))}"):
            train("people", out="run", resume=True, **OPTIONS | change)
    with pytest.raises(KnownfaceError, match=r"was cut off; .*train\('people', .*, resume=True\)"):
        train("people", out="run", **OPTIONS)
    assert state(root) == before


def test_people_that_are_missing_leave_the_run_alone(root: Path) -> None:
    before = state(root)
    (root / "people" / "Megan_Fox").rename(root / "Megan_Fox")
    with pytest.raises(KnownfaceError, match=r"Megan_Fox/.*other photos.*bring back.*goes on with"):
        train("people", out="run", resume=True, **OPTIONS)
    assert state(root).keys() >= before.keys()
    (root / "Megan_Fox").rename(root / "people" / "Megan_Fox")
    (root / "people" / "New").mkdir()
    for photo in ("001.jpg", "002.jpg"):
        shutil.copy(root / "people" / "Tom_Cruise" / photo, root / "people" / "New" / f"x{photo}")
    with pytest.raises(KnownfaceError, match="goes on with it"):
        train("people", out="run", resume=True, **OPTIONS)
    kept = state(root)
    assert all(kept[path] == content for path, content in before.items() if "h5" in path.name)


@pytest.mark.parametrize("written", ["absolute", "through a link", "from elsewhere", "dots"])
def test_the_same_folder_written_differently_is_the_same(
    written: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out: Path | str = "run"
    if written == "through a link":
        (root / "link").symlink_to("people")
    if written == "from elsewhere":
        (root / "there").mkdir()
        monkeypatch.chdir(root / "there")
        out = root / "run"
    monkeypatch.setattr("knownface.training.train.load_network", power_cut)  # it has come so far
    data = {
        "absolute": root / "people", "through a link": "link", "from elsewhere": "../people",
        "dots": "./people/../people",
    }[written]  # fmt: skip
    with pytest.raises(RuntimeError, match="power cut"):
        train(data, out=out, resume=True, **OPTIONS)


def test_the_command_that_is_said_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = shell("train", "people", *FLAGS, "--out", "run")
    refused(done, "run: was cut off", "another --out begins a new one")
    (root / "there").mkdir()
    monkeypatch.chdir(root / "there")
    done = shell("train", "../people", *FLAGS[:-4], "--out", "../run", "--resume")
    refused(done, "the run was begun with --epochs 2, not without --epochs; ../.run.unfinished")
    _, command = done.stderr.split("keeps what was trained: ")
    words = command.split(" goes on with it")[0].split()
    assert words[:3] == ["knownface", "train", str(root / "people")]
    assert shell(*words[1:]).returncode == 0
    epochs = (root / "run" / "history.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:2] for row in epochs] == [["seed", "1"], ["seed", "2"]]
    assert json.loads((root / "run" / "config.json").read_text())["data"] == "people"
    assert not list(root.glob(".run*"))


def test_an_address_is_the_same_from_everywhere(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = root / ".run.unfinished"
    config = json.loads((work / "config.json").read_text()) | {"data": "s3://bucket/index"}
    (work / "config.json").write_text(json.dumps(config))
    (root / "there").mkdir()
    monkeypatch.chdir(root / "there")
    keep_options(work, config)
    assert "train('s3://bucket/index', " in going_on(RunFolder(work, root / "run"))
    with pytest.raises(
        KnownfaceError, match="the run was begun with data='s3://bucket/index', not"
    ):
        keep_options(work, config | {"data": "s3://bucket/other"})
