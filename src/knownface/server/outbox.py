"""Work that nobody waits for: in a thread of its own, and in bounded number."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

MOST = 1_000  # that wait
ENDING = 5.0  # seconds that are waited for at the end


class Outbox(Generic[T]):
    """Each item is worked on once, in order; where too many wait, new ones are dropped and counted.

    name: what is done, for the log. work: does it; what it raises is logged, and the rest goes on.
    """

    def __init__(self, name: str, work: Callable[[T], None], most: int = MOST) -> None:
        self.name, self.dropped, self.failed = name, 0, 0
        self._work = work
        self._items: queue.Queue[T | None] = queue.Queue(most)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """From any thread, at once."""
        try:
            self._items.put_nowait(item)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Work on what waits, for at most ENDING seconds."""
        ends = time.monotonic() + ENDING
        try:
            self._items.put(None, timeout=ENDING)
        except queue.Full:
            return
        self._thread.join(max(0.0, ends - time.monotonic()))

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                self._work(item)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next one is tried
                self.failed += 1
                log.warning("%s: %s", self.name, str(error).split("\n")[0] or type(error).__name__)
