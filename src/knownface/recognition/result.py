"""What recognising a photo gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

ALREADY_NAMED, IGNORED = "already in this photo", "ignored"


@dataclass(frozen=True)
class RecognizedFace:
    """One face: `name` is None for an unknown person and `reason` says why.

    nearest: the most similar person, whether that is enough for the name or not.
    detail: what is the matter with a face that is "too poor".
    confidence: how probable it is that this is who the face shows, 0 to 1; see `Confidence`.
    track: in a video, the number of this face in all pictures; what else is said is of all these
        together. None for a face that belongs to none, and in photos.
    """

    box: tuple[float, float, float, float]
    name: str | None
    similarity: float
    reason: str | None
    nearest: str | None = None
    confidence: float = 0.0
    track: int | None = None
    detail: str | None = None

    @property
    def answer(self) -> str:
        """The name, or why there is none."""
        if self.name:
            return self.name
        return f"{self.reason} ({self.detail})" if self.detail else str(self.reason)

    def __repr__(self) -> str:
        box = ", ".join(f"{value:.0f}" for value in self.box)
        answer = f"{self.answer} {self.similarity:.2f} [{box}]"
        return f"RecognizedFace({answer}, nearest {self.nearest} {self.confidence:.2f})"

    def corners(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the box, as far as it lies in a photo of that size."""
        x, y, w, h = self.box
        return (
            min(max(x, 0.0), width), min(max(y, 0.0), height),
            max(min(x + w, width), 0.0), max(min(y + h, height), 0.0),
        )  # fmt: skip


def each_once(faces: Sequence[RecognizedFace]) -> tuple[RecognizedFace, ...]:
    """Nobody is in a photo twice: the most similar face keeps the name, others are unknown.

    These cannot be more probable than that the best face is somebody else.
    """
    best: dict[str, RecognizedFace] = {}
    for face in faces:
        if face.name and (face.name not in best or face.similarity > best[face.name].similarity):
            best[face.name] = face

    def judged(face: RecognizedFace) -> RecognizedFace:
        if not face.name or face is best[face.name]:
            return face
        rest = min(face.confidence, 1 - best[face.name].confidence)
        return replace(face, name=None, reason=ALREADY_NAMED, confidence=rest)

    return tuple(map(judged, faces))


@dataclass(frozen=True)
class Recognition:
    """Everything found in one photo, or in one picture of a video.

    path: empty where the photo was no file; error: why it could not be read.
    pixels: (height, width, 3) RGB uint8, the photo itself, where it was asked for.
    size: width and height of the upright photo; None where it was not read.
    seconds: since the video's first picture, or since a live source was opened; None for a photo.
    """

    path: str
    faces: tuple[RecognizedFace, ...]
    error: str | None = None
    pixels: np.ndarray | None = field(default=None, compare=False)
    size: tuple[int, int] | None = None
    seconds: float | None = None

    def __repr__(self) -> str:
        named = [f"{face.answer} {face.similarity:.2f}" for face in self.faces]
        return f"Recognition({self.error or f'{self.path}: ' + (', '.join(named) or 'no face')})"

    def to_json(self) -> dict[str, Any]:
        """The photo as `knownface recognize --json` prints it."""
        faces: list[dict[str, Any]] = [
            {
                "box": [round(value, 1) for value in face.box],
                "name": face.name,
                "similarity": round(face.similarity, 4),
                "reason": face.reason,
                "detail": face.detail,
                "nearest": face.nearest,
                "confidence": round(face.confidence, 4),
            }
            for face in self.faces
        ]
        if self.seconds is not None:
            for said, face in zip(faces, self.faces, strict=True):
                said |= {"track": face.track, "seconds": round(self.seconds, 3)}
        return {"path": self.path, "error": self.error, "faces": faces}
