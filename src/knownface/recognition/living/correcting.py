"""Saying who a face is, or is not, and finding out what made it be named wrongly."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

import numpy as np

from knownface.errors import KnownfaceError
from knownface.options import argument, either
from knownface.recognition.corrections import SAME_FACE
from knownface.recognition.living import naming
from knownface.recognition.living.changes import Recorder
from knownface.recognition.living.enrolling import leave, looks, place, same_face
from knownface.recognition.living.reading import Known
from knownface.recognition.living.records import Cause, Done, SeenFace
from knownface.stats.vectors import unit_length


@dataclass(frozen=True)
class Said:
    """What somebody says of a face: one of the three. Raises KnownfaceError for none or several."""

    face: SeenFace
    is_: str | None
    not_: str | int | None
    nobody: bool

    def __post_init__(self) -> None:
        if (self.is_ is not None) + (self.not_ is not None) + bool(self.nobody) != 1:
            ways = argument("is_", ...), argument("not_", ...), argument("nobody", True)
            raise KnownfaceError(f"say one thing about a face: {either(ways)}")


def correct(recorder: Recorder, known: Known, said: Said, threshold: float) -> Done:
    """See `LivingGallery.correct`."""
    database, source = recorder.database, said.face.source
    before = cause(known, said.face.embedding, threshold)
    there = same_face(database, said.face)
    if said.nobody:
        person = recorder.insert("people", name=None, state="ignored", added=time.time())
        place(recorder, said.face, person, there)
        return Done(f"The face in {source} is nobody, and is never named", (), before)
    if said.is_ is not None:
        person, new = naming.person_called(recorder, said.is_)
        place(recorder, said.face, person, there)
        who = naming.shown(database, person)
        theirs = there is not None and there["person"] == person
        notes = naming.mistyped(database, person) if new else []
        notes += [] if theirs else looks(known, person, who, [said.face], threshold)
        text = f"The face in {source} is {who}" + (", who is new" if new else "")
        return Done(text, notes, before if before and before.person != who else None)
    assert said.not_ is not None
    person = naming.find(database, said.not_)
    who = naming.shown(database, person)
    _refuse(recorder, said.face, person, there)
    text = f"The face in {source} is not {who}"
    return Done(text, (), before if before and before.person == who else None)


def _refuse(recorder: Recorder, face: SeenFace, person: int, there: sqlite3.Row | None) -> None:
    """A face is not somebody: theirs no more, and never again until it is said to be."""
    if there is None:
        row = place(recorder, face, None, None)
    else:
        row = int(there["id"])
        if there["person"] == person:
            leave(recorder, person, row)
            recorder.update("faces", row, person=None, said=1)
    if recorder.rows("constraints", "face = ? AND person = ?", row, person):
        who = naming.shown(recorder.database, person)
        raise KnownfaceError(f"the face in {face.source} is known not to be {who} already")
    recorder.insert("constraints", kind="not", face=row, person=person)


def cause(known: Known, embedding: np.ndarray, threshold: float) -> Cause | None:
    """Which enrolled photo made a face be named, and who would be without it; None: nobody was."""
    gallery = known.gallery
    if not gallery.people:
        return None
    best, similarity, ignored = gallery.named(embedding[None], threshold)
    person = int(best[0])
    if similarity[0] < threshold or ignored[0]:
        return None
    rows = np.flatnonzero(gallery.labels == person)
    own = gallery.embeddings[rows]
    without = _without_each(known, person, own, embedding)
    culprit = int(without.argmin())
    said = own @ embedding
    if said.max() >= SAME_FACE:  # the very same face is enrolled
        culprit = int(said.argmax())
    scores = gallery.scores(embedding[None])[0].astype(np.float64)
    scores[person] = without[culprit]
    winner = int(scores.argmax())
    return Cause(
        gallery.photos[rows[culprit]],
        int(known.faces[rows[culprit]]),
        gallery.people[person],
        float(similarity[0]),
        gallery.people[winner] if scores[winner] >= threshold else None,
    )


def _without_each(known: Known, person: int, own: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """The face's similarity with the person if each of their photos were not there."""
    if len(own) == 1:
        return np.full(1, -1.0)
    templates = known.gallery.against(unit_length(known.sums[person] - own))
    return np.asarray(templates.scores(embedding[None])[0])
