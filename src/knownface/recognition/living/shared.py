"""A gallery file that is kept in step with those of other servers, through a `Store`.

The store has every row of every table, with the number of the change that wrote it; each server has
all of them in a file of its own, where changes are made and everything is read as if nobody else
were there. A change takes its turn, reads what others have changed, is made in the file, and is
written to the store before it counts here: all of it aside first, then the head, which from then
on promises it, then in its place. Whoever takes the next turn keeps a promise that nobody kept,
because a process was killed. Readers look at the head's number twice a second.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import numpy as np

from knownface.errors import GalleryError
from knownface.options import call
from knownface.recognition.comparison import SPACES, Comparison, seeking
from knownface.recognition.living import carried, looking, run_files, schema
from knownface.recognition.living.erasing import names_of, uncache
from knownface.recognition.living.naming import look_up
from knownface.recognition.living.reading import Known, checked, meta, number, people_in
from knownface.recognition.living.turns import HEAD, Head, Turn, turn_at
from knownface.recognition.record import tell_people
from knownface.recognition.store import PAGE, Store, store_at

KEY = "shared"  # in the table `meta`: the address of the store
ASIDE, REDO = -2, "redo/"  # in the place of a change's number, and before a key: rows aside
OFTEN = 0.5  # seconds from one look at the head to the next
TRIES = 5  # at reading what somebody is changing
_look_again: dict[Path, float] = {}


# ---------------------------------------------------------------- for whoever reads and changes
def address_of(path: Path) -> str:
    """Where a gallery file is shared, or an empty text."""
    with schema.reading(path) as database:
        return meta(database, KEY)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """`schema.reading`, with what others have changed."""
    with schema.reading(path) as database:
        if not meta(database, KEY):  # as nearly all are, and each request asks
            yield database
            return
    follow(path)
    with schema.reading(path) as database:
        yield database


@contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """`schema.changing`, for everybody: what the store has not promised is not changed."""
    address = address_of(path)
    if not address:
        with schema.changing(path) as database:
            yield database
        return
    store = store_at(address)
    with turn_at(store) as turn:
        head = _catch_up(path, store, turn)
        with schema.changing(path) as database:
            with carried.noted(database) as keys:
                yield database
            rows = {key: carried.text_of(database, key) for key in keys}
            attempt = uuid4().hex
            aside = {f"{REDO}{attempt}/{key}": (ASIDE, text) for key, text in rows.items()}
            store.put(aside, turn.renew)
            turn.check()
            promised = replace(head, number=head.number + 1, attempt=attempt)
            promised.write(store)
            carried.make_searchable(database, Comparison.beside(path), store, rows)
            _keep(store, promised, rows, turn)


def follow(path: Path) -> str:
    """Read what others have changed, if it is time to look; gives the address, if it is shared."""
    with schema.reading(path) as database:
        address, mine = meta(database, KEY), number(database)
    if not address or time.monotonic() < _look_again.get(path, 0.0):
        return address
    store = store_at(address)
    head = Head.of(store, strong=path not in _look_again)
    if head.number != mine and not head.attempt:
        _pull(path, store)
    _look_again[path] = time.monotonic() + OFTEN
    return address


@dataclass(frozen=True)
class Settled:
    """What a store still has of somebody: how many of its rows, and how many were searched."""

    name: str
    rows: int
    found: int


def settled(path: Path, pieces: Sequence[str], people: Sequence[int]) -> Settled | None:
    """Have what was deleted rewritten, and look for what is left; None where nothing is shared.

    pieces: of texts that were in rows; people: who were found by their templates.
    """
    address = address_of(path)
    if not address:
        return None
    store = store_at(address)
    with turn_at(store):
        store.rewrite(SPACES)
    found, rows = sum(store.holds(space, people) for space in SPACES), 0
    for _, _, text in store.rows(f"number >= {ASIDE}"):
        rows += 1
        found += any(piece in text for piece in pieces)
    return Settled(store.name, rows, found)


# ---------------------------------------------------------------- finding people
def changes_of(path: Path) -> int:
    """How many changes there were, everybody's: as long as it stays, nothing has changed."""
    with reading(path) as database:
        return number(database)


def read_gallery(path: Path, comparison: Comparison | None) -> Known:
    """What a file knows at one moment, with a search where it is shared; raises KnownfaceError."""
    address = follow(path)
    searching = partial(Found, store_at(address)) if address else None
    with schema.reading(path) as database:
        return checked(path, database, comparison, searching)


@dataclass(frozen=True)
class Found:
    """Those whom a store finds, as rows of a gallery whose people have some ids (p,)."""

    store: Store
    ids: np.ndarray
    comparison: Comparison | None

    def __call__(self, embeddings: np.ndarray) -> list[np.ndarray]:
        found = [np.arange(len(self.ids))] * len(embeddings)  # everybody, where nobody is found
        little = np.zeros(len(embeddings), bool)
        if self.comparison is not None:
            little = self.comparison.is_small(embeddings)
        for space, rows in zip(SPACES, (~little, little), strict=True):
            which = np.flatnonzero(rows)
            if not len(which):
                continue
            sought = seeking(self.comparison, space, embeddings[which])
            for row, near in zip(which, self.store.nearest(space, sought), strict=True):
                here = np.flatnonzero(np.isin(self.ids, near))
                found[row] = here if len(here) else found[row]
        return found


