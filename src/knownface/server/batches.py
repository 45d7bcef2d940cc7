"""Photos of many requests go through the stream together: whoever asks waits in a bounded queue."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from knownface.recognition.living.records import SeenPhoto
from knownface.server.problems import Busy, Problem

log = logging.getLogger(__name__)

See = Callable[[Sequence[bytes]], Iterator[SeenPhoto | Problem]]
TOGETHER = 16  # photos: as many as keep the stream's threads at work from start to end
AT_ONCE = 2  # batches: while one is embedded to its end, the next one is read


@dataclass(eq=False)
class _Job:
    photo: bytes
    answer: asyncio.Future[SeenPhoto]

    def give(self, found: SeenPhoto | Exception) -> None:
        """From another thread; nothing happens where the client, or the whole loop, has gone."""
        with suppress(RuntimeError):
            self.answer.get_loop().call_soon_threadsafe(self._settle, found)

    def _settle(self, found: SeenPhoto | Exception) -> None:
        if self.answer.done():
            return
        if isinstance(found, Exception):
            self.answer.set_exception(found)
        else:
            self.answer.set_result(found)


class Batches:
    """What many clients ask at once becomes batches, without anybody waiting for a full one.

    see: the stream; instead of an answer it may give why there is none. most: photos that may wait;
    most_each: of one client. Clients take turns, whatever number each of them has waiting.
    observe: is told the size of each batch.
    """

    def __init__(
        self, see: See, most: int, most_each: int, observe: Callable[[float], None] = lambda _: None
    ) -> None:
        self._see, self._most, self._most_each, self._observe = see, most, most_each, observe
        self._waiting: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._number = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"batches-{i}", daemon=True)
            for i in range(AT_ONCE)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Photos that nobody has begun with."""
        return self._number

    async def see(self, photos: Sequence[bytes], client: str) -> list[SeenPhoto]:
        """The answers to all photos of a request, in order; Busy where they cannot be taken."""
        loop = asyncio.get_running_loop()
        jobs = [_Job(photo, loop.create_future()) for photo in photos]
        self._put(jobs, client)
        try:
            return list(await asyncio.gather(*(job.answer for job in jobs)))
        finally:
            for job in jobs:
                job.answer.cancel()

    def close(self) -> None:
        """Answer what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _put(self, jobs: list[_Job], client: str) -> None:
        with self._changed:
            if self._closed:
                raise Busy(503, "The server is shutting down; ask again in a moment", 5)
            own = len(self._waiting.get(client, ()))
            if own + len(jobs) > self._most_each:
                raise Busy(
                    429, f"{own} of your photos are waiting already, and {self._most_each} may; "
                    "wait for their answers", 1,
                )  # fmt: skip
            if self._number + len(jobs) > self._most:
                raise Busy(503, f"{self._number} photos are waiting; ask again in a moment", 2)
            self._waiting.setdefault(client, deque()).extend(jobs)
            self._number += len(jobs)
            self._changed.notify(len(jobs))

    # ------------------------------------------------------------ the threads
    def _work(self) -> None:
        while jobs := self._take():
            wanted = [job for job in jobs if not job.answer.cancelled()]
            if wanted:
                self._observe(len(wanted))
                self._answer(wanted)

    def _take(self) -> list[_Job]:
        """The next photos, one client after the other; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._number or self._closed)
            taken: list[_Job] = []
            while self._waiting and len(taken) < TOGETHER:
                client, jobs = self._waiting.popitem(last=False)
                taken.append(jobs.popleft())
                if jobs:
                    self._waiting[client] = jobs
            self._number -= len(taken)
            return taken

    def _answer(self, jobs: list[_Job]) -> None:
        left = deque(jobs)
        try:
            for seen in self._see([job.photo for job in jobs]):
                left.popleft().give(seen)
        except Exception as error:
            log.debug("a batch that failed", exc_info=True)
            for job in left:
                job.give(error)
