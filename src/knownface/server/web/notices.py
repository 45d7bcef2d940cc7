"""What is said after a form was sent: what it did, what to look at, and how to take it back."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from knownface.server.web import words

if TYPE_CHECKING:
    from knownface.recognition.living.records import Change, Receipt

MOST_NOTICES = 200


@dataclass(frozen=True)
class Notice:
    """What a form did, said afterwards.

    undo: the id of a change that can be taken back. problem: why nothing was done.
    """

    text: str
    details: Sequence[str] = field(default=())
    undo: int | None = None
    receipt: Receipt | None = None
    problem: bool = False

    @classmethod
    def of(cls, change: Change) -> Notice:
        return cls(
            f"{change.text.rstrip('.')}.",
            details(change),
            None if change.verb == "undo" else change.id,
        )


def details(change: Change) -> list[str]:
    """The warnings of a change, what caused a mistake, and what it did to the rates."""
    said = [change.cause.sentence()] if change.cause else []
    said = [f"{each.rstrip('.')}." for each in (*said, *change.warnings)]
    before, after = change.before, change.after
    if after.dir is None:
        return said
    if (before.dir, before.far) == (after.dir, after.far):
        return [*said, "How well everybody else is recognised did not change."]
    rates = f"Known faces named rightly: {_moved(before.dir, after.dir)}."
    if after.far is not None:
        rates += f" Strangers taken for somebody known: {_moved(before.far, after.far)}."
    return [*said, rates]


def _moved(before: float | None, after: float) -> str:
    now = words.rate(after)
    return now if before is None or words.rate(before) == now else f"{words.rate(before)} → {now}"


class Notices:
    """What was done lately, each by a key that cannot be guessed; safe from many threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Notice] = OrderedDict()
        self._lock = Lock()

    def add(self, notice: Notice) -> str:
        key = secrets.token_urlsafe(9)
        with self._lock:
            self._kept[key] = notice
            while len(self._kept) > MOST_NOTICES:
                self._kept.popitem(last=False)
        return key

    def get(self, key: str | None) -> Notice | None:
        return self._kept.get(key or "")
