"""What a gallery says of itself: people, faces, history, sightings."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from knownface.recognition.living.reading import meta, vectors
from knownface.recognition.living.records import Entry, FaceRecord, Person, Sighting, State

ALIKE = 3  # people who look most like somebody
MOST_PAIRS = 30_000_000  # of people who are compared
APART = 600.0  # seconds between two sightings that are two visits

_PEOPLE = """
SELECT p.id, p.name, p.state, p.added, p.born,
  coalesce(p.featured, (SELECT id FROM faces WHERE person = p.id AND portrait NOT NULL
                        ORDER BY quality DESC, id LIMIT 1)) featured,
  (SELECT count(*) FROM faces WHERE person = p.id) photos,
  (SELECT coalesce(avg(quality), 0) FROM faces WHERE person = p.id) quality
FROM people p WHERE """
_SEEN = """
SELECT person, count(*) FILTER (WHERE since IS NULL OR since > ?) times, min(at) first, max(at) last
FROM (SELECT person, at, at - lag(at) OVER (PARTITION BY person ORDER BY at) since FROM sightings
      WHERE person IN (SELECT value FROM json_each(?)))
GROUP BY person"""
_FACES = """
SELECT id, person, x, y, width, height, size, quality, source, digest, added, said
FROM faces WHERE person = ? ORDER BY quality DESC, id"""
_SETTLED = """
SELECT digest, person = :id AND state = 'known' FROM faces JOIN people ON people.id = person
WHERE person = :id OR state = 'ignored'
UNION SELECT digest, 0 FROM faces JOIN constraints c ON c.face = faces.id WHERE c.person = :id
UNION SELECT json_extract(before, '$.digest'), 0 FROM steps JOIN history h ON h.id = change
WHERE verb = 'remove' AND undone IS NULL AND what = 'faces'
  AND json_extract(before, '$.person') = :id"""
_HISTORY = """
SELECT h.id, at, actor, verb, text, undone,
  EXISTS (SELECT 1 FROM steps WHERE change = h.id) AND undone IS NULL AND verb != 'undo' undoes
FROM history h WHERE h.id < ? ORDER BY h.id DESC LIMIT ?"""
_SIGHTINGS = """
SELECT s.id, s.at, s.person, p.name, p.state, s.similarity, s.source, s.reason
FROM sightings s LEFT JOIN people p ON p.id = s.person WHERE s.id < ? ORDER BY s.id DESC LIMIT ?"""
_ALL = 2**62
_OF_PERSON = ("id", "name", "state", "photos", "added", "born", "featured", "quality")


def people(database: sqlite3.Connection, state: State) -> list[Person]:
    rows = database.execute(f"{_PEOPLE} p.state = ? ORDER BY p.name, p.id", (state,)).fetchall()
    found = _with_looks(database, rows)
    if state == "known":
        return found
    return sorted(found, key=lambda each: each.last_seen or each.added, reverse=True)


def names(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM people WHERE state = 'known' ORDER BY name")
    return [row["name"] for row in rows]


def count(database: sqlite3.Connection, state: State) -> int:
    rows = database.execute("SELECT count(*) FROM people WHERE state = ?", (state,))
    return int(rows.fetchone()[0])


def person(database: sqlite3.Connection, id: int) -> Person:
    return _with_looks(database, database.execute(f"{_PEOPLE} p.id = ?", (id,)).fetchall())[0]


def persons(database: sqlite3.Connection, ids: Sequence[int]) -> list[Person]:
    """Some people by id, in no order."""
    within = f"{_PEOPLE} p.id IN (SELECT value FROM json_each(?))"
    return _with_looks(database, database.execute(within, (json.dumps(list(ids)),)).fetchall())


def _with_looks(database: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> list[Person]:
    """People with who looks like them, and how often they were seen."""
    wanted = [row["id"] for row in rows]
    seen = {row["person"]: row for row in database.execute(_SEEN, (APART, json.dumps(wanted)))}
    alike = _alike(database, wanted)
    found = []
    for row in rows:
        visits = seen.get(row["id"])
        found.append(
            Person(
                **{name: row[name] for name in _OF_PERSON},
                alike=alike.get(row["id"], ()),
                seen=visits["times"] if visits else 0,
                first_seen=visits["first"] if visits else None,
                last_seen=visits["last"] if visits else None,
            )
        )
    return found


def _alike(
    database: sqlite3.Connection, wanted: Sequence[int]
) -> dict[int, tuple[tuple[str, float], ...]]:
    """The known people who look most like each; nobody's, where that would take minutes."""
    rows = database.execute(
        "SELECT p.id, p.name, p.state, t.embedding FROM people p JOIN templates t "
        "ON t.person = p.id WHERE p.state = 'known' OR p.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(wanted)),),
    ).fetchall()
    known = np.flatnonzero([row["state"] == "known" for row in rows])
    if not len(known) or len(known) * len(wanted) > MOST_PAIRS:
        return {}
    templates = vectors((row["embedding"] for row in rows), int(meta(database, "width")))
    those, asked = templates[known], set(wanted)
    found = {}
    for i, row in enumerate(rows):
        if row["id"] not in asked:
            continue
        scores = those @ templates[i]
        scores[known == i] = -1.0
        most = np.argpartition(-scores, ALIKE)[:ALIKE] if len(scores) > ALIKE else scores.argsort()
        best = sorted(most, key=lambda j: -scores[j])
        found[row["id"]] = tuple(
            (rows[known[j]]["name"], float(scores[j])) for j in best if scores[j] > -1
        )
    return found


