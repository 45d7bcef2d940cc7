"""Groups of faces without a name, for somebody who looks through them: whom to name, whom to merge.

A pile of 20,000 photos has thousands of groups: nothing here reads more than it shows, but for
templates, which are compared in blocks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np

from knownface.recognition.living.looking import persons
from knownface.recognition.living.reading import meta, vectors
from knownface.recognition.living.records import Group, Pair, Sorted

BEST = 12  # faces that are shown of a group
BLOCK = 1024  # templates that are compared with all at once: 20 MB of cosines of 5,000 groups
FLOOR = 0.75  # of the threshold: from which two groups may be one person
MOST_PAIRS = 200  # that are suggested at once
SPARE = 4  # times as many are looked at, of which those in one photo are left away

_LARGEST = """
SELECT p.id FROM people p JOIN faces f ON f.person = p.id WHERE p.state = 'unknown'
GROUP BY p.id HAVING (count(*) = 1) = ? ORDER BY count(*) DESC, p.id LIMIT ? OFFSET ?"""
_SORTED = """
SELECT count(*) FILTER (WHERE state != 'unknown'), count(*),
  coalesce(sum(faces) FILTER (WHERE state != 'unknown'), 0), coalesce(sum(faces), 0),
  count(*) FILTER (WHERE state = 'unknown' AND faces = 1)
FROM (SELECT p.state, (SELECT count(*) FROM faces WHERE person = p.id) faces FROM people p)"""
_NOBODY = "SELECT count(*) FROM faces WHERE person IS NULL AND said"
_BEST = "SELECT id FROM faces WHERE person = ? ORDER BY quality DESC, id LIMIT ?"
_PHOTOS = "SELECT count(DISTINCT digest) FROM faces WHERE person = ?"
_TEMPLATES = """
SELECT p.id, p.state = 'known' known, t.embedding FROM people p
JOIN templates t ON t.person = p.id WHERE p.state != 'ignored' ORDER BY p.id"""
_APART = """
SELECT person, other FROM constraints WHERE kind = 'never-same'
UNION SELECT c.person, f.person FROM constraints c JOIN faces f ON f.id = c.face
WHERE f.person NOT NULL"""


def largest(database: sqlite3.Connection, once: bool, limit: int, skip: int) -> list[Group]:
    """Unknown people with several faces, those with the most first; once: those with one."""
    rows = database.execute(_LARGEST, (once, limit, skip)).fetchall()
    return groups_of(database, [row[0] for row in rows])


def groups_of(database: sqlite3.Connection, ids: Sequence[int]) -> list[Group]:
    """Those who are there, in that order."""
    found = {each.id: each for each in persons(database, ids)}
    return [
        Group(
            found[id],
            tuple(row[0] for row in database.execute(_BEST, (id, BEST))),
            int(database.execute(_PHOTOS, (id,)).fetchone()[0]),
        )
        for id in ids if id in found
    ]  # fmt: skip


def how_sorted(database: sqlite3.Connection) -> Sorted:
    groups, all_groups, faces, all_faces, once = database.execute(_SORTED).fetchone()
    nobody = int(database.execute(_NOBODY).fetchone()[0])
    return Sorted(groups, all_groups, faces + nobody, all_faces + nobody, once)


def unlike_first(database: sqlite3.Connection, id: int, limit: int) -> list[int]:
    """Faces of somebody, those least like the others first: who is to be split looks there."""
    rows = database.execute("SELECT id, embedding FROM faces WHERE person = ?", (id,)).fetchall()
    if not rows:
        return []
    faces = vectors((row[1] for row in rows), int(meta(database, "width")))
    like = faces @ faces.sum(0, dtype=np.float32)
    return [int(rows[i][0]) for i in np.argsort(like, kind="stable")[:limit]]


# ---------------------------------------------------------------- one person?
def pairs(
    database: sqlite3.Connection, threshold: float, limit: int, who: int | None = None
) -> list[Pair]:
    """Two who may be one person, at least one of them without a name, the likeliest first.

    who: with whom somebody may be one, however little they are alike. None of whom somebody has
    said that they are two, nor two who are in one photo.
    """
    rows = database.execute(_TEMPLATES).fetchall()
    ids = np.array([row["id"] for row in rows], np.int64)
    at = {int(id): row for row, id in enumerate(ids)}
    if len(ids) < 2 or (who is not None and who not in at):
        return []
    known = np.array([row["known"] for row in rows], bool)
    templates = vectors((row["embedding"] for row in rows), int(meta(database, "width")))
    said = [(at[one], at[two]) for one, two in database.execute(_APART) if {one, two} <= at.keys()]
    floor, row = (FLOOR * threshold, None) if who is None else (-1.0, at[who])
    found = likely_pairs(templates, known, said, floor, SPARE * limit, row)
    likely = [(int(ids[i]), int(ids[j]), cosine) for i, j, cosine in found]
    photos = _photos_of(database, {id for pair in likely for id in pair[:2]})
    named = set(ids[known].tolist())
    weight = {id: (id in named, len(those)) for id, those in photos.items()}
    return [
        Pair(max(one, other, key=weight.__getitem__), min(other, one, key=weight.__getitem__), like)
        for one, other, like in likely if not photos[one] & photos[other]
    ][:limit]  # fmt: skip


def _photos_of(database: sqlite3.Connection, people: Iterable[int]) -> dict[int, set[str]]:
    """Digests of the photos that show each."""
    digests = "SELECT digest FROM faces WHERE person = ?"
    return {id: {row[0] for row in database.execute(digests, (id,))} for id in people}


def likely_pairs(
    templates: np.ndarray,
    known: np.ndarray,
    apart: Iterable[tuple[int, int]],
    floor: float,
    most: int,
    row: int | None = None,
) -> list[tuple[int, int, float]]:
    """Rows of two templates that are most alike, and their cosine, the highest first.

    templates: (n, d), unit length. known: (n,) who has a name: two of these are never a pair.
    apart: rows of two who are not one. floor: the least cosine. row: who is one of each pair; None
    for anybody. Memory is that of a block of cosines, whatever n is.
    """
    n = len(templates)
    codes = np.unique([min(pair) * n + max(pair) for pair in apart]).astype(np.int64)
    best = np.zeros(0, np.int64), np.zeros(0, np.float32)  # codes of pairs, and their cosines
    for start in range(0, n, BLOCK) if row is None else (row,):
        rows = np.arange(start, min(start + BLOCK, n)) if row is None else np.array([row])
        first = start if row is None else 0  # of the columns: each pair once
        cosines = np.asarray(templates[rows] @ templates[first:].T, np.float32)
        cosines[np.ix_(known[rows], known[first:])] = -2.0
        one, other = np.nonzero(cosines >= floor)
        one, other, values = rows[one], other + first, cosines[one, other]
        kept = (one < other) if row is None else (one != other)
        found = (np.minimum(one, other) * n + np.maximum(one, other))[kept]
        free = ~np.isin(found, codes)
        found, values = found[free], values[kept][free]
        found, values = np.concatenate([best[0], found]), np.concatenate([best[1], values])
        order = np.lexsort((found, -values))[:most]
        best = found[order], values[order]
        if len(order) == most:
            floor = max(floor, float(best[1][-1]))
    return [
        (int(code // n), int(code % n), float(value)) for code, value in zip(*best, strict=True)
    ]
