"""Who may write to a shared gallery, and what it says of itself."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from uuid import uuid4

from knownface.errors import GalleryError
from knownface.options import call
from knownface.recognition.living.schema import PATIENCE
from knownface.recognition.store import Store

HEAD, CLAIM = "head", "claim/"
CONTROL = -1  # in the place of a change's number: of the rows above
LEASE = 60.0  # seconds until a turn ends by itself, so that nobody waits for a killed process
PAUSES = 0.05, 0.5  # seconds until a turn is asked for again


@dataclass(frozen=True)
class Head:
    """What a store says of itself.

    number: of changes. attempt: names the rows aside that it promises; nothing, if all are in their
    place. contract, width, comparison: of the network that all servers have to have.
    """

    number: int
    attempt: str
    contract: str
    width: int
    comparison: str

    @classmethod
    def of(cls, store: Store, strong: bool = True) -> Head:
        """Raises GalleryError where there is none."""
        found = cls.among(store.some(f'key == "{HEAD}"', strong))
        if found is None:
            raise GalleryError(
                f"{store.name}: no gallery lies there; put one there: "
                + call("share", ..., gallery=store.name)
            )
        return found

    @classmethod
    def among(cls, texts: Mapping[str, str]) -> Head | None:
        try:
            return cls(**json.loads(texts[HEAD]))
        except (KeyError, ValueError, TypeError):
            return None

    def write(self, store: Store) -> None:
        store.put({HEAD: (CONTROL, json.dumps(asdict(self)))})


class Turn:
    """For a while nobody else may write: each writes a claim, and goes on if it is the only one.

    Of two that claim at once, at least one sees the other's, because a claim is there before its
    owner looks; who sees one takes its own back and asks again. head: as it was then.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._claim, self._ends = store, f"{CLAIM}{uuid4().hex}", 0.0
        limit = time.monotonic() + PATIENCE
        while True:
            self.renew()
            texts = store.some(f"number == {CONTROL}")
            here = texts.pop(self._claim, None) is not None
            claims = [float(until) for key, until in texts.items() if key.startswith(CLAIM)]
            if here and max(claims, default=0.0) < time.time():
                break
            self.end()
            if time.monotonic() > limit:
                raise GalleryError(
                    f"{store.name}: another server has been changing it for {PATIENCE:.0f} "
                    "seconds; try again"
                )
            time.sleep(random.uniform(*PAUSES))
        self.head = Head.among(texts)

    def renew(self) -> None:
        """Have it for longer; GalleryError where it has ended by itself."""
        self.check()
        self._ends = time.monotonic() + LEASE
        self._store.put({self._claim: (CONTROL, str(time.time() + LEASE))})

    def check(self) -> None:
        if self._ends and time.monotonic() > self._ends:
            raise GalleryError(f"{self._store.name}: the change took too long; try again")

    def end(self) -> None:
        self._ends = 0.0
        self._store.drop(f'key == "{self._claim}"')


@contextmanager
def turn_at(store: Store) -> Iterator[Turn]:
    turn = Turn(store)
    try:
        yield turn
    finally:
        with suppress(GalleryError):  # then it ends by itself
            turn.end()
