"""`gallery.sqlite`: its tables, and how it is opened.

A rollback journal, not a write-ahead log: at rest the one file is complete, and no memory has to be
shared, which network drives cannot do. What is deleted is overwritten with zeros (`secure_delete`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from knownface.errors import GalleryError, KnownfaceError
from knownface.files.whole import make_private

APPLICATION, VERSION = 0x6B6E6F77, 2  # "know"; the number rises when the tables change
PATIENCE = 60.0  # seconds that a change waits for another process's

TABLES = {
    # What the file says of itself: `contract` of its network, `number` of changes, and `trained`.
    "meta": "id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value",
    # state: known (has a name), unknown (seen, not named), ignored (never to be named).
    # anchor: (d,) float64, what is added to the sum of the faces before it is the template, where
    # a template is no mean, such as the column of a trained head. trained: the network has seen
    # them. featured: the face to show.
    "people": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, "
        "state TEXT NOT NULL CHECK (state IN ('known', 'unknown', 'ignored')), "
        "added REAL NOT NULL, born TEXT, featured INTEGER, anchor BLOB, "
        "trained INTEGER NOT NULL DEFAULT 0, CHECK ((name IS NULL) = (state != 'known'))"
    ),
    # Names that somebody had before, or that was merged into somebody.
    "aliases": "id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, person INTEGER NOT NULL",
    # person: nobody, where all that is known is who a face is not. embedding: (d,) float32, unit
    # length; small: of fewer pixels, see `Gallery`. box: x, y, width, height in the photo; size:
    # its width x height. said: somebody has said whose it is. tested: kept aside when the network
    # was trained. portrait: a JPEG; frame: where the face lies in it, see `portrait.py`. taken:
    # when, as the camera wrote it, in seconds since 1970.
    "faces": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER, embedding BLOB NOT NULL, "
        "x REAL, y REAL, width REAL, height REAL, size TEXT, quality REAL, "
        "source TEXT NOT NULL, digest TEXT NOT NULL, added REAL NOT NULL, "
        "said INTEGER NOT NULL DEFAULT 0, tested INTEGER NOT NULL DEFAULT 0, "
        "portrait BLOB, frame BLOB, taken REAL, small BLOB"
    ),
    # One per person, made of the faces: (d,) float32, unit length.
    "templates": "person INTEGER PRIMARY KEY, embedding BLOB NOT NULL",
    # kind `not`: the face is not the person. kind `never-same`: person and other are two.
    "constraints": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN ('not', "
        "'never-same')), face INTEGER, person INTEGER NOT NULL, other INTEGER, "
        "CHECK ((face IS NULL) = (kind = 'never-same') AND (other IS NULL) = (kind = 'not')), "
        "UNIQUE (face, person), UNIQUE (person, other)"
    ),
    # people: JSON, whom it concerns. undone: the change that undid it.
    "history": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, actor TEXT NOT NULL, "
        "verb TEXT NOT NULL, text TEXT NOT NULL, people TEXT NOT NULL, undone INTEGER"
    ),
    # Each row of a table as it was before a change; NULL where there was none.
    "steps": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, change INTEGER NOT NULL, what TEXT NOT NULL, "
        "row INTEGER NOT NULL, before TEXT"
    ),
    # Strangers kept aside in training, for the false-accept rate.
    "strangers": "id INTEGER PRIMARY KEY, embedding BLOB NOT NULL",
    # What was recognised, where a memory is switched on: neither photos nor embeddings.
    "sightings": (
        "id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, person INTEGER, "
        "similarity REAL NOT NULL, source TEXT NOT NULL, reason TEXT"
    ),
}
INDICES = {
    "faces_of_person": "faces (person)",
    "faces_of_photo": "faces (digest)",
    "steps_of_change": "steps (change)",
    "steps_of_row": "steps (what, row)",
    "sightings_of_person": "sightings (person, at)",
    "sightings_in_time": "sightings (at)",
}
STATEMENTS = {name: f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()} | {
    name: f"CREATE INDEX {name} ON {columns}" for name, columns in INDICES.items()
}
# What files of version 1 lack: they are read as if nothing of it were known, and the first change
# adds it to the table, as SQLite's ALTER TABLE writes it.
_ADDED = ("taken REAL", "small BLOB")
_KNOWN = {
    1: STATEMENTS | {"faces": STATEMENTS["faces"].replace(", " + ", ".join(_ADDED), "")},
    VERSION: STATEMENTS,
}


def create(path: Path) -> None:
    """An empty gallery, for its owner only; the file must not be there."""
    with path.open("xb"):
        make_private(path)
    with closing(_connect(path, "rw")) as database, transaction(database):
        database.execute(f"PRAGMA application_id = {APPLICATION}")
        database.execute(f"PRAGMA user_version = {VERSION}")
        for statement in STATEMENTS.values():
            database.execute(statement)
        database.execute("INSERT INTO meta (key, value) VALUES ('number', 0)")


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The gallery as it is at one moment; KnownfaceError where it cannot be read."""
    with _opened(path, "ro") as database:
        database.execute("BEGIN")
        if _version(database) == 1:
            missing = ", ".join(f"NULL {column.split()[0]}" for column in _ADDED)
            database.execute(f"CREATE TEMP VIEW faces AS SELECT *, {missing} FROM main.faces")
        yield database
        database.execute("ROLLBACK")


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """One change: all of it is on the disk afterwards, or, after an error, nothing of it.

    Changes wait for each other, also those of other processes.
    """
    with _opened(path, "rw") as database, transaction(database):
        if _version(database) == 1:
            for column in _ADDED:
                database.execute(f"ALTER TABLE faces ADD COLUMN {column}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        yield database
        database.execute("UPDATE meta SET value = value + 1 WHERE key = 'number'")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Outside any transaction, for VACUUM and copies."""
    with _opened(path, "rw") as database:
        yield database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # it may have rolled back already
            database.execute("ROLLBACK")
        raise


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        with closing(_connect(path, mode)) as database:
            database.execute("BEGIN")  # the version and the tables of one moment
            _check(path, database)
            database.execute("ROLLBACK")
            yield database
    except OverflowError:
        raise KnownfaceError("there is nothing with so large a number; look again") from None
    except UnicodeEncodeError:
        raise KnownfaceError("a name has to be text, in UTF-8") from None
    except sqlite3.OperationalError as error:
        raise _sentence(path, error) from None
    except sqlite3.DatabaseError as error:
        raise unusable(path, error) from None


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    if mode == "ro" and os.access(path, os.W_OK) and os.access(path.parent, os.W_OK):
        mode = "rw"  # so that what a killed process left half is rolled back
    address = f"{path.resolve().as_uri()}?mode={mode}"
    database = sqlite3.connect(address, PATIENCE, uri=True, isolation_level=None)
    database.row_factory = sqlite3.Row
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "secure_delete = ON",
                    "synchronous = FULL", "temp_store = MEMORY"):  # fmt: skip
        database.execute(f"PRAGMA {setting}")
    return database


def _check(path: Path, database: sqlite3.Connection) -> None:
    """Refuse what is no gallery, and a file with tables, triggers or views that are not ours."""
    is_one = database.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    version = _version(database)
    if not is_one or version not in _KNOWN:
        newest = f"version {version}, and this knownface reads up to {VERSION}"
        raise unusable(path, newest if is_one else "no gallery")
    listed = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    if {row["name"]: row["sql"] for row in database.execute(listed)} != _KNOWN[version]:
        raise unusable(path, "its tables are not those of a gallery")


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _sentence(path: Path, error: sqlite3.Error) -> GalleryError:
    """What is the matter with a file that may be whole."""
    if not path.is_file():
        return GalleryError(
            f"{path}: there is no gallery; copy the recogniser's folder again, whole"
        )
    if "locked" in str(error):
        return GalleryError(
            f"{path}: another process has been changing it for {PATIENCE:.0f} seconds; try again"
        )
    if "readonly" in str(error) or "unable to open" in str(error):
        return GalleryError(
            f"{path}: cannot be written; change the permissions of it and of its folder"
        )
    if "full" in str(error):
        return GalleryError(f"{path}: the disk is full; nothing was changed")
    return unusable(path, error)


def unusable(path: Path, reason: object) -> GalleryError:
    return GalleryError(
        f"{path}: not a usable gallery ({reason}); restore a backup, copy it again or train again"
    )
