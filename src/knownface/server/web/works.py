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
BLOCK = 2048  # photos that are compared at once
MOST_COSINES = 30_000_000  # a quarter of a gigabyte

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


@dataclass(frozen=True)
class _Compared:
    """Enrolled photos, each compared with everybody, and with its own person without itself.

    rows: (m,) of the gallery's photos, those whose person has another one; labels: (m,) whose they
    are. own: (m,) cosine with the own person; best: (m,) who is most like, at a cosine of highest.
    """

    rows: np.ndarray
    labels: np.ndarray
    own: np.ndarray
    best: np.ndarray
    highest: np.ndarray


def doubts(known: Known, threshold: float) -> Doubts:
    """Which photos to look at, who is hardest to recognise, and who is easily mixed up."""
    gallery = known.gallery
    if not gallery.people:
        return Doubts([], [], [], [])
    found = _compared(known)
    right = (found.best == found.labels) & (found.own >= threshold)
    named, photos = Counter(found.labels[right].tolist()), Counter(found.labels.tolist())
    weak = [
        Recognised(int(known.ids[i]), gallery.people[i], named[i], photos[i]) for i in photos
        if named[i] < photos[i]
    ]  # fmt: skip
    return Doubts(
        _doubtful(known, found),
        sorted(weak, key=lambda each: each.named / each.photos)[:MOST_PEOPLE],
        [name for i, name in enumerate(gallery.people) if i not in photos],
        _look_alikes(known),
    )


def _compared(known: Known) -> _Compared:
    """In blocks: all cosines of a large gallery would not fit into memory."""
    gallery = known.gallery
    counts = np.bincount(gallery.labels, minlength=len(gallery.people))
    rows = np.flatnonzero(counts[gallery.labels] > 1)
    labels, own = gallery.labels[rows], np.zeros(len(rows))
    best, highest = labels.copy(), np.zeros(len(rows))
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        scores = gallery.without_itself(rows[part], known.sums)
        own[part] = scores[np.arange(len(scores)), labels[part]]
        best[part] = scores.argmax(1)
        highest[part] = scores.max(1)
    return _Compared(rows, labels, own, best, highest)


def _doubtful(known: Known, found: _Compared) -> list[Doubtful]:
    """The photos that look most like somebody else, the worst first."""
    lead = found.highest - found.own
    order = np.argsort(-lead, kind="stable")[:MOST_PHOTOS]
    return [_doubt(known, found, int(i)) for i in order if lead[i] > 0]


def _doubt(known: Known, found: _Compared, i: int) -> Doubtful:
    gallery, row, label = known.gallery, int(found.rows[i]), int(found.labels[i])
    other = int(found.best[i])
    theirs = np.flatnonzero(gallery.labels == other)
    nearest = int(theirs[(gallery.embeddings[theirs] @ gallery.embeddings[row]).argmax()])
    return Doubtful(
        int(known.faces[row]), int(known.ids[label]), gallery.people[label],
        int(known.ids[other]), gallery.people[other], int(known.faces[nearest]),
        float(found.own[i]), float(found.highest[i]), gallery.photos[row],
    )  # fmt: skip


def _look_alikes(known: Known) -> list[tuple[LookAlike, int, int]]:
    """Pairs with the ids of both; of very many people none are looked for."""
    gallery = known.gallery
    if len(gallery.people) * len(gallery.labels) > MOST_COSINES:
        return []
    nobody = np.zeros((len(gallery.people), len(gallery.people)), np.int64)
    ids = dict(zip(gallery.people, known.ids.tolist(), strict=True))
    return [(pair, ids[pair.first], ids[pair.second]) for pair in find_look_alikes(gallery, nobody)]
