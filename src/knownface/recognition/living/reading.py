"""From the tables of a gallery to arrays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from knownface.recognition.comparison import Comparison, Templates, for_programs
from knownface.recognition.corrections import Corrections, Said
from knownface.recognition.gallery import Gallery, Search
from knownface.recognition.living import schema
from knownface.recognition.standing import MOST_TEMPLATES, Standing, measure
from knownface.stats.vectors import unit_length

MANY = 200_000  # embeddings from which on half the memory counts for more than the time
_PEOPLE = (
    "FROM people p JOIN templates t ON t.person = p.id WHERE p.state = 'known' ORDER BY p.name"
)
# Makes what finds people, of their ids (p,) in the gallery's order, and how they are compared.
Searching = Callable[[np.ndarray, Comparison | None], Search]
_FACES = "FROM faces f JOIN people p ON p.id = f.person WHERE p.state = 'known' ORDER BY f.id"


@dataclass(frozen=True)
class Known:
    """A gallery file at one moment.

    ids: (p,) of the gallery's people, in its order; faces: (n,) ids of its faces, in its order.
    anchors: of each person, see `schema.py`. tested: rows of the faces that training
    kept aside. strangers: (m, d). number: of changes. id: of the file.
    """

    gallery: Gallery
    ids: np.ndarray
    faces: np.ndarray
    anchors: Sequence[bytes | None]
    tested: np.ndarray
    strangers: np.ndarray
    number: int
    id: str

    @property
    def ignored(self) -> np.ndarray:
        """(i, d) templates of people who are never to be named."""
        assert self.gallery.corrections is not None
        return self.gallery.corrections.ignored

    @cached_property
    def sums(self) -> np.ndarray:
        """(p, d), that the templates are the directions of."""
        return _sums(self.gallery.embeddings, self.gallery.labels, self.anchors)

    def standing(self, threshold: float) -> Standing:
        """How many of the known faces are named, and of the strangers accepted."""
        if len(self.gallery.people) > MOST_TEMPLATES:  # longer than the change itself
            return Standing(None, None, 0, 0, threshold)
        return measure(
            self.gallery, self.sums, self.tested, self.strangers, self.ignored, threshold
        )


def number(database: sqlite3.Connection) -> int:
    """How many changes there were."""
    return int(database.execute("SELECT value FROM meta WHERE key = 'number'").fetchone()[0])


def meta(database: sqlite3.Connection, key: str) -> str:
    """What the file says of itself, or an empty text."""
    found = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(found[0]) if found else ""


def read(
    database: sqlite3.Connection,
    comparison: Comparison | None = None,
    searching: Searching | None = None,
) -> Known:
    """Everything that recognising needs; raises ValueError where it does not belong together."""
    width = int(meta(database, "width"))
    people = database.execute(f"SELECT p.id, p.name, p.anchor {_PEOPLE}").fetchall()
    ids = np.array([row[0] for row in people], np.int64)
    index = {int(each): i for i, each in enumerate(ids)}
    faces = database.execute(
        f"SELECT f.id, f.person, f.source, f.digest, f.said, f.tested, f.taken {_FACES}"
    ).fetchall()
    labels = np.array([index[row[1]] for row in faces], np.int64)
    templates, embeddings = (  # by themselves, so that of a million none is held twice
        vectors((row[0] for row in database.execute(query)), width)
        for query in (f"SELECT t.embedding {_PEOPLE}", f"SELECT f.embedding {_FACES}")
    )
    small = None
    if comparison is not None:
        query = f"SELECT coalesce(f.small, f.embedding) {_FACES}"
        small = vectors((row[0] for row in database.execute(query)), width)
    said = np.array([row[4] for row in faces], bool)
    gallery = Gallery(
        tuple(row[1] for row in people), templates, embeddings, labels,
        tuple(row[2] for row in faces), tuple(row[3] for row in faces), meta(database, "contract"),
        _corrections(database, width, index, embeddings[said], labels[said]),
        tuple(None if row[6] is None else float(row[6]) for row in faces), small, comparison,
        searching(ids, comparison) if searching else None,
    )  # fmt: skip
    return Known(
        gallery,
        ids,
        np.array([row[0] for row in faces], np.int64),
        [row[2] for row in people],
        np.flatnonzero([row[5] for row in faces]),
        vectors((row[0] for row in database.execute("SELECT embedding FROM strangers")), width),
        number(database),
        meta(database, "id"),
    )


def checked(
    path: Path,
    database: sqlite3.Connection,
    comparison: Comparison | None,
    searching: Searching | None = None,
) -> Known:
    """The same of an opened file; KnownfaceError where it is damaged or inconsistent."""
    try:
        return read(database, comparison, searching)
    except (ValueError, TypeError, KeyError) as error:
        raise schema.unusable(path, str(error).splitlines()[0]) from None


def people_in(path: Path, exported: bool) -> tuple[list[str], bytes]:
    """`names_and_templates` of a file."""
    with schema.reading(path) as database:
        return names_and_templates(database, path, exported)


def names_and_templates(
    database: sqlite3.Connection, path: Path, exported: bool
) -> tuple[list[str], bytes]:
    """Who is known in a file, sorted, and, of an export, their templates for programs."""
    rows = database.execute(f"SELECT p.name, p.id {_PEOPLE}").fetchall()
    names, ids = [row[0] for row in rows], [row[1] for row in rows]
    if not exported:
        return names, b""
    return names, for_programs(templates_of(database, ids, Comparison.beside(path)))


def templates_of(
    database: sqlite3.Connection, people: Sequence[int], comparison: Comparison | None
) -> Templates:
    """Those of some ids, in that order, ready to be compared."""
    width = int(meta(database, "width"))
    query = "SELECT embedding FROM templates WHERE person = ?"
    rows = (database.execute(query, (person,)).fetchone()[0] for person in people)
    templates = vectors(rows, width)
    if comparison is None:
        return Templates(templates)
    sums = np.zeros((len(people), width))
    query = "SELECT coalesce(small, embedding) FROM faces WHERE person = ? ORDER BY id"
    for row, person in enumerate(people):
        views = (view[0] for view in database.execute(query, (person,)))
        sums[row] = vectors(views, width).sum(0, dtype=np.float64)
    return Templates(templates, unit_length(sums).astype(np.float32), comparison)


def _corrections(
    database: sqlite3.Connection,
    width: int,
    index: dict[int, int],
    said: np.ndarray,
    whose: np.ndarray,
) -> Corrections:
    refused = [
        row
        for row in database.execute(
            "SELECT f.embedding, c.person FROM constraints c JOIN faces f ON f.id = c.face "
            "WHERE c.kind = 'not'"
        )
        if row[1] in index
    ]
    ignored = database.execute(
        "SELECT t.embedding FROM templates t JOIN people p ON p.id = t.person "
        "WHERE p.state = 'ignored'"
    )
    return Corrections(
        said,
        whose,
        vectors((row[0] for row in refused), width),
        np.array([index[row[1]] for row in refused], np.int64),
        vectors((row[0] for row in ignored), width),
        _of_photos(database, index),
    )


def _of_photos(database: sqlite3.Connection, index: dict[int, int]) -> dict[str, list[Said]]:
    """What was said of faces, by the digest of their photo."""
    refused: dict[int, list[int]] = {}
    for face, person in database.execute("SELECT face, person FROM constraints WHERE kind = 'not'"):
        refused.setdefault(face, []).extend([index[person]] if person in index else [])
    rows = database.execute(
        "SELECT f.id, f.digest, f.x, f.y, f.width, f.height, f.person, p.state FROM faces f "
        "LEFT JOIN people p ON p.id = f.person WHERE f.x NOT NULL "
        "AND (f.said OR p.state = 'ignored')"
    )
    photos: dict[str, list[Said]] = {}
    for face, digest, x, y, width, height, person, state in rows:
        not_ = tuple(refused.get(face, ()))
        said = Said((x, y, width, height), index.get(person), state == "ignored", not_)
        photos.setdefault(digest, []).append(said)
    return photos


def _sums(
    embeddings: np.ndarray, labels: np.ndarray, anchors: Sequence[bytes | None]
) -> np.ndarray:
    sums = np.zeros((len(anchors), embeddings.shape[1]), np.float64)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(len(anchors)))
    if len(order):
        sums = np.add.reduceat(embeddings[order].astype(np.float64), starts)
    for row, anchor in zip(sums, anchors, strict=True):
        if anchor is not None:
            row += np.frombuffer(anchor, "<f8")
    return sums


def vectors(blobs: Iterable[bytes], width: int) -> np.ndarray:
    """Embeddings as they lie in the file: (n, width) float32; of more than MANY, float16.

    Raises ValueError.
    """
    waiting = iter(blobs)
    parts = [np.zeros((0, width), np.float32)]
    while rows := list(islice(waiting, MANY // 10)):
        parts.append(np.frombuffer(b"".join(rows), "<f4").reshape(-1, width))
        if len(parts) * (MANY // 10) > MANY:
            parts = [part.astype(np.float16, copy=False) for part in parts]
    return np.concatenate(parts)


def blob(vector: np.ndarray) -> bytes:
    """An embedding as it lies in the file."""
    return np.ascontiguousarray(vector, "<f4").tobytes()


def refresh_templates(database: sqlite3.Connection, people: Iterable[int]) -> None:
    """Make the templates of people again from their faces; those of people who are gone go."""
    for person in people:
        there = database.execute("SELECT anchor FROM people WHERE id = ?", (person,)).fetchone()
        rows = database.execute("SELECT embedding FROM faces WHERE person = ?", (person,))
        faces = [np.frombuffer(row[0], "<f4") for row in rows]
        if there is None or not faces:
            database.execute("DELETE FROM templates WHERE person = ?", (person,))
            continue
        total = np.sum(faces, axis=0, dtype=np.float64)
        if there[0] is not None:
            total = total + np.frombuffer(there[0], "<f8")
        template = np.asarray(total / max(float(np.linalg.norm(total)), 1e-12))
        database.execute("INSERT OR REPLACE INTO templates VALUES (?, ?)", (person, blob(template)))
