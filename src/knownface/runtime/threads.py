"""Threads of native libraries: how many OpenCV uses, and what happens to them when a process forks.

A forked child has one thread. What the others were in the middle of stays so there for ever, and
so does whoever waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, RLock

import cv2


# ---------------------------------------------------------------- OpenCV
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
class _Gate:
    """Either native work or forks: how many are at the one, and how many want the other."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.working = self.forking = 0


_gate = _Gate()


@contextmanager
def native_work() -> Iterator[None]:
    """No fork happens while anybody is inside; a short piece of work, in which nobody enters again.

    Without it, a child of a process whose other threads were detecting and embedding would hang.
    """
    gate = _gate
    with gate.changed:
        gate.changed.wait_for(lambda: not gate.forking)
        gate.working += 1
    try:
        yield
    finally:
        with gate.changed:
            gate.working -= 1
            gate.changed.notify_all()


def _before_fork() -> None:
    """Wait for native work, and dissolve OpenCV's threads: both sides start others when needed.

    To change their number in a child would be to wait for threads that it does not have.
    """
    _gate.changed.acquire()
    _gate.forking += 1
    _gate.changed.wait_for(lambda: not _gate.working)
    _users.lock.acquire()
    _users.before = _users.before or cv2.getNumThreads()
    cv2.setNumThreads(1)


def _in_parent() -> None:
    _users.change(0)
    _users.lock.release()
    _gate.forking -= 1
    _gate.changed.notify_all()
    _gate.changed.release()


def _in_child() -> None:
    global _users, _gate
    threads, _users, _gate = _users.before, _Users(), _Gate()
    cv2.setNumThreads(threads or 1)


os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
