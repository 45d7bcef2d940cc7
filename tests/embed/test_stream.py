"""The one loop: order, bad photos, early ends, and memory that does not grow."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from knownface.embed.stream import EmbeddedPhoto, FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.align import TEMPLATE_112
from knownface.faces.crops import FaceCropper
from knownface.faces.face import Crop, Face
from knownface.faces.photo import write_image
from knownface.faces.picture import Picture
from knownface.runtime.processors import processors

CROP = Crop("five_point", 112)
SIDE = 120
pytestmark = pytest.mark.usefixtures("three_threads")


class Brightness:
    """A detector whose photos say by their brightness what happens; counts, and is slow."""

    name = "brightness"

    def __init__(self) -> None:
        self.seen: list[int] = []

    def find_faces(self, picture: Picture) -> list[Face]:
        value = int(picture.whole()[0, 0, 0])
        self.seen.append(value)
        if value == 250:
            raise RuntimeError("a fault in the detector")
        if value == 251:
            raise KnownfaceError("the detector's file is gone")
        time.sleep(0.02 if value % 7 == 0 else 0)
        return [Face((10.0, 10.0, 90.0, 90.0), TEMPLATE_112, 0.9)] * (value % 3)


class MeanColour:
    """An embedder that counts how many crops it sees at once."""

    width = 3

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, crops: np.ndarray, **_: object) -> np.ndarray:
        self.batches.append(len(crops))
        return crops.mean(axis=(1, 2))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Forty photos, brighter and brighter."""
    found = []
    for value in range(40):
        found.append(tmp_path / f"{value}.png")
        write_image(found[-1], picture(value))
    return found


def picture(value: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), value, np.uint8)


def pipeline() -> tuple[FacePipeline, Any, Any]:
    detector, embedder = Brightness(), MeanColour()
    return FacePipeline(FaceCropper(CROP, detector), cast(Any, embedder)), detector, embedder


def test_photos_come_in_order_with_their_own_faces(paths: list[Path]) -> None:
    stream, _, embedder = pipeline()
    found = list(stream.embed_photos(paths, together=8))
    assert [each.photo.path for each in found] == paths
    for value, each in enumerate(found):
        assert each.embeddings.shape == (value % 3, 3)
        np.testing.assert_allclose(each.embeddings, value)
    assert sum(embedder.batches) == sum(value % 3 for value in range(40))
    assert max(embedder.batches) <= 9  # eight, or one more for the second face of a photo


def test_padded_batches_are_whole_and_nobody_sees_what_fills_them(paths: list[Path]) -> None:
    stream, _, embedder = pipeline()
    embedder.network = SimpleNamespace(batch=8)
    padded = replace(stream, padded=True)
    for value, each in enumerate(padded.embed_photos(paths, together=5, threads=1)):
        assert each.embeddings.shape == (value % 3, 3)
        np.testing.assert_allclose(each.embeddings, value)
    assert {count % 8 for count in embedder.batches} == {0}


def test_nothing_at_all_and_nobody_at_all() -> None:
    stream, _, _ = pipeline()
    assert list(stream.embed_photos([])) == []
    (alone,) = stream.embed_photos([picture(0)])
    assert alone.embeddings.shape[0] == 0


def test_whatever_befalls_one_photo_is_its_own_error(paths: list[Path]) -> None:
    paths[3].write_text("no photo")
    paths[5].unlink()
    write_image(paths[7], picture(250))
    stream, _, _ = pipeline()
    found = list(stream.embed_photos(paths, together=4))
    assert [each.photo.path for each in found] == paths
    errors = {i: each.photo.error for i, each in enumerate(found) if each.photo.error}
    assert set(errors) == {3, 5, 7}
    assert all(errors[i].startswith(str(paths[i])) for i in errors)
    assert "RuntimeError: a fault in the detector" in errors[7]
    assert found[8].embeddings.shape == (2, 3)


def test_what_concerns_every_photo_ends_it(paths: list[Path]) -> None:
    write_image(paths[20], picture(251))
    stream, _, _ = pipeline()
    found: list[EmbeddedPhoto] = []
    with pytest.raises(KnownfaceError, match="file is gone"):
        found.extend(stream.embed_photos(paths, together=1))
    assert [each.photo.path for each in found] == paths[: len(found)]
    assert cv2.getNumThreads() == 3


def test_bytes_and_arrays_are_photos_too(paths: list[Path]) -> None:
    stream, _, _ = pipeline()
    sources = [picture(1), paths[1], paths[1].read_bytes(), b"no photo", np.zeros((4, 4))]
    found = list(stream.embed_photos(sources, pixels=True))
    for each in found[:3]:
        np.testing.assert_allclose(each.embeddings, [[1, 1, 1]])
        np.testing.assert_array_equal(each.photo.pixels, picture(1))
    assert [each.photo.error is None for each in found] == [True, True, True, False, False]


@pytest.mark.parametrize("end", ["break", "exception", "close", "collected"])
def test_an_early_end_cancels_the_rest(paths: list[Path], end: str) -> None:
    stream, detector, _ = pipeline()
    photos = stream.embed_photos(paths * 20, together=1)
    if end == "break":
        for _ in photos:
            break
        del photos, _
    elif end == "exception":
        with pytest.raises(ZeroDivisionError):
            print([1 / each.photo.path.name.count("x") for each in photos])
        del photos
    elif end == "close":
        next(photos)
        cast(Any, photos).close()
    else:
        keep = [photos, next(photos)]
        keep.append(keep)  # type: ignore[arg-type]
        del photos, keep
        gc.collect()
    assert cv2.getNumThreads() == 3
    seen = len(detector.seen)
    assert seen < 200
    time.sleep(0.1)
    assert len(detector.seen) == seen
    assert not [t for t in threading.enumerate() if "ThreadPoolExecutor" in t.name]


def test_two_streams_at_once_leave_opencv_as_it_was(paths: list[Path]) -> None:
    one, two = (iter(pipeline()[0].embed_photos(paths, together=2)) for _ in range(2))
    for _ in range(5):  # the first one ends first
        assert next(one).photo.path == next(two).photo.path
    cast(Any, one).close()
    assert cv2.getNumThreads() == 1
    assert len(list(two)) == 35
    assert cv2.getNumThreads() == 3

    def read() -> None:
        assert len(list(pipeline()[0].embed_photos(paths))) == 40

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cv2.getNumThreads() == 3


@pytest.mark.parametrize("pixels", [False, True])
def test_few_photos_are_in_memory_at_once(pixels: bool) -> None:
    """Nobody has a face here, so that no number of faces ends a group."""
    stream, detector, _ = pipeline()
    there = processors()
    most = 8 * (there + 2) + 5 * (there + 1)  # groups of 8, and what is read ahead
    for taken, _ in enumerate(stream.embed_photos([picture(3)] * 500, together=4, pixels=pixels)):
        assert len(detector.seen) - taken <= most
