"""From photo files to crops, with and without the cache."""

from __future__ import annotations

import shutil
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from knownface.errors import KnownfaceError
from knownface.faces.align import TEMPLATE_112
from knownface.faces.crop_cache import crops_folder
from knownface.faces.crops import FaceCropper
from knownface.faces.face import Crop, Face, FoundFaces
from knownface.faces.fingerprint import fingerprint
from knownface.faces.photo import read_image, write_image
from knownface.faces.picture import Picture

CROP = Crop("five_point", 112)


class OneFace:
    """A detector that counts, and knows one place."""

    name = "one face"

    def __init__(self, calls: list[int] | None = None) -> None:
        self.calls = [] if calls is None else calls

    def find_faces(self, picture: Picture) -> list[Face]:
        self.calls.append(threading.get_ident())
        return [Face((10.0, 10.0, 90.0, 90.0), TEMPLATE_112 + 3, 0.9)]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(2)
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    for path in paths:
        write_image(path, rng.integers(0, 256, (130, 120, 3), dtype=np.uint8))
    return paths


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_crops_come_in_order_and_a_bad_photo_does_not_stop_the_rest(photos: list[Path]) -> None:
    photos[4].write_text("no photo")
    photos[6].write_bytes(b"")
    found = list(FaceCropper(CROP, OneFace()).crop_photos(photos))  # type: ignore[arg-type]
    assert [photo.path for photo in found] == photos
    assert [len(photo.faces) for photo in found] == [1, 1, 1, 1, 0, 1, 0, 1, 1]
    for bad in (found[4], found[6]):
        assert bad.error is not None
        assert bad.error.startswith(str(bad.path))
        assert bad.crops.shape == (0, 112, 112, 3)
    assert found[0].size == (120, 130)
    assert len({photo.digest for photo in found if not photo.error}) == 7


def test_a_second_run_neither_decodes_nor_detects(photos: list[Path]) -> None:
    detector = OneFace()
    first = list(FaceCropper(CROP, detector, cache=True).crop_photos(photos))  # type: ignore[arg-type]
    assert len(detector.calls) == 9
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in photos]
    again = list(FaceCropper(CROP, detector, cache=True).crop_photos(moved))  # type: ignore[arg-type]
    assert len(detector.calls) == 9
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.crops, two.crops)
        np.testing.assert_array_equal(one.fingerprint, two.fingerprint)
        np.testing.assert_allclose(one.faces[0].landmarks, two.faces[0].landmarks, rtol=1e-6)
        assert (one.digest, one.size, one.taken) == (two.digest, two.size, two.taken)
    list(FaceCropper(Crop("box", 160), detector, cache=True).crop_photos(moved))  # type: ignore[arg-type]
    assert len(detector.calls) == 18  # another geometry is another crop


def test_faces_alone_are_the_same_faces(photos: list[Path]) -> None:
    for cache in (False, True):
        cropper = FaceCropper(CROP, OneFace(), cache)  # type: ignore[arg-type]
        for full, alone in zip(
            cropper.crop_photos(photos), cropper.only_faces().crop_photos(photos), strict=True
        ):
            np.testing.assert_array_equal(alone.crops, full.crops)
            assert (alone.path, alone.size, len(alone.faces)) == (full.path, full.size, 1)
            assert full.digest
            assert full.fingerprint is not None
            if not cache:  # what is remembered costs nothing
                assert (alone.digest, alone.fingerprint) == ("", None)
    other = FaceCropper(Crop("five_point", 56), OneFace(), cache=True)  # type: ignore[arg-type]
    list(other.only_faces().crop_photos(photos))  # remembers nothing that lacks a fingerprint
    assert all(each.fingerprint is not None for each in other.crop_photos(photos))


