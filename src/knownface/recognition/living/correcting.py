"""Saying who a face is, or is not, and finding out what made it be named wrongly."""

from __future__ import annotations

import time

import numpy as np

from knownface.errors import KnownfaceError
from knownface.options import argument, either
from knownface.recognition.corrections import SAME_FACE
from knownface.recognition.living import naming
from knownface.recognition.living.changes import Recorder
from knownface.recognition.living.enrolling import leave, looks, place, same_face
from knownface.recognition.living.reading import Known
from knownface.recognition.living.records import Cause, SeenFace
from knownface.stats.vectors import unit_length


def correct(
    recorder: Recorder,
    known: Known,
    face: SeenFace,
    is_: str | None,
    not_: str | int | None,
    nobody: bool,
    threshold: float,
) -> tuple[str, list[str]]:
    """What was done, in one sentence, and what to look at; exactly one of the three is said."""
    if (is_ is not None) + (not_ is not None) + bool(nobody) != 1:
        ways = either((argument("is_", ...), argument("not_", ...), argument("nobody", True)))
        raise KnownfaceError(f"say one thing about a face: {ways}")
    if is_ is not None:
        return _is(recorder, known, face, is_, threshold)
    there = same_face(recorder.database, face)
    if nobody:
        person = recorder.insert("people", name=None, state="ignored", added=time.time())
        place(recorder, face, person, there)
        return f"The face in {face.source} is nobody, and is never named", []
    assert not_ is not None
    person = naming.find(recorder.database, not_)
    who = naming.shown(recorder.database, person)
    if there is None:
        row = place(recorder, face, None, None)
    else:
        row = int(there["id"])
        if there["person"] == person:
            leave(recorder, person, row)
            recorder.update("faces", row, person=None, said=1)
    if recorder.rows("constraints", "face = ? AND person = ?", row, person):
        raise KnownfaceError(f"the face in {face.source} is known not to be {who} already")
    recorder.insert("constraints", kind="not", face=row, person=person)
    return f"The face in {face.source} is not {who}", []


def _is(
    recorder: Recorder, known: Known, face: SeenFace, name: str, threshold: float
) -> tuple[str, list[str]]:
    there = same_face(recorder.database, face)
    person, new = naming.person_called(recorder, name)
    place(recorder, face, person, there)
    who = naming.shown(recorder.database, person)
    theirs = there is not None and there["person"] == person
    notes = [] if theirs else looks(known, person, who, [face], threshold)
    return f"The face in {face.source} is {who}" + (", who is new" if new else ""), notes


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
    """The face's cosine with the person's template if each of their photos were not there."""
    if len(own) == 1:
        return np.full(1, -1.0)
    return np.asarray(unit_length(known.sums[person] - own) @ embedding)
