"""Rows of a gallery file as texts that another server's takes, and what of them is searched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from knownface.errors import GalleryError
from knownface.recognition.comparison import SPACES, Comparison
from knownface.recognition.living.changes import from_json, to_json
from knownface.recognition.living.reading import templates_of
from knownface.recognition.living.schema import TABLES
from knownface.recognition.store import Store

# The number of a row, by its table; `meta` is of each file alone.
KEYS = {table: "person" if table == "templates" else "id" for table in TABLES if table != "meta"}
TOGETHER = 10_000  # people who are made searchable at once


@contextmanager
def noted(database: sqlite3.Connection) -> Iterator[list[str]]:
    """The keys of all rows that are touched meanwhile, once it is over: `faces/17`."""
    verbs = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}
    triggers = {f"noted_{table}_{verb}": (table, verb) for table in KEYS for verb in verbs}
    database.execute("CREATE TEMP TABLE noted (touched TEXT UNIQUE)")
    for name, (table, verb) in triggers.items():
        database.execute(
            f"CREATE TEMP TRIGGER {name} AFTER {verb} ON main.{table} BEGIN INSERT OR IGNORE "
            f"INTO noted VALUES ('{table}/' || {verbs[verb]}.{KEYS[table]}); END"
        )
    found: list[str] = []
    yield found
    found += [row[0] for row in database.execute("SELECT touched FROM noted")]
    for name in triggers:
        database.execute(f"DROP TRIGGER {name}")
    database.execute("DROP TABLE noted")


def everything(database: sqlite3.Connection) -> Iterator[str]:
    """The keys of all rows."""
    for table, key in KEYS.items():
        for row in database.execute(f"SELECT {key} FROM {table}").fetchall():
            yield f"{table}/{row[0]}"


def text_of(database: sqlite3.Connection, key: str) -> str:
    """A row; nothing, where it is gone."""
    table, _, id = key.partition("/")
    row = database.execute(f"SELECT * FROM {table} WHERE {KEYS[table]} = ?", (int(id),)).fetchone()
    return "" if row is None else to_json(dict(row))


def take(database: sqlite3.Connection, key: str, text: str) -> None:
    """Put a row in its place; one that is gone goes, and its number is nobody's again.

    Raises ValueError for what is no row of ours.
    """
    table, _, id = key.partition("/")
    if table not in KEYS:
        raise ValueError(f"no table {table!r:.40}")
    if not text:
        database.execute(f"DELETE FROM {table} WHERE {KEYS[table]} = ?", (int(id),))
        _never_again(database, table, int(id))
        return
    values: dict[str, Any] = from_json(text)
    columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    if values.keys() - columns or values.get(KEYS[table]) != int(id):
        raise ValueError(f"no row of {table}")
    marks = ", ".join("?" * len(values))
    database.execute(
        f"INSERT OR REPLACE INTO {table} ({', '.join(values)}) VALUES ({marks})",
        tuple(values.values()),
    )


def _never_again(database: sqlite3.Connection, table: str, id: int) -> None:
    """As if the row had been here: `undo` relies on numbers that nobody gets twice."""
    if "AUTOINCREMENT" in TABLES[table]:
        known = database.execute(
            "SELECT 1 FROM sqlite_sequence WHERE name = ?", (table,)
        ).fetchone()
        if known is None:
            database.execute("INSERT INTO sqlite_sequence VALUES (?, 0)", (table,))
        database.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (id, table))


def make_searchable(
    database: sqlite3.Connection, comparison: Comparison | None, store: Store, keys: Iterable[str]
) -> None:
    """Have known people be found by their templates, and nobody else, as far as keys touch them."""
    touched = sorted(
        {int(k.partition("/")[2]) for k in keys if k.startswith(("people/", "templates/"))}
    )
    for start in range(0, len(touched), TOGETHER):
        some = touched[start : start + TOGETHER]
        found = [
            person
            for person in some
            if database.execute(
                "SELECT 1 FROM templates t JOIN people p ON p.id = t.person "
                "WHERE p.id = ? AND p.state = 'known'", (person,)
            ).fetchone()
        ]  # fmt: skip
        if found:
            for space, sought in templates_of(database, found, comparison).sought().items():
                store.place(space, found, sought)
        for space in SPACES:
            store.displace(space, [person for person in some if person not in found])


def refused(name: str, error: Exception) -> GalleryError:
    """What is said of a store whose rows are not ours."""
    return GalleryError(f"{name}: what lies there is no gallery of knownface ({error!s:.100})")
