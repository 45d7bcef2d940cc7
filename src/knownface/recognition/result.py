"""What recognising a photo gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RecognizedFace:
    """One face: `name` is None for an unknown person and `reason` says why."""

    box: tuple[float, float, float, float]
    name: str | None
    similarity: float
    reason: str | None


@dataclass(frozen=True)
class Recognition:
    """Everything found in one photo; `error` says why a photo could not be read."""

    path: str
    faces: tuple[RecognizedFace, ...]
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The photo as `knownface recognize --json` prints it."""
        faces = [
            {
                "box": [round(value, 1) for value in face.box],
                "name": face.name,
                "similarity": round(face.similarity, 4),
                "reason": face.reason,
            }
            for face in self.faces
        ]
        return {"path": self.path, "error": self.error, "faces": faces}
