"""The history of training: its file, and the packages that it is sent to."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from knownface.errors import KnownfaceError
from knownface.training.history import History


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
