"""Faces seen lately, for a time and up to a number."""

from __future__ import annotations

import numpy as np
import pytest

from knownface.errors import KnownfaceError
from knownface.recognition.living.records import SeenFace, SeenPhoto
from knownface.recognition.result import Recognition
from knownface.server.recent import SECONDS, Recent


def seen(number: int) -> SeenPhoto:
    faces = tuple(
        SeenFace(np.zeros(2, np.float32), (0, 0, 9, 9), (9, 9), 1.0, f"{i}", "")
        for i in range(number)
    )
    return SeenPhoto(Recognition("", ()), faces)


def test_tokens_lead_to_faces_until_they_are_too_old_or_too_many() -> None:
    now = [0.0]
    recent = Recent(most=3, clock=lambda: now[0])
    first = recent.add(seen(2))
    assert [recent.face(token).source for token in first] == ["0", "1"]
    second = recent.add(seen(2))
    with pytest.raises(KnownfaceError, match="recognise the photo again"):
        recent.face(first[0])
    assert recent.face(second[1]).source == "1"
    now[0] = SECONDS + 1
    with pytest.raises(KnownfaceError):
        recent.face(second[1])
    third = recent.add(seen(1))
    recent.clear()
    with pytest.raises(KnownfaceError):
        recent.face(third[0])
