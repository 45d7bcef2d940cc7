"""OpenCV's own threads: one number for the whole process, whoever sets it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import cv2


class _Users:
    """How many want one thread, and the number of threads from before the first of them."""

    def __init__(self) -> None:
        self.lock = RLock()  # a generator may be collected, and leave, while its thread holds it
        self.count = 0
        self.before: int | None = None

    def change(self, by: int) -> None:
        with self.lock:
            self.count += by
            if self is not _users:  # entered before a fork, left after it
                return
            if self.count and self.before is None:
                self.before = cv2.getNumThreads()
                cv2.setNumThreads(1)
            elif not self.count and self.before is not None:
                cv2.setNumThreads(self.before)
                self.before = None


_users = _Users()


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV stays in the caller's thread while anybody is inside: photos are the parallel work.

    The last to leave restores what the first one found, in whatever order they leave.
    """
    users = _users
    users.change(1)
    try:
        yield
    finally:
        users.change(-1)


# ---------------------------------------------------------------- fork
# A forked child has none of OpenCV's threads, and changing their number there waits for them for
# ever. So the pool is dissolved before a fork; both sides start another when they need one.
def _before_fork() -> None:
    _users.lock.acquire()
    _users.before = _users.before or cv2.getNumThreads()
    cv2.setNumThreads(1)


def _in_parent() -> None:
    _users.change(0)
    _users.lock.release()


def _in_child() -> None:
    global _users
    threads, _users = _users.before, _Users()
    cv2.setNumThreads(threads or 1)


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
