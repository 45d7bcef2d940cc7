"""Finding faces in real photos, and merging a detector's candidates."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from knownface.errors import KnownfaceError
from knownface.faces.detectors import DETECTORS, load_detector
from knownface.faces.detectors.candidates import merge_candidates, overlaps
from knownface.faces.detectors.mtcnn import Mtcnn
from knownface.faces.detectors.yunet import YUNET, YuNet
from knownface.faces.photo import open_photo, read_image
from knownface.faces.picture import Picture
from knownface.progress import silent
from knownface.recognition.recognizer import Recognizer
from knownface.runtime.network import Network


def candidate(x: float, score: float, size: float = 100.0) -> list[float]:
    landmarks = [x + 30, 40, x + 70, 40, x + 50, 60, x + 35, 80, x + 65, 80]
    return [x, 0, size, size, *landmarks, score]


def test_candidates_of_one_face_are_averaged_by_score() -> None:
    merged = merge_candidates(
        np.array([candidate(0, 0.9), candidate(10, 0.6), candidate(500, 0.8)])
    )
    assert merged.shape == (2, 15)
    np.testing.assert_allclose(merged[0, 0], 10 * 0.6 / 1.5)
    np.testing.assert_allclose(merged[:, 14], [0.9, 0.8])


def test_no_candidates_are_no_faces() -> None:
    assert merge_candidates(np.zeros((0, 15))).shape == (0, 15)


def test_every_head_crop_has_its_face(people: Path) -> None:
    detector = load_detector()
    for path in sorted(people.glob("*/*.jpg")):
        faces = detector.find_faces(open_photo(path).picture)
        assert faces, path
        eyes, mouth = faces[0].landmarks[:2], faces[0].landmarks[3:]
        assert eyes[0, 0] < eyes[1, 0] + 5, path
        assert eyes[:, 1].mean() < mouth[:, 1].mean(), path


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_of_the_registry_keeps_the_promises(name: str, shared: Path) -> None:
    detector = DETECTORS[name].load(silent, None)
    assert detector.name == name
    image = read_image(shared / "data" / "photos" / "couple.jpg")
    faces = detector.find_faces(Picture.of(image))
    assert faces
    for face in faces:
        assert face.landmarks.shape == (5, 2)
        assert face.landmarks.dtype == np.float32
        assert face.score <= 1
        assert np.float32([*face.box, face.score]).tolist() == [*face.box, face.score]
    areas = [face.area for face in faces]
    assert areas == sorted(areas, reverse=True)
    copied = pickle.loads(pickle.dumps(detector))
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(copied.find_faces, [Picture.of(image) for _ in range(8)]):
            assert [face.box for face in again] == [face.box for face in faces]


def test_boxes_are_in_pixels_of_the_photo_at_any_size(shared: Path) -> None:
    detector = load_detector()
    image = read_image(shared / "data" / "photos" / "couple.jpg")
    small = image[::4, ::4]
    large_faces, small_faces = (detector.find_faces(Picture.of(each)) for each in (image, small))
    assert len(large_faces) == len(small_faces) == 2
    for large, little in zip(large_faces, small_faces, strict=True):
        np.testing.assert_allclose(
            np.array(large.box) / 4, little.box, atol=0.08 * large.box[3] / 4
        )


@pytest.mark.parametrize("size", [52, 60])
def test_a_small_face_beside_a_large_one_is_found(size: int, shared: Path) -> None:
    """At first it has 8 pixels, which is no more than a hint."""
    names = "Adriana_Lima/002.jpg", "Amber_Heard/004.jpg"
    large, small = (read_image(shared / "data" / "people" / name) for name in names)
    photo = np.full((1600, 2400, 3), 127, np.uint8)
    photo[100:1500, 100:1200] = cv2.resize(large, (1100, 1400))
    x, y = 2000, 1200
    photo[y : y + size, x : x + size] = cv2.resize(
        small, (size, size), interpolation=cv2.INTER_AREA
    )
    faces = load_yunet().find_faces(open_photo(photo).picture)
    assert len(faces) == 2
    left, top, width, height = faces[1].box
    assert x < left + width / 2 < x + size
    assert y < top + height / 2 < y + size


def test_a_picture_without_faces_has_none(shared: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    detector_input = np.repeat(np.repeat(noise[:30, :40], 10, 0), 10, 1)
    assert load_yunet().find_faces(Picture.of(detector_input)) == []


def load_yunet() -> YuNet:
    detector = load_detector()
    assert isinstance(detector, YuNet)
    return detector


def test_mtcnn_agrees_with_yunet(people: Path) -> None:
    path = sorted(people.glob("*/*.jpg"))[0]
    picture = open_photo(path).picture
    ours, theirs = load_yunet().find_faces(picture)[0], Mtcnn().find_faces(picture)[0]
    distance = np.linalg.norm(ours.landmarks - theirs.landmarks, axis=1).mean()
    assert distance < 0.08 * ours.box[3]


def test_without_yunet_mtcnn_takes_over_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert load_detector().name == "mtcnn"
    assert "slower" in caplog.text


def test_a_recogniser_keeps_to_the_detector_of_its_training(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    assert recognizer.about.detector == "yunet"
    assert load_detector(name="mtcnn").name == "mtcnn"


def test_a_file_that_is_no_detector_is_named(tmp_path: Path) -> None:
    path = tmp_path / YUNET.name
    path.write_bytes(b"not a network")
    with pytest.raises(KnownfaceError, match=f"{YUNET.name}: not as it was saved"):
        YuNet(path)


def test_a_detector_whose_file_moves_on_still_finds_faces(people: Path, tmp_path: Path) -> None:
    path = tmp_path / YUNET.name
    path.write_bytes(load_yunet().file.read_bytes())
    detector = YuNet(path)
    path.unlink()
    head = sorted(people.glob("*/*.jpg"))[0]  # its size has a network of its own
    assert len(detector.find_faces(open_photo(head).picture)) == 1


def test_a_picture_that_is_filled_up_has_the_same_faces(
    people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = read_image(sorted(people.glob("*/*.jpg"))[0])
    pictures = [Picture.of(cv2.resize(head, size)) for size in ((410, 350), (330, 500), (500, 300))]
    detector = load_detector()
    filled = [detector.find_faces(picture)[0] for picture in pictures]
    monkeypatch.setattr("knownface.faces.detectors.yunet.COMMON", ())
    for picture, face in zip(pictures, filled, strict=True):
        alone = detector.find_faces(picture)[0]
        assert overlaps(np.array([face.box]), np.array(alone.box)) > 0.9
        np.testing.assert_allclose(face.landmarks, alone.landmarks, atol=3)


def test_a_network_for_one_size_sees_what_the_one_for_any_size_sees(people: Path) -> None:
    file = load_yunet().file
    head = cv2.resize(read_image(sorted(people.glob("*/*.jpg"))[0]), (160, 160))
    of_any, of_one = (
        Network(file, precision="float32", digest=YUNET.sha256, pictures=True, size=size)
        for size in (None, (160, 160))
    )
    for any_size, one_size in zip(of_any.run(head[None]), of_one.run(head[None]), strict=True):
        np.testing.assert_allclose(any_size, one_size, atol=1e-5)
    with pytest.raises(KnownfaceError, match="cannot be run"):
        of_one.run(head[None, :128])
