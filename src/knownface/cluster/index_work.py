"""From photo files to the rows of an index: in threads of this process, or in several processes."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

import numpy as np

from knownface.cluster.index_rows import PhotoFile, Rows, rows_of
from knownface.embed.embedder import Embedder
from knownface.embed.stream import EmbeddedPhoto, FacePipeline
from knownface.faces.crops import FaceCropper
from knownface.faces.face import PhotoFaces
from knownface.faces.portrait import PORTRAIT
from knownface.runtime.processors import processors

BATCH = 64  # photos that a process is given at once
# Faces that are embedded together, filled up to whole batches: 3 % is wasted on filling.
TOGETHER = 128


@dataclass(frozen=True)
class Reader:
    """What makes rows of photos: how faces are found, the network; it pickles.

    Every embedding is computed in a batch of the same size, so that its bits depend neither on
    the photos beside it nor on the process.
    """

    cropper: FaceCropper
    embedder: Embedder

    @classmethod
    def of(cls, pipeline: FacePipeline) -> Reader:
        """That of a pipeline, which keeps portraits, too; ready crops are portraits themselves."""
        cropper = pipeline.cropper
        if cropper.mode == "detect":
            cropper = cropper.with_portraits(PORTRAIT)
        return cls(cropper, pipeline.embedder)

    def rows(self, files: Sequence[PhotoFile], threads: int | None = None) -> Iterator[Rows]:
        """The rows of photos, in order, some at once; see `FacePipeline.embed_photos`."""
        pipeline = FacePipeline(self.cropper, self.embedder, padded=True)
        paths = [Path(file.path) for file in files]
        found = pipeline.embed_photos(paths, together=TOGETHER, threads=threads)
        waiting: list[tuple[PhotoFile, EmbeddedPhoto]] = []
        for file, each in zip(files, found, strict=True):
            waiting.append((file, replace(each, photo=replace(each.photo, path=Path(file.path)))))
            if len(waiting) >= BATCH:
                yield self._rows(waiting)
                waiting = []
        if waiting:
            yield self._rows(waiting)

    def failed(self, file: PhotoFile, error: str) -> Rows:
        """The row of a photo that could not be read."""
        crops = np.zeros((0, self.cropper.crop.size, self.cropper.crop.size, 3), np.uint8)
        photo = PhotoFaces(Path(file.path), (), crops, error=error)
        nothing = np.zeros((0, self.embedder.width), np.float32)
        return self._rows([(file, EmbeddedPhoto(photo, nothing))])

    def _rows(self, found: list[tuple[PhotoFile, EmbeddedPhoto]]) -> Rows:
        return rows_of(found, self.cropper.crop, self.embedder.width)


# ---------------------------------------------------------------- several processes
_reader: Reader | None = None  # of a process of the pool


def _start(reader: Reader) -> None:
    global _reader
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked
    Thread(target=_end_with_parent, daemon=True).start()
    _reader = reader


def _end_with_parent() -> None:
    """A process that asked may be killed, and whoever waits for its work would wait for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _read(files: list[PhotoFile], threads: int) -> list[Rows]:
    assert _reader is not None
    return list(_reader.rows(files, threads))


def in_processes(
    reader: Reader, files: Sequence[PhotoFile], workers: int, threads: int
) -> Iterator[Rows]:
    """The rows of photos, in order, from so many processes with so many threads each.

    A photo with which a process dies is one that could not be read, and the rest goes on.
    """
    batches = [list(files[i : i + BATCH]) for i in range(0, len(files), BATCH)]
    while batches:
        done = 0
        try:
            for rows in _pooled(reader, batches, workers, threads):
                done += 1
                yield from rows
            return
        except BrokenProcessPool:
            batches = batches[done:]
            for file in batches.pop(0):  # one of these it was, or of those beside it
                yield from _alone(reader, file, threads)


def _pooled(
    reader: Reader, batches: Sequence[list[PhotoFile]], workers: int, threads: int
) -> Iterator[list[Rows]]:
    """Of each batch, in order; few are waiting at once."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (reader,))
    waiting: deque[Future[list[Rows]]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_read, batch, threads))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(reader: Reader, file: PhotoFile, threads: int) -> Iterator[Rows]:
    """The rows of a photo that may kill its process."""
    try:
        for rows in _pooled(reader, [[file]], 1, threads):
            yield from rows
    except BrokenProcessPool:
        yield reader.failed(
            file, f"{file.path}: the process that read it was ended by the system; leave it out"
        )


# ---------------------------------------------------------------- how many
def shared_out(workers: int | None) -> tuple[int, int]:
    """Processes, and threads of each. workers: processes that were asked for.

    By default a process for each two processors: on two, one process with two threads indexes as
    fast as two processes (`benchmarks/index.py`), and needs half of the memory.
    """
    there = processors()
    workers = workers or max(1, there // 2)
    return workers, max(1, -(-there // workers))


Way = Callable[[Reader, Sequence[PhotoFile]], Iterator[Rows]]


def here(workers: int | None) -> Way:
    """Work on this machine."""
    processes, threads = shared_out(workers)
    if processes == 1:
        return lambda reader, files: reader.rows(files, threads)
    return lambda reader, files: in_processes(reader, files, processes, threads)
