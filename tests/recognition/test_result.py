"""What one photo gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knownface.faces.photo import read_image
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import RecognizedFace, each_once

BOX = (0.0, 0.0, 50.0, 50.0)


def test_the_better_face_keeps_the_name_wherever_it_stands() -> None:
    faces = [
        RecognizedFace(BOX, "Ann", 0.6, None, "Ann", 0.9),
        RecognizedFace(BOX, "Bob", 0.7, None, "Bob", 0.95),
        RecognizedFace(BOX, "Ann", 0.8, None, "Ann", 0.98),
        RecognizedFace(BOX, None, 0.9, "too poor", "Ann", 0.99),
        RecognizedFace(BOX, "Ann", 0.8, None, "Ann", 0.98),  # a tie
    ]
    found = each_once(faces)
    assert [face.name for face in found] == [None, "Bob", "Ann", None, None]
    already = "already in this photo"
    assert [face.reason for face in found] == [already, None, None, "too poor", already]
    assert [face.nearest for face in found] == [face.nearest for face in faces]
    assert found[0].confidence == pytest.approx(0.02)
    assert found[1:4] == tuple(faces[1:4])


def test_a_collage_of_one_person_names_her_once(run_folder: Path, people: Path) -> None:
    photos = [read_image(people / "Megan_Fox" / f"00{i}.jpg") for i in (1, 2)]
    height = min(photo.shape[0] for photo in photos)
    collage = np.concatenate([photo[:height] for photo in photos], axis=1)
    found = Recognizer.load(run_folder).recognize(collage)
    assert sorted(str(face.name) for face in found.faces) == ["Megan_Fox", "None"]
    assert {face.nearest for face in found.faces} == {"Megan_Fox"}
    assert found.size == (collage.shape[1], height)
