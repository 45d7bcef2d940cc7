"""Threads at work on large photos share a bounded memory."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from knownface.faces.crops import SPARE, FaceCropper
from knownface.faces.face import Crop, Face
from knownface.faces.picture import BYTES_PER_PIXEL, Picture
from knownface.runtime import memory
from knownface.runtime.memory import Budget


def test_nobody_takes_more_than_there_is() -> None:
    budget, least = Budget(100), []

    def work(wanted: int) -> None:
        with budget.taken(wanted):
            least.append(budget.left)
            time.sleep(0.002)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [60, 30, 500, 20, 100, 0, 45, 45] * 4))
    assert min(least) >= 0
    assert budget.left == budget.total == 100


def test_what_fails_gives_back() -> None:
    budget = Budget(10)
    with pytest.raises(ValueError, match="why"), budget.taken(7):
        raise ValueError("why")
    assert budget.left == 10


class Slow:
    """A detector that knows how many photos were in work at once."""

    name = "slow"

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def find_faces(self, picture: Picture) -> list[Face]:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        with self.lock:
            self.now -= 1
        return []


@pytest.mark.parametrize(("side", "at_once"), [(1000, 2), (100, 6 + SPARE)])
def test_fewer_large_photos_are_in_work_at_once(
    side: int, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_photos", Budget(2 * 1000**2 * BYTES_PER_PIXEL))
    monkeypatch.setattr("knownface.faces.crops.processors", lambda: 6)
    paths = [tmp_path / f"{i}.png" for i in range(12)]
    for path in paths:
        Image.new("RGB", (side, side)).save(path)
    slow = Slow()
    photos = list(FaceCropper(Crop("five_point", 112), slow).crop_photos(paths))
    assert [photo.error for photo in photos] == [None] * 12
    assert slow.most <= at_once
    assert slow.most > 1
