"""MTCNN without TensorFlow: the package's results, and photos of every size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from knownface.faces.detectors import mtcnn_networks
from knownface.faces.detectors.mtcnn import MOST, Mtcnn, suppress
from knownface.faces.detectors.mtcnn_networks import (
    OUTPUT,
    PROPOSAL,
    REFINEMENT,
    Network,
    read_arrays,
)
from knownface.faces.photo import read_image
from knownface.faces.picture import Picture
from knownface.files.download import WeightError

NETWORKS = (PROPOSAL, REFINEMENT, OUTPUT)


@pytest.fixture(scope="module")
def detector() -> Mtcnn:
    return Mtcnn()


def test_it_finds_what_the_package_finds(detector: Mtcnn, people: Path, shared: Path) -> None:
    pytest.importorskip("tensorflow")
    from mtcnn import MTCNN

    package = MTCNN(device="CPU:0")
    photos = [shared / "data" / "photos" / name for name in ("couple.jpg", "img59.jpg")]
    for path in [*sorted(people.glob("*/*.jpg"))[::6], *photos]:
        image = read_image(path)
        scale = min(1.0, 640 / max(image.shape[:2]))
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rows = package.detect_faces(image, output_type="numpy", box_format="xyxy")
        boxes, scores, landmarks = detector.detect(image)
        np.testing.assert_allclose(boxes, rows[:, 1:5], atol=0.1, err_msg=str(path))
        np.testing.assert_allclose(scores, rows[:, 5], atol=1e-4)
        expected = rows[:, 6:].reshape(-1, 2, 5).transpose(0, 2, 1)
        np.testing.assert_allclose(landmarks, expected, atol=0.1)


def test_it_needs_neither_tensorflow_nor_the_package_s_code(shared: Path) -> None:
    photo = shared / "data" / "photos" / "couple.jpg"
    code = f"""
import sys
for name in ("tensorflow", "keras", "mtcnn", "joblib"):
    sys.modules[name] = None
from knownface.faces.photo import open_photo
from knownface.faces.detectors.mtcnn import Mtcnn
print(len(Mtcnn().find_faces(open_photo({str(photo)!r}).picture)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "2\n", done.stderr


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (11, 300), (13, 13), (3000, 40)])
def test_too_small_or_empty_pictures_have_no_faces(detector: Mtcnn, shape: tuple[int, int]) -> None:
    assert detector.find_faces(Picture.of(np.full((*shape, 3), 128, np.uint8))) == []


def test_noise_has_no_faces(detector: Mtcnn) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (640, 640, 3), dtype=np.uint8)
    assert detector.find_faces(Picture.of(noise)) == []


def test_huge_and_grey_photos(detector: Mtcnn, shared: Path) -> None:
    image = read_image(shared / "data" / "photos" / "couple.jpg")
    grey = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert len(detector.find_faces(Picture.of(grey))) == 2
    huge = cv2.resize(image, None, fx=4, fy=4)
    small_faces, huge_faces = (detector.find_faces(Picture.of(each)) for each in (image, huge))
    for small, large in zip(small_faces, huge_faces, strict=True):
        np.testing.assert_allclose(large.landmarks / 4, small.landmarks, atol=0.05 * small.box[3])


def test_a_suppressed_box_still_suppresses() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    scores = np.array([0.7, 0.8, 0.9], np.float32)
    assert suppress(boxes, scores, 0.4).tolist() == [2]
    assert suppress(boxes, scores, 0.5, of_smaller=True).tolist() == [2]
    assert suppress(boxes, scores, 0.9).tolist() == [2, 1, 0]
    crowd = np.arange(2 * MOST, dtype=np.float32)[:, None] * [20, 0, 20, 0] + [0, 0, 10, 10]
    assert len(suppress(crowd.astype(np.float32), crowd[:, 0], 0.5)) == MOST


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.file)
def test_every_array_of_the_file_is_read(network: Network) -> None:
    arrays = read_arrays(network)
    assert [array.shape for array in arrays] == list(network.shapes())
    assert all(np.isfinite(array).all() and array.std() < 3 for array in arrays)


def test_another_file_under_that_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        mtcnn_networks, "_package_file", lambda name: (tmp_path / name, b"cos\nsystem\n")
    )
    with pytest.raises(WeightError, match="not the weights of mtcnn"):
        read_arrays(PROPOSAL)


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise mtcnn_networks.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(mtcnn_networks.importlib.metadata, "distribution", missing)
    mtcnn_networks.load_network.cache_clear()
    with pytest.raises(WeightError, match="pip install mtcnn"):
        Mtcnn()
