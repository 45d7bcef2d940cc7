"""What recognising a photo gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class RecognizedFace:
    """One face: `name` is None for an unknown person and `reason` says why.

    nearest: the most similar person, whether that is enough for the name or not.
    confidence: how probable it is that this is who the face shows, 0 to 1; see `Confidence`.
    """

    box: tuple[float, float, float, float]
    name: str | None
    similarity: float
    reason: str | None
    nearest: str | None = None
    confidence: float = 0.0


@dataclass(frozen=True)
class Recognition:
    """Everything found in one photo.

    path: empty where the photo was no file; error: why it could not be read.
    pixels: (height, width, 3) RGB uint8, the photo itself, where it was asked for.
    """

    path: str
    faces: tuple[RecognizedFace, ...]
    error: str | None = None
    pixels: np.ndarray | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        named = [f"{face.name or face.reason} {face.similarity:.2f}" for face in self.faces]
        return f"Recognition({self.error or f'{self.path}: ' + (', '.join(named) or 'no face')})"

    def to_json(self) -> dict[str, Any]:
        """The photo as `knownface recognize --json` prints it."""
        faces = [
            {
                "box": [round(value, 1) for value in face.box],
                "name": face.name,
                "similarity": round(face.similarity, 4),
                "reason": face.reason,
                "nearest": face.nearest,
                "confidence": round(face.confidence, 4),
            }
            for face in self.faces
        ]
        return {"path": self.path, "error": self.error, "faces": faces}