def test_the_date_is_remembered_too(photos: list[Path]) -> None:
    exif = Image.Exif()
    exif[306] = "1970:01:02 00:00:10"
    Image.open(photos[0]).save(photos[0], exif=exif)
    for _ in range(2):
        found = FaceCropper(CROP, OneFace(), cache=True).crop_photos(photos[:2])  # type: ignore[arg-type]
        assert [photo.taken for photo in found] == [86_410.0, None]


def test_remembered_crops_are_private(photos: list[Path]) -> None:
    list(FaceCropper(CROP, OneFace(), cache=True).crop_photos(photos))  # type: ignore[arg-type]
    files = [path for path in crops_folder().rglob("*") if path.is_file()]
    assert len(files) == 9
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize(("kept", "added"), [
    (0, b""), (7, b""), (300, b""), (20_000, b""), (20_000, bytes(18_000)),
    (0, b"PK\x03\x04 nonsense"),
])  # fmt: skip
def test_a_damaged_cache_is_made_again(photos: list[Path], kept: int, added: bytes) -> None:
    detector = OneFace()
    cropper = FaceCropper(CROP, detector, cache=True)  # type: ignore[arg-type]
    expected = cropper.crop_photo(photos[0])
    file = next(path for path in crops_folder().rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes()[:kept] + added)
    np.testing.assert_array_equal(cropper.crop_photo(photos[0]).crops, expected.crops)
    assert len(detector.calls) == 2


def test_a_cache_that_cannot_be_written_costs_only_time(photos: list[Path]) -> None:
    crops_folder().parent.mkdir(parents=True)
    crops_folder().write_text("a file where the folder should be")
    assert len(FaceCropper(CROP, OneFace(), cache=True).crop_photo(photos[0]).faces) == 1  # type: ignore[arg-type]


def test_ready_crops_need_no_detector(photos: list[Path]) -> None:
    found = FaceCropper(CROP, None).crop_photo(photos[0])
    assert found.faces[0].box == (0.0, 0.0, 120.0, 130.0)
    assert found.crops.shape == (1, 112, 112, 3)


@pytest.mark.parametrize("cache", [False, True])
def test_faces_that_were_found_before_are_cut_out_and_not_looked_for(
    photos: list[Path], cache: bool
) -> None:
    detector = OneFace()
    cropper = FaceCropper(CROP, detector, cache)  # type: ignore[arg-type]
    expected = FaceCropper(CROP, OneFace()).crop_photo(photos[0])  # type: ignore[arg-type]
    digests = [FaceCropper(CROP, None).crop_photo(path).digest for path in photos]
    known = {digests[0]: expected.faces, digests[1]: ()}
    knowing = cropper.knowing(FoundFaces("index", "one face", known))
    found = list(knowing.crop_photos(photos[:3]))
    assert [len(photo.faces) for photo in found] == [1, 0, 1]
    assert len(detector.calls) == 1
    np.testing.assert_array_equal(found[0].crops, expected.crops)
    np.testing.assert_array_equal(found[0].fingerprint, expected.fingerprint)
    assert (found[0].digest, found[0].size) == (expected.digest, expected.size)
    assert len(cropper.crop_photo(photos[4]).faces) == 1  # the other is as it was
    for way in ("another", None):
        with pytest.raises(KnownfaceError, match=r"index: its faces come from (another|ready)"):
            cropper.knowing(FoundFaces("index", way, known))


def test_fingerprint_survives_what_a_messenger_does(shared: Path, tmp_path: Path) -> None:
    sources = sorted((shared / "data" / "people" / "Tom_Cruise").iterdir())[:2]
    first, other = (read_image(path) for path in sources)
    shutil.copy(sources[0], tmp_path / "a.jpg")
    write_image(tmp_path / "small.jpg", np.clip(first[::2, ::2] * 0.8, 0, 255).astype(np.uint8))

    def distance(image: np.ndarray) -> int:
        return int(np.unpackbits(fingerprint(first) ^ fingerprint(image)).sum())

    assert distance(read_image(tmp_path / "small.jpg")) <= 26
    assert distance(other) > 53
