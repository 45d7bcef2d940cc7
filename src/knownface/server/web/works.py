"""The screen Does it work?: the honest evaluation, of what is known at this moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from fastapi import APIRouter, Request, Response

from knownface.errors import KnownfaceError
from knownface.measure.evaluation import Evaluation
from knownface.measure.look_alikes import LookAlike, find_look_alikes
from knownface.measure.verdict import concerns
from knownface.server.web.frame import Screen, page, service_of

if TYPE_CHECKING:
    from knownface.recognition.living.reading import Known

MOST_PHOTOS, MOST_PEOPLE = 12, 8

router = APIRouter(route_class=Screen)


@dataclass(frozen=True)
class Doubtful:
    """An enrolled photo that looks more like somebody else; other_face: that person's best."""

    face: int
    person: int
    name: str
    other: int
    other_name: str
    other_face: int
    own: float
    similarity: float
    source: str


@dataclass(frozen=True)
class Recognised:
    """How many of somebody's photos the others of theirs would name at the threshold."""

    person: int
    name: str
    named: int
    photos: int


@dataclass(frozen=True)
class Doubts:
    """What the enrolled photos say of each other, each compared without itself."""

    photos: list[Doubtful]
    weakest: list[Recognised]
    alone: list[str]
    look_alikes: list[tuple[LookAlike, int, int]]


@router.get("/works")
def works(request: Request) -> Response:
    service = service_of(request)
    known, threshold = service.gallery.read(), service.recognizer.threshold
    standing = known.standing(threshold.value)
    evaluation = _evaluation(service.gallery.folder)
    return page(
        request,
        "works.html.jinja",
        standing=standing,
        doubts=doubts(known, threshold.value),
        featured={each.id: each.featured for each in service.gallery.people()},
        evaluation=evaluation,
        concerns=concerns(evaluation) if evaluation else [],
    )


def _evaluation(folder: Path) -> Evaluation | None:
    """Of the run that the recogniser lies in, if it does."""
    path = folder.parent / "evaluation.json"
    try:
        return _loaded(path, path.stat().st_mtime_ns)
    except (OSError, KnownfaceError):
        return None


@lru_cache(2)
def _loaded(path: Path, changed: int) -> Evaluation:
    return Evaluation.load(path)


def doubts(known: Known, threshold: float) -> Doubts:
    """Which photos to look at, who is hardest to recognise, and who is easily mixed up."""
    gallery = known.gallery
    if not gallery.people:
        return Doubts([], [], [], [])
    counts = np.bincount(gallery.labels, minlength=len(gallery.people))
    rows = np.flatnonzero(counts[gallery.labels] > 1)
    labels = gallery.labels[rows]
    faces = gallery.embeddings[rows].astype(np.float64)
    scores = faces @ gallery.templates.T.astype(np.float64)
    others = known.sums[labels] - faces
    at = np.arange(len(rows))
    scores[at, labels] = (others * faces).sum(1) / np.maximum(np.linalg.norm(others, axis=1), 1e-9)
    best = scores.argmax(1) if len(rows) else labels
    right = (best == labels) & (scores[at, labels] >= threshold)
    named, photos = Counter(labels[right].tolist()), Counter(labels.tolist())
    weak = [
        Recognised(int(known.ids[i]), gallery.people[i], named[i], photos[i]) for i in photos
        if named[i] < photos[i]
    ]  # fmt: skip
    return Doubts(
        _doubtful(known, rows, scores, best),
        sorted(weak, key=lambda each: each.named / each.photos)[:MOST_PEOPLE],
        [name for name, count in zip(gallery.people, counts, strict=True) if count == 1],
        _look_alikes(known),
    )


def _doubtful(
    known: Known, rows: np.ndarray, scores: np.ndarray, best: np.ndarray
) -> list[Doubtful]:
    gallery = known.gallery
    at = np.arange(len(rows))
    own = scores[at, gallery.labels[rows]]
    lead = scores[at, best] - own
    found = []
    for i in np.argsort(-lead, kind="stable")[:MOST_PHOTOS]:
        if lead[i] <= 0:
            break
        row, other = int(rows[i]), int(best[i])
        theirs = np.flatnonzero(gallery.labels == other)
        nearest = int(theirs[(gallery.embeddings[theirs] @ gallery.embeddings[row]).argmax()])
        label = int(gallery.labels[row])
        found.append(
            Doubtful(
                int(known.faces[row]), int(known.ids[label]), gallery.people[label],
                int(known.ids[other]), gallery.people[other], int(known.faces[nearest]),
                float(own[i]), float(scores[i, other]), gallery.photos[row],
            )
        )  # fmt: skip
    return found


def _look_alikes(known: Known) -> list[tuple[LookAlike, int, int]]:
    gallery = known.gallery
    nobody = np.zeros((len(gallery.people), len(gallery.people)), np.int64)
    ids = dict(zip(gallery.people, known.ids.tolist(), strict=True))
    return [(pair, ids[pair.first], ids[pair.second]) for pair in find_look_alikes(gallery, nobody)]
