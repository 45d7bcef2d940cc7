"""A gallery file begins to share what it has, or joins those who do."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError
from knownface.options import argument, call
from knownface.recognition.comparison import COMPARISON, SPACES, Comparison
from knownface.recognition.living import carried, looking, schema
from knownface.recognition.living.changes import insert
from knownface.recognition.living.reading import checked, meta, number, people_in
from knownface.recognition.living.shared import KEY, address_of
from knownface.recognition.living.turns import CONTROL, Head, Turn, turn_at
from knownface.recognition.milvus import shown
from knownface.recognition.record import tell_people
from knownface.recognition.store import Store

TOGETHER = 2_000  # rows that are sent at once
SHOWN = 5  # names in a sentence


@dataclass(frozen=True)
class Shared:
    """Where a gallery is shared, without any password; None: nowhere. people: who are known.

    joined: it had been put there by another server.
    """

    gallery: str | None
    people: int
    joined: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        known = f"{self.people} people known"
        if self.gallery is None:
            return f"Not shared: {known}, in this folder alone"
        return f"{'Joined' if self.joined else 'Shared at'} {self.gallery}: {known}"


def share(path: Path, address: str, replace: bool = False) -> Shared:
    """Put a gallery there, or join the one that is; then each change is everybody's.

    replace: also where people are known here who are not there: they are lost here.
    Raises KnownfaceError where another network's gallery lies there, or people would be lost.
    """
    if now := address_of(path):
        raise KnownfaceError(
            f"{path.parent}: is shared at {shown(now)} already; end that first: "
            + call("share", path.parent, gallery="none")
        )
    store = Store(address, create=True)
    known = COMPARISON if (path.parent / COMPARISON).is_file() else ""
    digest = hashlib.sha256((path.parent / known).read_bytes()).hexdigest() if known else ""
    with turn_at(store) as turn, schema.opened(path) as database, schema.transaction(database):
        mine = Head(number(database), "", meta(database, "contract"),
                    int(meta(database, "width")), digest)  # fmt: skip
        if turn.head is None:
            _put(path, database, store, mine, turn)
        else:
            _join(path, database, store, mine, turn.head, replace)
        insert(database, "meta", {"key": KEY, "value": address})
        people = looking.count(database, "known")
    tell_people(path.parent, partial(people_in, path))
    return Shared(store.name, people, turn.head is not None)


def leave(path: Path) -> Shared:
    """Share it no more: what is known stays known, here and there."""
    with schema.opened(path) as database, schema.transaction(database):
        database.execute("DELETE FROM meta WHERE key = ?", (KEY,))
        return Shared(None, looking.count(database, "known"), False)


def where(path: Path) -> Shared:
    """Where it is shared; nothing is asked of the place."""
    address = address_of(path)
    with schema.reading(path) as database:
        people = looking.count(database, "known")
    return Shared(shown(address) if address else None, people, bool(address))


def _put(path: Path, database: sqlite3.Connection, store: Store, mine: Head, turn: Turn) -> None:
    """All rows; the head last, so that a gallery that is there is there as a whole."""
    store.drop(f"number != {CONTROL}")
    store.clear(SPACES)
    comparison, keys = Comparison.beside(path), carried.everything(database)
    while some := list(islice(keys, TOGETHER)):
        store.put({key: (mine.number, carried.text_of(database, key)) for key in some}, turn.renew)
    ids = database.execute("SELECT id FROM people WHERE state = 'known'").fetchall()
    people = iter([f"people/{row[0]}" for row in ids])
    while some := list(islice(people, carried.TOGETHER)):
        carried.make_searchable(database, comparison, store, some)
        turn.renew()
    turn.check()
    mine.write(store)


def _join(
    path: Path, database: sqlite3.Connection, store: Store, mine: Head, there: Head, replace: bool
) -> None:
    """All rows from there, in the place of those here."""
    if there.attempt:
        raise KnownfaceError(
            f"{store.name}: a change was cut off there; have a server that shares it change "
            "something, such as `undo`, and try again"
        )
    if (mine.contract, mine.width, mine.comparison) != (
        there.contract, there.width, there.comparison,
    ):  # fmt: skip
        raise KnownfaceError(
            f"{store.name}: the gallery there is of another network, or compares otherwise; copy "
            "the recogniser's folder from a server that shares it, or name another database"
        )
    before = set(looking.names(database))
    for table in carried.KEYS:
        database.execute(f"DELETE FROM {table}")
    database.execute("DELETE FROM sqlite_sequence")
    try:
        for key, _, text in store.rows("number >= 0"):
            carried.take(database, key, text)
        checked(path, database, None)
    except (ValueError, KeyError, TypeError, sqlite3.IntegrityError) as error:
        raise carried.refused(store.name, error) from None
    database.execute("UPDATE meta SET value = ? WHERE key = 'number'", (there.number,))
    lost = sorted(before - set(looking.names(database)))
    if lost and not replace:
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        raise KnownfaceError(
            f"{store.name}: {', '.join(lost[:SHOWN])}{more} are known here and not there, and "
            f"would be lost; back them up, or lose them: {argument('replace', True)}"
        )