def faces(database: sqlite3.Connection, id: int) -> list[FaceRecord]:
    return [
        FaceRecord(
            row["id"], row["person"], (row["x"], row["y"], row["width"], row["height"]),
            row["size"] or "", row["quality"] or 0.0, row["source"], row["digest"], row["added"],
            bool(row["said"]),
        )
        for row in database.execute(_FACES, (id,))
    ]  # fmt: skip


def settled(database: sqlite3.Connection, id: int | None) -> dict[str, bool]:
    """By digest, photos of which all is said: that they are somebody's, or (False) that not."""
    found: dict[str, bool] = {}
    for digest, theirs in database.execute(_SETTLED, {"id": id}):
        found[digest] = found.get(digest, False) or bool(theirs)
    return found


def embeddings_of(database: sqlite3.Connection, id: int | None) -> np.ndarray:
    """The faces (n, d) of somebody; none of nobody."""
    rows = database.execute("SELECT embedding FROM faces WHERE person = ?", (id,))
    return vectors((row[0] for row in rows), int(meta(database, "width")))


def portrait(database: sqlite3.Connection, face: int) -> bytes | None:
    row = database.execute("SELECT portrait FROM faces WHERE id = ?", (face,)).fetchone()
    return row["portrait"] if row else None


def history(database: sqlite3.Connection, limit: int, before: int | None) -> list[Entry]:
    rows = database.execute(_HISTORY, (_ALL if before is None else before, limit))
    return [
        Entry(
            row["id"], row["at"], row["actor"], row["verb"], row["text"],
            row["undone"] is not None, bool(row["undoes"]),
        )
        for row in rows
    ]  # fmt: skip


def sightings(database: sqlite3.Connection, limit: int, before: int | None) -> list[Sighting]:
    rows = database.execute(_SIGHTINGS, (_ALL if before is None else before, limit))
    return [Sighting(*row) for row in rows]


def names_by_digest(database: sqlite3.Connection) -> dict[str, set[str | None]]:
    """Who is on each enrolled photo; None for a face that is nobody's, or not its person's."""
    rows = database.execute(
        "SELECT f.digest, p.name FROM faces f LEFT JOIN people p ON p.id = f.person "
        "WHERE p.state IS NULL OR p.state != 'unknown'"
    )
    found: dict[str, set[str | None]] = {}
    for digest, name in rows:
        found.setdefault(digest, set()).add(name)
    return found


def names_of_all(database: sqlite3.Connection) -> dict[str, str]:
    """Where each name from before leads."""
    rows = database.execute("SELECT a.name, p.name FROM aliases a JOIN people p ON p.id = a.person")
    return {before: now for before, now in rows if now}
