"""Faces of a whole pile of photos: gathered first, then grouped together, as often as wanted."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from knownface.recognition.living import schema, shared
from knownface.recognition.living.changes import Recorder, insert, note
from knownface.recognition.living.enrolling import columns, same_face
from knownface.recognition.living.erasing import drop_person
from knownface.recognition.living.moving import copy
from knownface.recognition.living.naming import person_called
from knownface.recognition.living.reading import meta, number, refresh_templates, vectors
from knownface.recognition.living.records import SeenFace

FREE = -1
# What takes part: not faces of which somebody has said that they are none. The photos of somebody
# known of whom nothing was said, as of a training, are theirs.
_FACES = """
SELECT f.id, digest, embedding, person, min(width, height) side,
  said OR coalesce(p.state = 'ignored', 0) OR coalesce(p.state = 'known', 0)
  AND NOT EXISTS (SELECT 1 FROM faces WHERE person = p.id AND said) said
FROM faces f LEFT JOIN people p ON p.id = person
WHERE person NOT NULL OR NOT said OR EXISTS (SELECT 1 FROM constraints WHERE face = f.id)
ORDER BY f.id"""


@dataclass(frozen=True)
class Pile:
    """All faces of a gallery, as they are to be grouped.

    ids: (n,) of the faces; embeddings: (n, d). said: (n,) the id of the person who somebody has
    said that a face is, also of an ignored one or of one without a name yet; FREE elsewhere.
    now: (n,) whose it is now, FREE where nobody's. sides: (n,) shorter side of its box, in pixels.
    apart: (m, 2) rows that are two people: two faces of one photo, and faces that are not somebody.
    number: of changes, when it was read.
    """

    ids: np.ndarray
    embeddings: np.ndarray = field(repr=False)
    said: np.ndarray
    now: np.ndarray
    sides: np.ndarray
    apart: np.ndarray
    number: int

    @classmethod
    def read(cls, path: Path) -> Pile:
        """From a gallery's file, at one moment."""
        with shared.reading(path) as database:
            rows = database.execute(_FACES).fetchall()
            ids = np.array([row["id"] for row in rows], np.int64)
            now = np.array([row["person"] or FREE for row in rows], np.int64)
            said = np.where([bool(row["said"]) for row in rows], now, FREE)
            return cls(
                ids,
                vectors((row["embedding"] for row in rows), int(meta(database, "width"))),
                said,
                now,
                np.array([row["side"] for row in rows], float),
                np.concatenate([_of_photos(rows), _refused(database, ids, said)]),
                number(database),
            )


def _of_photos(rows: Sequence[sqlite3.Row]) -> np.ndarray:
    """Every two faces of one photo."""
    photos: dict[str, list[int]] = {}
    for row, each in enumerate(rows):
        photos.setdefault(each["digest"], []).append(row)
    pairs = [
        (one, other)
        for faces in photos.values() if len(faces) > 1
        for at, one in enumerate(faces) for other in faces[at + 1 :]
    ]  # fmt: skip
    return np.array(pairs, np.int64).reshape(-1, 2)


