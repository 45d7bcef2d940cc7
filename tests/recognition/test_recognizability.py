"""Faces that show too little are told from people whom nobody knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from knownface.errors import KnownfaceError
from knownface.faces.photo import read_image
from knownface.recognition.recognizability import Recognizability
from knownface.recognition.recognizer import Recognizer
from knownface.stats.vectors import unit_length

RNG = np.random.default_rng(4)


def mean_colour(crops: np.ndarray) -> np.ndarray:
    """An embedder for which spoiled crops, whose noise is gone, are alike."""
    rough = crops.astype(float).std((1, 2)) / 40
    return unit_length(np.concatenate([np.ones((len(crops), 1)), rough], 1).astype(np.float32))


def noise(count: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, 40, 40, 3)).astype(np.uint8)


def test_what_is_near_the_middle_of_nobody_is_too_poor() -> None:
    crops = noise(50)
    rule = Recognizability.measure(mean_colour, crops, mean_colour(crops))
    assert rule is not None
    assert not rule.too_poor(mean_colour(noise(50))).any()
    smooth = np.stack([cv2.GaussianBlur(crop, (0, 0), 6) for crop in noise(50)])
    assert rule.too_poor(mean_colour(smooth)).all()


def test_few_photos_make_it_careful_and_too_few_none() -> None:
    crops = noise(60)
    found = [
        Recognizability.measure(mean_colour, crops[:count], mean_colour(crops[:count]))
        for count in (4, 6, 60)
    ]
    assert found[0] is None
    assert found[1] is not None
    assert found[2] is not None
    assert found[1].least < found[2].least


@pytest.fixture
def faces(run_folder: Path, shared: Path) -> tuple[Recognizer, np.ndarray]:
    """A trained recogniser, and a stranger's photo."""
    stranger = sorted((shared / "data" / "strangers").glob("*/*.jpg"))[0]
    return Recognizer.load(run_folder), read_image(stranger)


def test_a_stranger_is_unknown_and_a_blurred_or_small_one_is_too_poor(
    faces: tuple[Recognizer, np.ndarray],
) -> None:
    recognizer, photo = faces
    assert recognizer.recognize(photo).faces[0].reason == "unknown"
    side = recognizer.recognize(photo).faces[0].box[2]
    blurred = recognizer.recognize(cv2.GaussianBlur(photo, (0, 0), 0.035 * side)).faces[0]
    assert (blurred.name, blurred.reason, blurred.detail) == (None, "too poor", "blurred")
    assert blurred.answer == "too poor (blurred)"
    little = cv2.resize(photo, None, fx=12 / side, fy=12 / side, interpolation=cv2.INTER_AREA)
    little = cv2.copyMakeBorder(little, 200, 200, 200, 200, cv2.BORDER_CONSTANT)
    for face in recognizer.recognize(little).faces:
        assert (face.reason, face.detail) == ("too poor", "too small")


def test_nobody_who_is_named_loses_the_name_to_it(people: Path, run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    strict = replace(recognizer, recognizability=Recognizability([1.0] + [0.0] * 255, 2.0))
    photo = next((people / recognizer.people[0]).iterdir())
    assert strict.recognize(photo).faces[0].name == recognizer.recognize(photo).faces[0].name
    assert strict.recognize(photo).faces[0].name == recognizer.people[0]


def test_it_is_kept_with_the_recogniser(run_folder: Path, tmp_path: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    assert recognizer.recognizability is not None
    recognizer.save(tmp_path / "copy")
    assert Recognizer.load(tmp_path / "copy").recognizability == recognizer.recognizability
    replace(recognizer, recognizability=None).save(tmp_path / "without")
    assert Recognizer.load(tmp_path / "without").recognizability is None
    with pytest.raises(KnownfaceError, match="shows nobody was measured with 3"):
        replace(recognizer, recognizability=Recognizability([1.0, 0.0, 0.0], 0.5))
