"""Adding photos of somebody, and saying what looks wrong about them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

import numpy as np

from knownface.errors import KnownfaceError
from knownface.options import call
from knownface.recognition.living import naming, people
from knownface.recognition.living.changes import Recorder
from knownface.recognition.living.reading import Known, blob
from knownface.recognition.living.records import Done, SeenFace, SeenPhoto
from knownface.stats.vectors import unit_length

# Cosine from which two faces of one photo, by its content, are the same face.
SAME_IN_PHOTO = 0.9


def enroll(
    recorder: Recorder, known: Known, name: str, faces: Sequence[SeenFace], threshold: float
) -> Done:
    """See `LivingGallery.enroll`."""
    if not faces:
        raise KnownfaceError(f"{name}: no face to enroll; give a photo that shows one")
    person, new = naming.person_called(recorder, name)
    shown = naming.shown(recorder.database, person)
    notes, added = [], list[SeenFace]()
    for face in faces:
        there = same_face(recorder.database, face)
        if there is not None and there["person"] == person:
            notes.append(f"{face.source} is enrolled as {shown} already")
        elif there is not None and there["state"] == "known":
            other = naming.shown(recorder.database, there["person"])
            notes.append(
                f"{face.source} is enrolled as {other} and was left there; if it is {shown}: "
                + call("correct", ..., face.source, is_=shown)
            )
        else:
            place(recorder, face, person, there)
            added.append(face)
    if not added:
        raise KnownfaceError(f"{shown}: nothing to add; {notes[0]}")
    notes += looks(known, person, shown, added, threshold)
    notes += naming.mistyped(recorder.database, person) if new else []
    number = f"{len(added)} photo{'s' * (len(added) > 1)}"
    text = f"{shown} is new, with {number}" if new else f"{shown} has {number} more"
    return Done(text, notes)


def looks(
    known: Known, person: int, shown: str, added: Sequence[SeenFace], threshold: float
) -> list[str]:
    """What the photos say against each other, and whom they look like."""
    new = np.stack([face.embedding for face in added]).astype(np.float64)
    gallery, own = known.gallery, known.ids == person
    total = known.sums[own].sum(0) + new.sum(0)
    notes = []
    if len(added) > 1 or own.any():
        with_others = (unit_length(total - new) * new).sum(1)
        notes += [
            f"{face.source} does not look like the other photos of {shown} ({similarity:.2f}); if "
            "it is somebody else, undo this"
            for face, similarity in zip(added, with_others, strict=True)
            if similarity < threshold
        ]
    direction = total / np.linalg.norm(total)
    same = int((known.strangers @ direction >= threshold).sum()) if len(known.strangers) else 0
    if same and not own.any():
        notes.append(
            f"{same} photos of the test's strangers look like {shown}: if they are photos of "
            f"{shown}, they count as strangers accepted from now on, though nothing is wrong"
        )
    others = np.where(own, -1.0, gallery.templates @ direction)
    if len(others) and others.max() >= threshold:
        like = gallery.people[int(others.argmax())]
        notes.append(
            f"{shown} looks like {like} ({others.max():.2f}); if they are one person: "
            + call("people", ..., "merge", shown, like)
            + "; if not, more photos of both keep them apart"
        )
    return notes


def same_face(database: sqlite3.Connection, face: SeenFace) -> sqlite3.Row | None:
    """The row of a face that is in the gallery already: the same photo, the same face."""
    rows = database.execute(
        "SELECT f.id, f.person, f.embedding, p.state FROM faces f LEFT JOIN people p "
        "ON p.id = f.person WHERE f.digest = ?", (face.digest,)
    ).fetchall()  # fmt: skip
    cosines = [float(np.frombuffer(row["embedding"], "<f4") @ face.embedding) for row in rows]
    best = int(np.argmax(cosines)) if rows else 0
    found: sqlite3.Row | None = rows[best] if rows and cosines[best] >= SAME_IN_PHOTO else None
    return found


def place(recorder: Recorder, face: SeenFace, person: int | None, there: sqlite3.Row | None) -> int:
    """Make a face somebody's, or nobody's, because somebody said so; gives its id."""
    if there is None:
        return recorder.insert("faces", person=person, said=1, **columns(face))
    row, had = int(there["id"]), there["person"]
    recorder.delete_where("constraints", "face = ? AND person = ?", row, person)
    if had is not None and had != person:
        leave(recorder, had, row)
    recorder.update("faces", row, person=person, said=1)
    return row


def leave(recorder: Recorder, person: int, face: int) -> None:
    """A face goes; somebody known keeps one, somebody unknown without any is gone."""
    database = recorder.database
    row = database.execute("SELECT state FROM people WHERE id = ?", (person,)).fetchone()
    if row["state"] == "known":
        people.keep_one(database, person, face)
    elif not recorder.rows("faces", "person = ? AND id != ?", person, face):
        recorder.delete_where("constraints", "person = ? OR other = ?", person, person)
        recorder.delete("people", person)


def columns(face: SeenFace) -> dict[str, object]:
    """A face as a row."""
    x, y, width, height = (float(each) for each in face.box)
    return {
        "embedding": blob(face.embedding), "x": x, "y": y, "width": width, "height": height,
        "size": "{}x{}".format(*face.size), "quality": float(face.quality), "source": face.source,
        "digest": face.digest, "added": time.time(), "portrait": face.portrait or None,
        "taken": face.taken, "small": None if face.small is None else blob(face.small),
        "frame": None if face.frame is None else blob(face.frame),
    }  # fmt: skip


def choose_faces(
    photos: Sequence[SeenPhoto], others: np.ndarray
) -> tuple[list[SeenFace], list[str]]:
    """The one face of each photo that is to be enrolled, and what was left out and why.

    others: (n, d) faces that the person has already. Of several faces in a photo, the one that is
    most like the person's other photos; where there is none to compare with, none.
    """
    notes, single = [], [seen.faces[0] for seen in photos if len(seen.faces) == 1]
    sample = [*others, *(face.embedding for face in single)]
    chosen = []
    for seen in photos:
        path, number = seen.recognition.path or "the photo", len(seen.faces)
        if seen.recognition.error:
            notes.append(seen.recognition.error)
        elif not number:
            notes.append(f"{path}: no face was found; left out")
        elif number == 1:
            chosen.append(seen.faces[0])
        elif not sample:
            notes.append(
                f"{path}: {number} faces, and nothing says which is meant; cut the photo to one"
            )
        else:
            middle = np.mean(sample, axis=0)
            best = max(seen.faces, key=lambda face: float(face.embedding @ middle))
            notes.append(f"{path}: {number} faces; the one most like the other photos was taken")
            chosen.append(best)
    return chosen, notes
