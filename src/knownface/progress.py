"""How long work reports its progress, without the library printing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Wraps an iterable of known length; the command line passes one that draws a bar."""

    def __call__(self, items: Iterable[T], description: str, total: int) -> Iterator[T]: ...


def silent(items: Iterable[T], description: str, total: int) -> Iterator[T]:
    """The default: no progress shown."""
    yield from items
