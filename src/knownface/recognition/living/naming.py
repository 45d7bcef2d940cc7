"""Whom a name means, also one from before, and what can be a name."""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from difflib import get_close_matches

from knownface.errors import KnownfaceError
from knownface.recognition.living.changes import Recorder

LONGEST = 100  # characters of a name
ALIKE = 0.8  # difflib's ratio, from which one name may be another one mistyped
# What stands for people who have no name here.
SAID = ("unknown", "ignored", "too poor", "nobody", "forgotten")


def checked_name(name: str) -> str:
    """A name as it is kept; KnownfaceError where it could not name a folder, or is none."""
    text = unicodedata.normalize("NFC", str(name)).strip()
    odd = any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "/\\" for c in text)
    if text.lower() in SAID:
        raise KnownfaceError(f"{text!r} is what is said of faces without a name; take another one")
    if not text or len(text) > LONGEST or odd or text.startswith("."):
        raise KnownfaceError(
            f"{name!r:.60} is no name: 1 to {LONGEST} characters, without /, \\ and line ends, and "
            "without a full stop before them"
        )
    return text


def look_up(database: sqlite3.Connection, who: str | int) -> int | None:
    """The id of somebody, by it, by name or by a name from before; None where there is nobody."""
    if isinstance(who, int):
        rows = database.execute("SELECT id FROM people WHERE id = ?", (who,))
    else:
        text = unicodedata.normalize("NFC", who).strip()
        rows = database.execute(
            "SELECT id FROM people WHERE name = ? UNION ALL "
            "SELECT person FROM aliases WHERE name = ?", (text, text)
        )  # fmt: skip
    found = rows.fetchone()
    return None if found is None else int(found[0])


def find(database: sqlite3.Connection, who: str | int) -> int:
    """The same; KnownfaceError where there is nobody."""
    found = look_up(database, who)
    if found is not None:
        return found
    if isinstance(who, int):
        raise KnownfaceError(f"there is nobody with the number {who}; look again")
    known = database.execute("SELECT name FROM people WHERE name NOT NULL ORDER BY name LIMIT 6")
    names = [row[0] for row in known]
    some = ", ".join(names[:5]) + ", ..." * (len(names) > 5) or "nobody"
    raise KnownfaceError(f"nobody is called {who!r:.60}; known are {some}")


def person_called(recorder: Recorder, name: str) -> tuple[int, bool]:
    """The id of whoever has a name, or had it; somebody new where nobody does, and whether so."""
    text = checked_name(name)
    there = look_up(recorder.database, text)
    if there is not None:
        return there, False
    return recorder.insert("people", name=text, state="known", added=time.time()), True


def mistyped(database: sqlite3.Connection, person: int) -> list[str]:
    """A note about somebody new whose name is almost somebody else's."""
    new = str(database.execute("SELECT name FROM people WHERE id = ?", (person,)).fetchone()[0])
    rows = database.execute("SELECT name FROM people WHERE name NOT NULL AND id != ?", (person,))
    names = {row[0].casefold(): row[0] for row in rows}
    near = [names[each] for each in get_close_matches(new.casefold(), names, cutoff=ALIKE)]
    return [f"If {' or '.join(near)} is who you mean by {new}, undo this"] if near else []


def shown(database: sqlite3.Connection, person: int, opening: bool = False) -> str:
    """How a sentence speaks of somebody; opening: the sentence begins with it."""
    row = database.execute("SELECT name, state FROM people WHERE id = ?", (person,)).fetchone()
    return str(row["name"] or f"{'The' if opening else 'the'} {row['state']} person {person}")
