"""Who was seen, and unknown people by how alike they are: only where a memory is switched on."""

from __future__ import annotations

import sqlite3
import time

import numpy as np

from knownface.recognition.living.changes import insert
from knownface.recognition.living.enrolling import columns, same_face
from knownface.recognition.living.erasing import erase_person
from knownface.recognition.living.reading import meta, refresh_templates, vectors
from knownface.recognition.living.records import SeenFace, SeenPhoto

# Cosine above the threshold from which a face joins the faces of somebody unknown: a wrong group is
# named with one click, and then wrong for good.
SURER = 0.05
MOST_FACES = 12  # that are kept of somebody unknown


def remember(
    database: sqlite3.Connection,
    seen: SeenPhoto,
    source: str,
    at: float | None,
    threshold: float,
) -> None:
    """A sighting for each face; those of nobody known are grouped."""
    moment = time.time() if at is None else at
    found = zip(seen.recognition.faces, seen.faces, strict=True)
    for answer, face in found:
        if answer.name:
            row = database.execute("SELECT id FROM people WHERE name = ?", (answer.name,))
            person = (row.fetchone() or [None])[0]
        elif answer.reason == "ignored":
            person = _nearest(database, face.embedding, "ignored", -1.0)
        elif answer.reason == "unknown":
            person = _grouped(database, face, threshold + SURER, moment)
        else:
            person = None
        insert(database, "sightings", {
            "at": moment, "person": person, "similarity": float(answer.similarity),
            "source": source, "reason": answer.reason,
        })  # fmt: skip


def _grouped(
    database: sqlite3.Connection, face: SeenFace, least: float, moment: float
) -> int | None:
    """Somebody unknown, seen before or new; None for a face of which something was said."""
    there = same_face(database, face)
    if there is not None:
        return int(there["person"]) if there["state"] == "unknown" else None
    person = _nearest(database, face.embedding, "unknown", least)
    if person is None:
        person = insert(database, "people", {"state": "unknown", "added": moment})
    kept = database.execute("SELECT count(*) FROM faces WHERE person = ?", (person,)).fetchone()[0]
    if kept < MOST_FACES:
        values = columns(face) | {"person": person, "added": moment}
        insert(database, "faces", values)
        refresh_templates(database, [person])
    return person


def _nearest(
    database: sqlite3.Connection, embedding: np.ndarray, state: str, least: float
) -> int | None:
    """The most similar person in a state, if similar enough."""
    rows = database.execute(
        "SELECT p.id, t.embedding FROM people p JOIN templates t ON t.person = p.id "
        "WHERE p.state = ?", (state,)
    ).fetchall()  # fmt: skip
    if not rows:
        return None
    scores = vectors((row[1] for row in rows), int(meta(database, "width"))) @ embedding
    best = int(scores.argmax())
    return int(rows[best][0]) if scores[best] >= least else None


def expire(database: sqlite3.Connection, days: float, now: float | None = None) -> int:
    """Erase sightings from before so many days, and unknown people not seen since."""
    limit = (time.time() if now is None else now) - days * 86400
    gone = database.execute("DELETE FROM sightings WHERE at < ?", (limit,)).rowcount
    unseen = database.execute(
        "SELECT id FROM people p WHERE state = 'unknown' AND added < ? AND NOT EXISTS "
        "(SELECT 1 FROM sightings WHERE person = p.id)", (limit,)
    ).fetchall()  # fmt: skip
    for row in unseen:
        erase_person(database, row[0])
    return int(gone)
