"""A gallery as one file to keep, and taken to another folder, also to another network."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from knownface.files.whole import whole_file
from knownface.recognition.artifact import GALLERY
from knownface.recognition.living import naming, schema
from knownface.recognition.living.changes import insert, note
from knownface.recognition.living.erasing import drop_person
from knownface.recognition.living.reading import blob, checked, meta, number, refresh_templates
from knownface.recognition.living.shared import KEY
from knownface.recognition.living.writing import write_strangers

# What a network makes of kept faces: portraits (k) and frames (k, 14) become (k, d) of unit length,
# and what `Gallery.small` holds of them, if it is needed.
Embed = Callable[[list[bytes], np.ndarray], tuple[np.ndarray, np.ndarray | None]]
TOGETHER = 64


def copy(source: Path, target: Path) -> None:
    """One consistent copy of a gallery that may be in use; appears whole or not at all.

    Raises KnownfaceError, OSError.
    """
    with whole_file(target) as part:
        part.unlink(missing_ok=True)
        schema.create(part)
        with schema.opened(source) as database, schema.opened(part) as other:
            database.backup(other)
        with schema.opened(part) as other:  # whoever has a copy changes it for nobody else
            other.execute("DELETE FROM meta WHERE key = ?", (KEY,))


def restore(source: Path, target: Path, embed: Embed) -> tuple[int, int]:
    """Put a copy in the place of a gallery, at once, also for those who have it open.

    embed: makes its faces comparable, where another network has made the copy.
    Gives how many faces came, and how many did not because no portrait of them was kept.
    """
    with schema.reading(source) as database:
        checked(source, database, None)
    with TemporaryDirectory() as aside:
        part = Path(aside) / GALLERY
        copy(source, part)
        lost = 0
        with schema.reading(target) as database:
            wanted, since = meta(database, "contract"), number(database)
            width, id = int(meta(database, "width")), meta(database, "id")
            strangers = database.execute("SELECT embedding FROM strangers").fetchall()
        with schema.changing(part) as database:
            if meta(database, "contract") != wanted:
                lost = embed_again(database, embed, wanted, width)
                write_strangers(database, [row[0] for row in strangers])
            database.execute(
                "UPDATE meta SET value = max(value, ?) + 1 WHERE key = 'number'", (since,)
            )
            database.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('id', ?)", (id,))
            note(database, "restore", f"Restored from {source.name}")
            came = database.execute("SELECT count(*) FROM faces").fetchone()[0]
        with schema.opened(part) as database, schema.opened(target) as other:
            database.backup(other)
    return int(came), lost


def embed_again(database: sqlite3.Connection, embed: Embed, contract: str, width: int) -> int:
    """Replace all embeddings by those of another network; gives how many faces were lost.

    What a trained head knew of people is not kept, nor can changes from before be undone.
    """
    kept = "SELECT id, portrait, frame FROM faces WHERE portrait NOT NULL"
    rows = database.execute(kept).fetchall()
    for start in range(0, len(rows), TOGETHER):
        some = rows[start : start + TOGETHER]
        frames = np.stack([_frame(row["frame"]) for row in some])
        vectors, small = embed([row["portrait"] for row in some], frames)
        views = [None] * len(some) if small is None else [blob(each) for each in small]
        for row, vector, view in zip(some, vectors, views, strict=True):
            change = "UPDATE faces SET embedding = ?, small = ? WHERE id = ?"
            database.execute(change, (blob(vector), view, row["id"]))
    lost = database.execute("DELETE FROM faces WHERE portrait IS NULL").rowcount
    database.execute("DELETE FROM constraints WHERE face NOT NULL AND face NOT IN "
                     "(SELECT id FROM faces)")  # fmt: skip
    database.execute("UPDATE people SET anchor = NULL, trained = 0")
    database.execute("DELETE FROM steps")
    database.execute("UPDATE meta SET value = ? WHERE key = 'contract'", (contract,))
    database.execute("UPDATE meta SET value = ? WHERE key = 'width'", (width,))
    everybody = database.execute("SELECT id FROM people").fetchall()
    refresh_templates(database, [row[0] for row in everybody])
    _drop_empty(database)
    return int(lost)


def carry_over(old: Path, new: Path, embed: Embed) -> tuple[int, int, int]:
    """What was said before a training goes on after it: `new` becomes `old`, seen by its network.

    old, new: gallery files; faces of `new` that `old` does not have join it, under the names that
    lead somewhere in it. Gives how many people and faces came from `old` alone, and how many faces
    were lost because no portrait of them was kept.
    """
    with TemporaryDirectory() as aside:
        part = Path(aside) / GALLERY
        copy(old, part)
        with schema.reading(new) as fresh, schema.changing(part) as database:
            contract, width = meta(fresh, "contract"), int(meta(fresh, "width"))
            lost = 0
            if meta(database, "contract") != contract:
                lost = embed_again(database, embed, contract, width)
            id = meta(fresh, "id")
            database.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('id', ?)", (id,))
            people_before, faces_before = _only_in(database, fresh)
            whose = _people_of(database, fresh)
            _take_faces(database, fresh, whose)
            _drop_left_out(database, fresh)
            write_strangers(database, [r[0] for r in fresh.execute("SELECT embedding FROM "
                                                                     "strangers")])  # fmt: skip
            refresh_templates(database, [r[0] for r in database.execute("SELECT id FROM people")])
            note(database, "train", "Trained again: people, names and corrections went on")
        with schema.opened(part) as database, schema.opened(new) as other:
            database.backup(other)
    return people_before, faces_before, lost


def _only_in(database: sqlite3.Connection, fresh: sqlite3.Connection) -> tuple[int, int]:
    names = {row[0] for row in fresh.execute("SELECT name FROM people")}
    digests = {row[0] for row in fresh.execute("SELECT digest FROM faces")}
    known = database.execute("SELECT name FROM people WHERE state = 'known'")
    people_ = sum(row[0] not in names for row in known)
    faces = database.execute("SELECT digest FROM faces WHERE person NOT NULL")
    return people_, sum(row[0] not in digests for row in faces)


def _people_of(database: sqlite3.Connection, fresh: sqlite3.Connection) -> dict[int, int]:
    """The id here of each person there, by name; somebody new where nobody has it."""
    whose = {}
    for row in fresh.execute("SELECT * FROM people").fetchall():
        person = naming.look_up(database, str(row["name"]))
        if person is None:
            values = {"name": row["name"], "state": "known", "added": row["added"]}
            person = insert(database, "people", values)
        whose[int(row["id"])] = person
        database.execute(
            "UPDATE people SET anchor = ?, trained = ? WHERE id = ?",
            (row["anchor"], row["trained"], person),
        )
    return whose


def _take_faces(
    database: sqlite3.Connection, fresh: sqlite3.Connection, whose: dict[int, int]
) -> None:
    """Faces that are here already keep whose they are, and get what the new training knows."""
    for row in fresh.execute("SELECT * FROM faces").fetchall():
        there = database.execute(
            "SELECT id FROM faces WHERE digest = ? AND (person = ? OR NOT EXISTS (SELECT 1 FROM "
            "faces WHERE digest = ? AND person = ?)) LIMIT 1",
            (row["digest"], whose[row["person"]], row["digest"], whose[row["person"]]),
        ).fetchone()
        values = dict(row)
        del values["id"]
        if there is None:
            insert(database, "faces", values | {"person": whose[row["person"]]})
        else:
            database.execute(
                "UPDATE faces SET embedding = ?, small = ?, tested = ?, source = ?, "
                "taken = coalesce(?, taken) WHERE id = ?",
                (
                    row["embedding"],
                    row["small"],
                    row["tested"],
                    row["source"],
                    row["taken"],
                    there["id"],
                ),
            )


def _drop_left_out(database: sqlite3.Connection, fresh: sqlite3.Connection) -> None:
    """Faces that only a folder said whose they are, and that it does not hold any more, go."""
    digests = {row[0] for row in fresh.execute("SELECT digest FROM faces")}
    rows = database.execute(
        "SELECT f.id, f.digest FROM faces f JOIN people p ON p.id = f.person "
        "WHERE p.state = 'known' AND NOT f.said"
    ).fetchall()
    for row in rows:
        if row["digest"] not in digests:
            database.execute("DELETE FROM constraints WHERE face = ?", (row["id"],))
            database.execute("DELETE FROM faces WHERE id = ?", (row["id"],))
    _drop_empty(database)


def _drop_empty(database: sqlite3.Connection) -> None:
    """People without a face are gone."""
    nobody = (
        "SELECT id FROM people WHERE id NOT IN (SELECT person FROM faces WHERE person NOT NULL)"
    )
    for row in database.execute(nobody).fetchall():
        drop_person(database, row[0])


def _frame(frame: bytes | None) -> np.ndarray:
    return np.full(14, np.nan, np.float32) if frame is None else np.frombuffer(frame, "<f4")
