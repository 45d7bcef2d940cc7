"""Groups of faces without a name, for somebody who looks through them: whom to name, whom to merge.

A pile of 20,000 photos has thousands of groups: nothing here reads more than it shows, but for
templates, which are compared in blocks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from knownface.recognition.living.looking import persons
from knownface.recognition.living.reading import meta, vectors
from knownface.recognition.living.records import Group, Pair, Sorted

BEST = 12  # faces that are shown of a group
BLOCK = 1024  # templates that are compared with all at once: 20 MB of cosines of 5,000 groups
FLOOR = 0.75  # of the threshold: from which two groups may be one person
MOST_PAIRS = 200  # that are suggested at once

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
    """Somebody each, in that order."""
    found = {each.id: each for each in persons(database, ids)}
    return [
        Group(
            found[id],
            tuple(row[0] for row in database.execute(_BEST, (id, BEST))),
            int(database.execute(_PHOTOS, (id,)).fetchone()[0]),
        )
        for id in ids
    ]


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

    who: with whom somebody may be one. None of whom somebody has said that they are two, nor two
    who are in one photo.
    """
    rows = database.execute(_TEMPLATES).fetchall()
    ids = np.array([row["id"] for row in rows], np.int64)
    known = np.array([row["known"] for row in rows], bool)
    if len(ids) < 2:
        return []
    templates = vectors((row["embedding"] for row in rows), int(meta(database, "width")))
    at = {int(id): row for row, id in enumerate(ids)}
    two = {tuple(sorted(pair)) for pair in _two_people(database)}
    apart = [(at[one], at[other]) for one, other in two if one in at and other in at]
    floor = FLOOR * threshold if who is None else -1.0
    rows_ = None if who is None else np.array([at[who]] if who in at else [], np.int64)
    found = likely_pairs(templates, known, apart, floor, limit, rows_)
    shown = {int(ids[row]) for pair in found for row in pair[:2]}
    groups = {each.person.id: each for each in groups_of(database, sorted(shown))}
    return [_pair(groups[int(ids[i])], groups[int(ids[j])], cosine) for i, j, cosine in found]


def _pair(one: Group, other: Group, cosine: float) -> Pair:
    weight = [(each.person.state == "known", each.person.photos) for each in (one, other)]
    return Pair(one, other, cosine) if weight[0] >= weight[1] else Pair(other, one, cosine)


def _two_people(database: sqlite3.Connection) -> Iterable[tuple[int, int]]:
    """Ids of two who are not one person: it was said, or they are in one photo."""
    yield from ((row[0], row[1]) for row in database.execute(_APART))
    photo, within = "", set[int]()
    seen = "SELECT digest, person FROM faces WHERE person NOT NULL ORDER BY digest"
    for digest, person in database.execute(seen):
        if digest != photo:
            yield from combinations(within, 2)
            photo, within = digest, set()
        within.add(person)
    yield from combinations(within, 2)


def likely_pairs(
    templates: np.ndarray,
    known: np.ndarray,
    apart: Iterable[tuple[int, int]],
    floor: float,
    most: int,
    rows: np.ndarray | None = None,
) -> list[tuple[int, int, float]]:
    """Rows of two templates that are most alike, and their cosine, the highest first.

    templates: (n, d), unit length. known: (n,) who has a name: two of these are never a pair.
    apart: rows of two who are not one. floor: the least cosine. rows: of whom one is in each pair;
    None for anybody. Memory is that of a block of cosines, whatever n is.
    """
    n = len(templates)
    codes = np.unique([min(pair) * n + max(pair) for pair in apart]).astype(np.int64)
    whose = np.arange(n) if rows is None else rows
    best = np.zeros(0, np.int64), np.zeros(0, np.float32)  # codes of pairs, and their cosines
    for start in range(0, len(whose), BLOCK):
        block = whose[start : start + BLOCK]
        cosines = np.asarray(templates[block] @ templates.T, np.float32)
        cosines[np.ix_(known[block], known)] = -2.0
        cosines[
            np.arange(n) <= block[:, None] if rows is None else np.arange(n) == block[:, None]
        ] = -2.0
        one, other = np.nonzero(cosines >= floor)
        found = np.minimum(block[one], other) * n + np.maximum(block[one], other)
        free = ~np.isin(found, codes)
        found, values = found[free], cosines[one, other][free]
        found, values = np.concatenate([best[0], found]), np.concatenate([best[1], values])
        order = np.lexsort((found, -values))[:most]
        best = found[order], values[order]
        if len(order) == most:
            floor = max(floor, float(best[1][-1]))
    return [
        (int(code // n), int(code % n), float(value)) for code, value in zip(*best, strict=True)
    ]