def _refused(database: sqlite3.Connection, ids: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Each face that is not somebody, with a face that is."""
    at = {int(face): row for row, face in enumerate(ids)}
    anchors = {int(person): row for row, person in enumerate(said) if person != FREE}
    refused = database.execute("SELECT face, person FROM constraints WHERE kind = 'not'")
    pairs = [
        (at[face], anchors[person])
        for face, person in refused if face in at and person in anchors
    ]  # fmt: skip
    return np.array(pairs, np.int64).reshape(-1, 2)


def digests(path: Path) -> set[str]:
    """Of the photos that the gallery has faces of."""
    with shared.reading(path) as database:
        return {row[0] for row in database.execute("SELECT DISTINCT digest FROM faces")}


def gather(path: Path, faces: Iterable[SeenFace]) -> int:
    """Put faces that the gallery has not seen yet into it, as nobody's; gives how many came.

    Of a photo that it has seen, which lies elsewhere now, the new place is noted; of copies of a
    photo the faces of the first count.
    """
    photos: dict[str, list[SeenFace]] = {}
    for face in faces:
        photos.setdefault(face.digest, []).append(face)
    added = 0
    with shared.changing(path) as database:
        for digest, found in photos.items():
            source = found[0].source
            known = "SELECT DISTINCT source FROM faces WHERE digest = ?"
            places = [Path(row[0]) for row in database.execute(known, (digest,))]
            if places and not any(place.is_absolute() and place.is_file() for place in places):
                database.execute("UPDATE faces SET source = ? WHERE digest = ?", (source, digest))
            for face in found:
                if face.source == source and same_face(database, face) is None:
                    insert(database, "faces", columns(face))
                    added += 1
    return added


def regroup(path: Path, pile: Pile, groups: np.ndarray, text: str) -> bool:
    """Write the groups (n,) of a pile's faces as people; False where somebody changed it meanwhile.

    A group that has somebody in it is theirs; others are people without a name, and stay who they
    were as far as most of their faces do; FREE are faces of nobody. What was changed before cannot
    be undone any more, and stays said. text: for the history.
    """
    with shared.changing(path) as database:
        if number(database) != pile.number:
            return False
        people = _people_of(database, pile, groups)
        whose = np.where(groups == FREE, FREE, people[groups])
        moved = np.flatnonzero((whose != pile.now) & (pile.said == FREE))
        if not len(moved):
            return True
        database.executemany(
            "UPDATE faces SET person = ? WHERE id = ?",
            [(_person(whose[row]), int(pile.ids[row])) for row in moved],
        )
        database.execute("DELETE FROM steps")
        note(database, "group", text)
        concerned = {*whose[moved].tolist(), *pile.now[moved].tolist()} - {FREE}
        empty = database.execute(
            "SELECT id FROM people p WHERE state = 'unknown' "
            "AND NOT EXISTS (SELECT 1 FROM faces WHERE person = p.id)"
        )
        for row in empty.fetchall():
            drop_person(database, row["id"])
        refresh_templates(database, concerned)
    return True


def _person(id: int) -> int | None:
    return None if id == FREE else int(id)


def _people_of(database: sqlite3.Connection, pile: Pile, groups: np.ndarray) -> np.ndarray:
    """The person of each group: who was said, else whom most of its faces were, else a new one."""
    number = int(groups.max(initial=-1)) + 1
    people = np.full(number, FREE)
    spoken = pile.said != FREE
    people[groups[spoken]] = pile.said[spoken]
    unknown = {row[0] for row in database.execute("SELECT id FROM people WHERE state = 'unknown'")}
    free = unknown - set(pile.said[spoken].tolist())
    pairs = zip(groups.tolist(), pile.now.tolist(), strict=True)
    shared = Counter((group, now) for group, now in pairs if group != FREE and now in free)
    for (group, now), _ in shared.most_common():
        if people[group] == FREE and now in free:
            people[group] = now
            free.discard(now)
    moment = time.time()
    new = np.flatnonzero(people == FREE)
    sizes = np.bincount(groups[groups != FREE], minlength=number)
    for group in new[np.argsort(-sizes[new], kind="stable")]:  # the larger, the lower its number
        people[group] = insert(database, "people", {"state": "unknown", "added": moment})
    return people


# ---------------------------------------------------------------- what is on whose photos
@dataclass(frozen=True)
class Theirs:
    """Somebody, and where their faces are: (id of the face, path of the photo, its digest) each.

    name: None where nobody has given one.
    """

    id: int
    name: str | None
    faces: tuple[tuple[int, str, str], ...]


def photos_of_people(path: Path, ignored: bool = False) -> list[Theirs]:
    """All people but ignored ones, or these alone; those with most faces first.

    Of faces that were gathered, whose photos have whole paths: not of those of a training.
    """
    found: dict[int, tuple[str | None, list[tuple[int, str, str]]]] = {}
    with shared.reading(path) as database:
        rows = database.execute(
            "SELECT p.id, p.name, f.id face, f.source, f.digest FROM faces f "
            "JOIN people p ON p.id = f.person WHERE (p.state = 'ignored') = ? ORDER BY f.id",
            (ignored,),
        )
        for row in rows:
            if Path(row["source"]).is_absolute():
                faces = found.setdefault(row["id"], (row["name"], []))[1]
                faces.append((row["face"], row["source"], row["digest"]))
    people = [Theirs(id, name, tuple(faces)) for id, (name, faces) in found.items()]
    return sorted(people, key=lambda each: (-len(each.faces), each.id))


def say(path: Path, whose: Mapping[int, str | int], text: str) -> None:
    """Faces, by their ids, are somebody: by name, also a new one, or by the id of a person.

    text: for the history. Raises KnownfaceError for what is no name; then nothing was said.
    """
    with shared.changing(path) as database:
        recorder = Recorder(database, "group", "folders")
        for face, who in whose.items():
            person = who if isinstance(who, int) else person_called(recorder, who)[0]
            recorder.delete_where("constraints", "face = ? AND person = ?", face, person)
            recorder.update("faces", face, person=person, said=1)
        refresh_templates(database, recorder.people)
        recorder.finish(text)


def copy_people(path: Path, target: Path) -> None:
    """Another gallery file with the people of one, each of whose faces counts as said."""
    copy(path, target)
    with schema.changing(target) as database:
        database.execute("UPDATE faces SET said = 1 WHERE person NOT NULL")
