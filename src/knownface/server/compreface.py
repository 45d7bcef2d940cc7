"""How CompreFace speaks: the shapes of its answers and errors, from our gallery.

Only its documented interface is followed (its REST API description, version 1.2).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from threading import Lock
from typing import Any

import numpy as np

from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.reading import Known
from knownface.recognition.living.records import SeenFace
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import RecognizedFace
from knownface.server.problems import Problem

PREFIX = "/api/v1/recognition/"
OURS = uuid.UUID("6d0f6f6b-6e6f-5766-8163-650000000018")  # the namespace of our faces' UUIDs

# The numbers that CompreFace's clients tell errors by.
UNDEFINED, VALIDATION, NO_FACE, TOO_MANY_FACES = 0, 26, 28, 31
MISSING_PART, IMAGE, NO_SUBJECT, SUBJECT_THERE, NO_EXAMPLE = 34, 21, 42, 43, 44


class Refusal(Problem):
    """A problem with the number that CompreFace gives it."""

    def __init__(self, status: int, detail: str, code: int) -> None:
        super().__init__(status, detail)
        self.code = code


def as_compreface(problem: Problem) -> tuple[int, dict[str, Any]]:
    """Status and document of an error; what does not fit is 400 there, not 422."""
    status = 400 if problem.status == 422 else problem.status
    code = problem.code if isinstance(problem, Refusal) else UNDEFINED
    if code == UNDEFINED and problem.status == 422:
        code = VALIDATION
    return status, {"message": problem.detail, "code": code}


def image_id(face: int) -> str:
    """The UUID of an enrolled face: always the same one."""
    return str(uuid.uuid5(OURS, str(face)))


# ---------------------------------------------------------------- the collection
@dataclass(frozen=True)
class Example:
    """One enrolled face as CompreFace lists it."""

    image_id: str
    face: int
    subject: str
    row: int

    def to_json(self) -> dict[str, str]:
        return {"image_id": self.image_id, "subject": self.subject}


class Collection:
    """All enrolled faces at one moment, read again when something has changed.

    A subject may be announced before it has a photo: that is remembered until the server ends, and
    the gallery knows of it with its first photo.
    """

    def __init__(self, gallery: LivingGallery) -> None:
        self._gallery = gallery
        self._lock = Lock()
        self._announced: dict[str, None] = {}
        self._number = -1
        self._known: Known
        self._examples: list[Example]

    def read(self) -> tuple[Known, list[Example]]:
        with self._lock:
            if self._gallery.number != self._number:
                known = self._known = self._gallery.read()
                names = [known.gallery.people[label] for label in known.gallery.labels]
                self._examples = [
                    Example(image_id(int(face)), int(face), name, row)
                    for row, (face, name) in enumerate(zip(known.faces, names, strict=True))
                ]
                self._number = known.number
            return self._known, self._examples

    def find(self, wanted: str) -> Example:
        """Raises Refusal where there is no such face."""
        for example in self.read()[1]:
            if example.image_id == wanted.lower():
                return example
        raise Refusal(404, f"Image with id {wanted:.60} not found", NO_EXAMPLE)

    def embedding(self, example: Example) -> np.ndarray:
        return np.asarray(self.read()[0].gallery.embeddings[example.row])

    # ------------------------------------------------------------ subjects
    @property
    def subjects(self) -> list[str]:
        known = set(self.read()[0].gallery.people)
        return sorted(known | self._announced.keys())

    def has_photos(self, subject: str) -> bool:
        return subject in self.read()[0].gallery.people

    def announce(self, subject: str) -> None:
        self._announced[subject] = None

    def withdraw(self, subject: str) -> bool:
        """Whether it was announced."""
        return self._announced.pop(subject, "") is None


# ---------------------------------------------------------------- faces
@dataclass(frozen=True)
class Wish:
    """What a request asks for.

    limit: of faces, the largest first; 0: all. count: of subjects for each face. plugins: what is
    to be said of each face besides. least: what the detector's score must be.
    """

    limit: int = 0
    count: int = 1
    plugins: frozenset[str] = frozenset()
    least: float = 0.0
    status: bool = False


def chosen(faces: Sequence[SeenFace], wish: Wish) -> list[int]:
    """Which faces are answered. Raises Refusal where none is left."""
    rows = [row for row, face in enumerate(faces) if face.score >= wish.least]
    if wish.limit:
        rows.sort(key=lambda row: -faces[row].box[2] * faces[row].box[3])
        rows = rows[: wish.limit]
    if not rows:
        raise Refusal(400, "No face is found in the given image", NO_FACE)
    return rows


def face_document(face: SeenFace, wish: Wish) -> dict[str, Any]:
    """Box, and what the plugins say that we have: calculator and landmarks."""
    x, y, width, height = face.box
    said: dict[str, Any] = {
        "box": {
            "probability": round(face.score, 5),
            "x_min": max(0, round(x)), "y_min": max(0, round(y)),
            "x_max": round(x + width), "y_max": round(y + height),
        }
    }  # fmt: skip
    if "calculator" in wish.plugins:
        said["embedding"] = [float(value) for value in face.embedding]
    if "landmarks" in wish.plugins and face.landmarks is not None:
        points = np.nan_to_num(face.landmarks)
        said["landmarks"] = [[round(float(x)), round(float(y))] for x, y in points]
    return said


def plugins_document(recognizer: Recognizer, wish: Wish) -> dict[str, Any]:
    """What `status` asks for."""
    if not wish.status:
        return {}
    names = {
        "detector": recognizer.about.detector or "none",
        "calculator": recognizer.about.backbone_name,
    }
    return {"plugins_versions": names}


def similarities(recognizer: Recognizer, cosines: np.ndarray) -> np.ndarray:
    """Cosines as CompreFace's clients expect similarities: from 0 to 1, and high for a match.

    From the threshold on it is our confidence, and below it the cosine, so that a client whose bar
    stands in between decides as we do.
    """
    threshold, confidence = recognizer.threshold.value, recognizer.confidence
    sure = cosines if confidence is None else np.maximum(cosines, confidence(cosines))
    return np.clip(np.where(cosines < threshold, cosines, sure), 0.0, 1.0)


def subjects_of(
    recognizer: Recognizer, answer: RecognizedFace, face: SeenFace, count: int
) -> list[dict[str, Any]]:
    """The people most like a face; nobody where it is not to be named whatever it looks like."""
    gallery = recognizer.gallery
    if not gallery.people or (answer.name is None and answer.reason != "unknown"):
        return []
    cosines = gallery.scores(face.embedding[None])[0]
    order = np.argsort(-cosines, kind="stable")
    rows = [row for row in order if gallery.people[row] != answer.name]
    if answer.name in gallery.people:
        rows.insert(0, gallery.people.index(answer.name))
    elif cosines[order[0]] >= recognizer.threshold.value:  # said to be nobody
        return []
    values = similarities(recognizer, cosines)
    return [
        {"subject": gallery.people[row], "similarity": round(float(values[row]), 5)}
        for row in rows[:count]
    ]


def page(examples: Sequence[Example], number: int, size: int) -> dict[str, Any]:
    """One page of a list."""
    part = examples[number * size : (number + 1) * size]
    return {
        "faces": [each.to_json() for each in part], "page_number": number, "page_size": size,
        "total_pages": ceil(len(examples) / size), "total_elements": len(examples),
    }  # fmt: skip
