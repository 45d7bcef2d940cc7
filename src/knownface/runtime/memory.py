"""Memory that threads share, so that many of them at work on large photos do not fill it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Condition

# Bytes for photos in the making; with the pictures that wait and everything else, a process that
# reads photos of 120 million pixels with any number of threads stays below 4 GB.
PHOTOS = 2_800_000_000


class Budget:
    """So many bytes for all threads together; who wants more than is left waits for the others."""

    def __init__(self, total: int) -> None:
        self.total = self.left = total
        self._changed = Condition()

    @contextmanager
    def taken(self, wanted: int) -> Iterator[None]:
        """Meanwhile so many bytes are taken; all there are, where more is wanted."""
        wanted = min(wanted, self.total)
        with self._changed:
            self._changed.wait_for(lambda: self.left >= wanted)
            self.left -= wanted
        try:
            yield
        finally:
            with self._changed:
                self.left += wanted
                self._changed.notify_all()


_photos = Budget(PHOTOS)


def photo_memory(wanted: int) -> AbstractContextManager[None]:
    """So many of the PHOTOS bytes of this process, for as long as they are needed."""
    return _photos.taken(wanted)


def _in_child() -> None:
    """The threads that had taken something are no more."""
    global _photos
    _photos = Budget(PHOTOS)


os.register_at_fork(after_in_child=_in_child)
