"""One change of a gallery: each row that it touches is remembered as it was, so that it undoes."""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import b64decode, b64encode
from typing import Any

from knownface.errors import KnownfaceError
from knownface.options import call

# What an undone change brings back; templates follow from it.
KEPT = ("people", "aliases", "faces", "constraints")


class Recorder:
    """Writes rows within one transaction, and remembers each as it was before.

    people: ids of whom the change concerns; their templates are made again at the end.
    """

    def __init__(self, database: sqlite3.Connection, verb: str, actor: str) -> None:
        self.database, self.verb, self.people = database, verb, set[int]()
        self.change = note(database, verb, "", actor)

    def insert(self, table: str, **values: Any) -> int:
        """A new row; gives its id."""
        row = insert(self.database, table, values)
        self._remember(table, row, None)
        self._concerns(table, self._row(table, row))
        return row

    def update(self, table: str, row: int, **values: Any) -> None:
        """Remembers no portraits and embeddings that stay: they would be most of a gallery."""
        before = self._row(table, row)
        self._remember(table, row, {
            name: value for name, value in before.items()
            if name in values or not isinstance(value, bytes)
        })  # fmt: skip
        settings = ", ".join(f"{name} = ?" for name in values)
        self.database.execute(
            f"UPDATE {table} SET {settings} WHERE id = ?", (*values.values(), row)
        )
        self._concerns(table, self._row(table, row))

    def delete(self, table: str, row: int) -> None:
        self._remember(table, row, self._row(table, row))
        self.database.execute(f"DELETE FROM {table} WHERE id = ?", (row,))

    def delete_where(self, table: str, condition: str, *values: Any) -> None:
        for row in self.rows(table, condition, *values):
            self.delete(table, row)

    def rows(self, table: str, condition: str, *values: Any) -> list[int]:
        """Ids of rows."""
        found = self.database.execute(f"SELECT id FROM {table} WHERE {condition}", values)
        return [row[0] for row in found.fetchall()]

    def finish(self, text: str) -> None:
        """Say what was done, in one sentence."""
        self.database.execute(
            "UPDATE history SET text = ?, people = ? WHERE id = ?",
            (text, json.dumps(sorted(self.people)), self.change),
        )

    def undo(self, change: int) -> None:
        """Bring back every row as it was before a change; KnownfaceError where others built on it.

        Two changes that touch the same row are undone the later one first.
        """
        later = self.database.execute(
            "SELECT h.id, h.text FROM steps s JOIN steps mine ON mine.what = s.what "
            "AND mine.row = s.row AND mine.change = ? JOIN history h ON h.id = s.change "
            "WHERE s.change > ? AND h.undone IS NULL AND h.verb != 'undo' ORDER BY h.id LIMIT 1",
            (change, change),
        ).fetchone()
        if later:
            raise KnownfaceError(
                f"change {change} cannot be undone before change {later['id']} ({later['text']}); "
                f"undo that first: {call('undo', ..., change=later['id'])}"
            )
        steps = self.database.execute(
            "SELECT what, row, before FROM steps WHERE change = ? ORDER BY id DESC", (change,)
        ).fetchall()
        for table, row, before in steps:
            self._bring_back(str(table), row, before)

    def _bring_back(self, table: str, row: int, before: str | None) -> None:
        if table not in KEPT:
            raise KnownfaceError(f"history holds {table!r:.40}, which no change of people touches")
        there = bool(self.rows(table, "id = ?", row))
        if before is None:
            if there:
                self.delete(table, row)
            return
        values = from_json(before)
        try:
            if there:
                self.update(table, row, **values)
            else:
                self.insert(table, **values)
        except sqlite3.IntegrityError:
            raise KnownfaceError(
                f"it cannot be undone: {values.get('name') or 'what it brings back'} is in use "
                "again; undo the later change first"
            ) from None

    def _remember(self, table: str, row: int, before: dict[str, Any] | None) -> None:
        said = None if before is None else to_json(before)
        insert(self.database, "steps",
             {"change": self.change, "what": table, "row": row, "before": said})  # fmt: skip
        self._concerns(table, before)

    def _concerns(self, table: str, values: dict[str, Any] | None) -> None:
        """Note the people whom a row concerns."""
        names = ("id",) if table == "people" else ("person", "other")
        self.people |= {values[name] for name in names if values and values.get(name) is not None}

    def _row(self, table: str, row: int) -> dict[str, Any]:
        found = self.database.execute(f"SELECT * FROM {table} WHERE id = ?", (row,)).fetchone()
        if found is None:
            raise KnownfaceError(f"{table[:-1]} {row} is not there any more; look again")
        return dict(found)


def insert(database: sqlite3.Connection, table: str, values: dict[str, Any]) -> int:
    """A new row; gives its id."""
    marks = ", ".join("?" * len(values))
    statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
    return int(database.execute(statement, tuple(values.values())).lastrowid or 0)


def note(database: sqlite3.Connection, verb: str, text: str, actor: str = "shell") -> int:
    """A line of the history; gives its number."""
    row = {"at": time.time(), "actor": actor, "verb": verb, "text": text, "people": "[]"}
    return insert(database, "history", row)


def rows_before(database: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    """Rows as they were before changes that can be undone; what stayed is as it is now."""
    steps = database.execute(
        "SELECT row, before FROM steps WHERE what = ? AND before NOT NULL", (table,)
    ).fetchall()
    now = {row: database.execute(f"SELECT * FROM {table} WHERE id = ?", (row,)).fetchone()
           for row in {step["row"] for step in steps}}  # fmt: skip
    return [dict(now[step["row"]] or {}) | from_json(step["before"]) for step in steps]


def to_json(row: dict[str, Any]) -> str:
    """A row as text."""
    return json.dumps(
        {
            name: {"bytes": b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in row.items()
        }
    )


def from_json(text: str) -> dict[str, Any]:
    """The same row; raises ValueError, and KeyError, for what is none."""
    row = json.loads(text)
    if not isinstance(row, dict):
        raise ValueError("no row")
    return {
        name: b64decode(value["bytes"]) if isinstance(value, dict) else value
        for name, value in row.items()
    }
