"""Run folders: whole or not at all, one process at a time, and continued on request."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from knownface.errors import KnownfaceError
from knownface.files.runs import run_folder
from knownface.training.history import History


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", "x") as (work, final):
        (work / "checkpoints").mkdir()
        (work / "result").touch()
        assert not final.exists()
    assert [path.name for path in final.iterdir()] == ["result"]
    assert list(tmp_path.iterdir()) == [final]


@pytest.mark.parametrize("error", [KnownfaceError("mend it"), RuntimeError("a fault")])
def test_nothing_is_left_of_a_failure_without_checkpoints(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)), run_folder(tmp_path / "run", "x") as (work, _):  # noqa: PT012
        (work / "half").touch()
        raise error
    assert not list(tmp_path.iterdir())


def test_checkpoints_outlive_a_fault_and_are_used_on_request(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), run_folder(tmp_path / "run", "x") as (work, _):  # noqa: PT012
        (work / "checkpoints").mkdir()
        (work / "checkpoints" / "epoch").touch()
        raise RuntimeError("a fault")
    with run_folder(tmp_path / "run", "x", resume=True) as (work, _):
        assert (work / "checkpoints" / "epoch").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_without_the_request_a_run_starts_anew(tmp_path: Path) -> None:
    left = tmp_path / ".run.unfinished" / "checkpoints"
    left.mkdir(parents=True)
    with run_folder(tmp_path / "run", "x") as (work, _):
        assert not (work / "checkpoints").exists()


def test_there_must_be_something_to_continue(tmp_path: Path) -> None:
    with (
        pytest.raises(KnownfaceError, match="no unfinished run"),
        run_folder(tmp_path / "run", "x", resume=True),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_two_runs_never_write_one_folder(tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", "x") as (work, final):
        (work / "mine").touch()
        with pytest.raises(KnownfaceError, match="another run"), run_folder(final, "x"):
            pass
        assert (work / "mine").is_file()
    assert (final / "mine").is_file()


def test_history_has_a_row_per_stage_and_epoch(tmp_path: Path) -> None:
    with History(tmp_path, "run", False, False, {}) as history:
        rows = [{"epoch": 1, "loss": 2.0}]
        history.stage("one")(rows)
        history.stage("one")([*rows, {"epoch": 2, "loss": 1.0}])
        history.stage("two")([{"epoch": 1, "loss": 3.0, "val_accuracy": 0.5}])
    found = list(csv.DictReader((tmp_path / "history.csv").open()))
    assert [(row["stage"], row["epoch"], row["loss"]) for row in found] == [
        ("one", "1", "2.0"),
        ("one", "2", "1.0"),
        ("two", "1", "3.0"),
    ]


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(
        KnownfaceError, match=r"^tensorboard=True needs .*knownface\[tensorboard\]'"
    ):
        History(tmp_path, "run", True, False, {})