# ---------------------------------------------------------------- keeping in step
def _catch_up(path: Path, store: Store, turn: Turn) -> Head:
    """Keep what was promised, and read what others have changed: nobody else writes now."""
    head = turn.head or Head.of(store)
    promised: dict[str, str] = {}
    if head.attempt:
        before = f"{REDO}{head.attempt}/"
        promised = {
            key.removeprefix(before): text
            for key, _, text in store.rows(f"number == {ASIDE}")
            if key.startswith(before)
        }
        head = _keep(store, head, promised, turn)
    with schema.reading(path) as database:
        mine = number(database)
    if head.number != mine and not _pull(path, store):
        raise GalleryError(f"{store.name}: it is being changed all the time; try again")
    if promised:
        with schema.reading(path) as database:
            carried.make_searchable(database, Comparison.beside(path), store, promised)
    return head


def _keep(store: Store, head: Head, rows: Mapping[str, str], turn: Turn) -> Head:
    """Put rows that are promised in their place."""
    store.put({key: (head.number, text) for key, text in rows.items()}, turn.renew)
    kept = replace(head, attempt="")
    kept.write(store)
    store.drop(f"number == {ASIDE}")
    return kept


def _pull(path: Path, store: Store) -> bool:
    """Take the rows of changes that the file lacks; False, where somebody was changing them."""
    gone = _Gone()
    with schema.opened(path) as database:
        for _ in range(TRIES):
            try:
                with schema.transaction(database):
                    before = set(looking.names(database))
                    _take(database, store, gone)
                    renamed = before != set(looking.names(database))
                break
            except _Again:
                gone = _Gone()
                time.sleep(OFTEN / TRIES)
        else:
            return False
        if gone.names or gone.digests:
            database.execute("VACUUM")
    if renamed:
        tell_people(path.parent, partial(people_in, path))
    gone.erase(path.parent)
    return True


class _Again(Exception):
    """Somebody has changed it meanwhile."""


def _take(database: sqlite3.Connection, store: Store, gone: _Gone) -> None:
    mine = number(database)
    found = store.some(f'number > {mine} or key == "{HEAD}"')  # of one moment, if it is all
    whole = len(found) < PAGE
    head = Head.among(found) if whole else Head.of(store)
    found.pop(HEAD, None)
    new = found.items() if whole else ((k, t) for k, _, t in store.rows(f"number > {mine}"))
    last = database.execute("SELECT coalesce(max(id), 0) FROM history").fetchone()[0]
    if head is None or head.attempt:
        raise _Again
    if head.number < mine or head.contract != meta(database, "contract"):
        raise GalleryError(
            f"{store.name}: another gallery lies there by now; join it: "
            + call("share", ..., gallery=store.name)
        )
    try:
        for key, text in new:
            if not text:
                gone.note(database, key)
            carried.take(database, key, text)
        gone.settle(database, last)
    except (ValueError, KeyError, TypeError, sqlite3.IntegrityError) as error:
        raise carried.refused(store.name, error) from None
    database.execute("UPDATE meta SET value = ? WHERE key = 'number'", (head.number,))
    if not whole and Head.of(store) != head:
        raise _Again


@dataclass
class _Gone:
    """People who were forgotten elsewhere: names and photos of theirs are here, too."""

    names: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)

    def note(self, database: sqlite3.Connection, key: str) -> None:
        """A row, before it goes."""
        table, _, id = key.partition("/")
        if table == "people":
            self.names += names_of(database, int(id))
        if table == "aliases":
            rows = database.execute("SELECT name FROM aliases WHERE id = ?", (int(id),))
            self.names += [row[0] for row in rows]
        if table == "faces":
            rows = database.execute("SELECT digest FROM faces WHERE id = ?", (int(id),))
            self.digests |= {row[0] for row in rows if row[0]}

    def settle(self, database: sqlite3.Connection, last: int) -> None:
        """Drop what still leads to somebody, or was not taken away by forgetting.

        last: the change before all that were read.
        """
        forgot = database.execute(
            "SELECT 1 FROM history WHERE verb = 'forget' AND id > ?", (last,)
        ).fetchone()
        here = {row[0] for row in database.execute("SELECT digest FROM faces")}
        self.digests = self.digests - here if forgot else set()
        names = dict.fromkeys(self.names) if forgot else {}
        self.names = [name for name in names if look_up(database, name) is None]

    def erase(self, folder: Path) -> None:
        uncache(self.digests)
        if self.names:
            run_files.clean(run_files.run_of(folder), self.names)
