"""What enrolled photos say of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import SeenFace
from knownface.server.web import works


@pytest.fixture
def gallery(served: Any) -> LivingGallery:
    return LivingGallery(served.run)


def test_a_photo_under_the_wrong_name_is_the_first_to_look_at(gallery: LivingGallery) -> None:
    one, other = (person.name for person in gallery.people()[:2])
    assert one
    assert other
    face = gallery.faces(one)[0]
    gallery.split(one, [face.id], other)
    found = works.doubts(gallery.read(), 0.5)
    assert found.photos[0].face == face.id
    assert (found.photos[0].name, found.photos[0].other_name) == (other, one)
    assert found.photos[0].own < found.photos[0].similarity
    assert other in [each.name for each in found.weakest]
    gallery.undo()
    assert face.id not in [each.face for each in works.doubts(gallery.read(), 0.5).photos]


def test_blocks_change_nothing(gallery: LivingGallery, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = works.doubts(gallery.read(), 0.8)
    monkeypatch.setattr(works, "BLOCK", 5)
    assert works.doubts(gallery.read(), 0.8) == whole


def test_one_photo_says_nothing(gallery: LivingGallery, tmp_path: Path) -> None:
    width = gallery.read().gallery.templates.shape[1]
    face = SeenFace(np.eye(width, dtype=np.float32)[0], (0, 0, 9, 9), (9, 9), 1.0, "a.jpg", "a")
    gallery.enroll("Solo", [face])
    found = works.doubts(gallery.read(), 0.5)
    assert found.alone == ["Solo"]
    assert "Solo" not in [each.name for each in (*found.photos, *found.weakest)]
