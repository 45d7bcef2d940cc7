"""What is said of each face of a photo: a name, or why it has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knownface.faces.face import Crop, Face
from knownface.recognition.confidence import Confidence
from knownface.recognition.corrections import SAME_FACE
from knownface.recognition.gallery import SEARCHED, Gallery
from knownface.recognition.recognizability import why_too_poor
from knownface.recognition.result import IGNORED, RecognizedFace, each_once

# Of 14-pixel faces, the frozen MobileFaceNet identifies 67 %, and 7 % at 1 % false accepts: too
# little to name anyone.
SMALLEST_FACE = 14.0
# Seen mirrored, too, a face's similarity differs by 0.015 (standard deviation); by less than this,
# no answer of 24,132 did (benchmarks/mirrored.py).
DOUBT = 0.08


@dataclass(frozen=True)
class Limits:
    """From which similarity k faces get a name, and which of them show too little: unclear (k,)."""

    threshold: float
    confidence: Confidence
    unclear: np.ndarray
    crop: Crop


def answers(
    gallery: Gallery,
    limits: Limits,
    faces: Sequence[Face],
    crops: np.ndarray,
    embeddings: np.ndarray,
    digest: str,
) -> tuple[RecognizedFace, ...]:
    """Of the k faces of one photo: crops (k, size, size, 3), embeddings (k, d), unit length.

    digest: of the photo's content, or empty. Nobody is there twice.
    """
    boxes = [face.box for face in faces]
    best, similarity, ignored = gallery.named(embeddings, limits.threshold, digest, boxes)
    confidences = limits.confidence(similarity).tolist()
    matches = zip(best, similarity.tolist(), confidences, strict=True)
    found = []
    for i, (face, (person, score, confidence)) in enumerate(zip(faces, matches, strict=True)):
        reason = detail = None
        if score < limits.threshold:
            reason = "too poor" if limits.unclear[i] else "unknown"
        if ignored[i]:
            reason = IGNORED
        if min(face.box[2:]) < SMALLEST_FACE and score < SAME_FACE:
            reason = "too poor"
        if reason == "too poor":
            detail = why_too_poor(face, crops[i], limits.crop)
        nearest = gallery.people[person] if person >= 0 else None
        name = None if reason else nearest
        found.append(
            RecognizedFace(face.box, name, score, reason, nearest, confidence, detail=detail)
        )
    return each_once(found)


def in_doubt(gallery: Gallery, threshold: float, embeddings: np.ndarray) -> np.ndarray:
    """(n,) whose answer may be another one when faces are seen mirrored, too.

    Those that show little are in doubt, and everybody where so many people are known that to ask
    them twice takes as long.
    """
    if len(gallery.people) >= SEARCHED:
        return np.ones(len(embeddings), bool)
    scores = gallery.scores(embeddings)
    nobody = np.full((len(embeddings), 2), -1.0)
    second, best = np.partition(np.hstack([scores, nobody]), (-2, -1), axis=1)[:, -2:].T
    found = (np.abs(best - threshold) < DOUBT) | ((best >= threshold) & (best - second < DOUBT))
    known = gallery.comparison
    return np.asarray(found if known is None else found | known.is_small(embeddings))
