"""Taking somebody out of every table, the history and what could be undone included."""

from __future__ import annotations

import json
import re
import sqlite3

import numpy as np

from knownface.faces.crop_cache import crops_folder
from knownface.recognition.living.reading import vectors

NOBODY = "forgotten"
SAME_PHOTO = 0.99  # cosine of what two copies of one photo give
SCRUBBED = "A change that concerned somebody who was forgotten"


def erase_person(database: sqlite3.Connection, person: int) -> None:
    """Nothing of somebody is left in any row; the pages of the file still need a VACUUM.

    A change that concerned them cannot be undone any more, because that would bring them back.
    """
    names = names_of(database, person)
    rows = database.execute("SELECT id FROM faces WHERE person = ?", (person,))
    faces = {row[0] for row in rows.fetchall()}
    faces |= _once_theirs(database, person)
    for face in faces:
        now = database.execute("SELECT person FROM faces WHERE id = ?", (face,)).fetchone()
        if now and now[0] in (person, None):
            database.execute("DELETE FROM constraints WHERE face = ?", (face,))
            database.execute("DELETE FROM faces WHERE id = ?", (face,))
    drop_person(database, person)
    spoken = spoken_of(names)
    _scrub_history(database, person, spoken)
    _scrub_sources(database, spoken)


def drop_person(database: sqlite3.Connection, person: int) -> None:
    """Delete what the tables say of somebody without faces."""
    for table, column in (
        ("constraints", "person"), ("constraints", "other"), ("aliases", "person"),
        ("templates", "person"), ("sightings", "person"), ("people", "id"),
    ):  # fmt: skip
        database.execute(f"DELETE FROM {table} WHERE {column} = ?", (person,))


def erase_strangers(database: sqlite3.Connection, person: int, threshold: float) -> None:
    """Strangers kept aside who are probably somebody, before that somebody is erased.

    Also the very photos that are somebody's, however little they look like the others.
    """
    own = database.execute("SELECT embedding FROM templates WHERE person = ?", (person,)).fetchone()
    if own is None:
        return
    template = np.frombuffer(own[0], "<f4")
    rows = database.execute("SELECT embedding FROM faces WHERE person = ?", (person,))
    faces = vectors((row[0] for row in rows.fetchall()), len(template))
    for row in database.execute("SELECT id, embedding FROM strangers").fetchall():
        stranger = np.frombuffer(row[1], "<f4")
        if stranger @ template >= threshold or (faces @ stranger > SAME_PHOTO).any():
            database.execute("DELETE FROM strangers WHERE id = ?", (row[0],))


def spoken_of(names: list[str]) -> re.Pattern[str]:
    """Finds names in sentences and paths: as whole words, and not within a number."""
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?<!\d\.)(?:{words})(?!\w)(?!\.\d)" if words else r"(?!)")


def names_of(database: sqlite3.Connection, person: int) -> list[str]:
    """The name, and those from before."""
    rows = database.execute(
        "SELECT name FROM people WHERE id = ? AND name NOT NULL UNION "
        "SELECT name FROM aliases WHERE person = ?", (person, person)
    )  # fmt: skip
    return [row[0] for row in rows.fetchall()]


def _once_theirs(database: sqlite3.Connection, person: int) -> set[int]:
    """Faces that were somebody's before a change."""
    rows = database.execute(
        "SELECT DISTINCT row FROM steps WHERE what = 'faces' AND before NOT NULL "
        "AND json_extract(before, '$.person') = ?", (person,)
    )  # fmt: skip
    return {row[0] for row in rows.fetchall()}


def _scrub_history(database: sqlite3.Connection, person: int, spoken: re.Pattern[str]) -> None:
    for row in database.execute("SELECT id, text, people FROM history").fetchall():
        concerned = json.loads(row["people"])
        if person in concerned or spoken.search(row["text"]):
            left = json.dumps([each for each in concerned if each != person])
            database.execute("DELETE FROM steps WHERE change = ?", (row["id"],))
            database.execute(
                "UPDATE history SET text = ?, people = ? WHERE id = ?", (SCRUBBED, left, row["id"])
            )


def _scrub_sources(database: sqlite3.Connection, spoken: re.Pattern[str]) -> None:
    """Photos of others that lay in a folder of that name, or are called so."""
    for table in ("faces", "sightings"):
        for row in database.execute(f"SELECT id, source FROM {table}").fetchall():
            if spoken.search(row["source"]):
                source = spoken.sub(NOBODY, row["source"])
                database.execute(f"UPDATE {table} SET source = ? WHERE id = ?", (source, row["id"]))
    for row in database.execute("SELECT id, before FROM steps WHERE before NOT NULL").fetchall():
        before = json.loads(row["before"])
        texts = {key: value for key, value in before.items() if isinstance(value, str)}
        if any(spoken.search(text) for text in texts.values()):
            before |= {key: spoken.sub(NOBODY, text) for key, text in texts.items()}
            change = "UPDATE steps SET before = ? WHERE id = ?"
            database.execute(change, (json.dumps(before), row["id"]))


def named_in(database: sqlite3.Connection, names: list[str]) -> int:
    """In how many rows somebody's name stands: of people, photos, sightings, history."""
    spoken = spoken_of(names)
    texts = {
        "people": "name", "aliases": "name", "faces": "source", "sightings": "source",
        "steps": "before",
    }  # fmt: skip
    found = 0
    for table, column in texts.items():
        whole = column == "name"
        for row in database.execute(f"SELECT {column} FROM {table} WHERE {column} NOT NULL"):
            found += row[0] in names if whole else bool(_spoken_in(spoken, table, row[0]))
    told = "SELECT text FROM history WHERE text != ? AND verb != 'forget'"
    return found + sum(bool(spoken.search(row[0])) for row in database.execute(told, (SCRUBBED,)))


def _spoken_in(spoken: re.Pattern[str], table: str, text: str) -> bool:
    """Whether a name stands in a text, or in the values of a row as it was."""
    if table != "steps":
        return bool(spoken.search(text))
    values = (value for value in json.loads(text).values() if isinstance(value, str))
    return any(spoken.search(value) for value in values)


def uncache(digests: set[str]) -> int:
    """Remove what is cached of photos; gives how many files."""
    gone = 0
    for digest in digests:
        for file in (crops_folder() / digest[:2]).glob(f"{digest}-*"):
            file.unlink(missing_ok=True)
            gone += 1
    return gone
