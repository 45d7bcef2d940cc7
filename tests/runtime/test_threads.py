"""OpenCV's number of threads is right afterwards, however its users come and go; and forks."""

from __future__ import annotations

import os
import threading
import time

import cv2
import numpy as np
import pytest

from knownface.runtime.threads import native_work, one_thread

IMAGE = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), dtype=np.uint8)


pytestmark = pytest.mark.usefixtures("three_threads")


@pytest.mark.parametrize("first_leaves_first", [True, False])
def test_two_users_one_inside_the_other(first_leaves_first: bool) -> None:
    users = [one_thread(), one_thread()]
    for user in users:
        user.__enter__()
        assert cv2.getNumThreads() == 1
    if not first_leaves_first:
        users.reverse()
    users[0].__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    users[1].__exit__(None, None, None)
    assert cv2.getNumThreads() == 3


def test_many_threads_come_and_go() -> None:
    def visit() -> None:
        for _ in range(200):
            with one_thread():
                assert cv2.getNumThreads() == 1

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cv2.getNumThreads() == 3


def in_a_child(work: object, seconds: float = 30) -> int:
    """The exit status of a forked child; one that hangs is ended."""
    child = os.fork()
    if not child:
        try:
            work()  # type: ignore[operator]
        except BaseException:  # noqa: BLE001 - nothing of this test may go on in the child
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    return os.waitpid(child, 0)[1]


def test_a_child_may_change_the_number_and_so_may_its_parent() -> None:
    """OpenCV alone waits in the child for threads that only the parent has."""
    blurred = cv2.GaussianBlur(IMAGE, (31, 31), 5)

    def work() -> None:
        assert cv2.getNumThreads() == 3
        with one_thread():
            np.testing.assert_array_equal(cv2.GaussianBlur(IMAGE, (31, 31), 5), blurred)
        np.testing.assert_array_equal(cv2.GaussianBlur(IMAGE, (31, 31), 5), blurred)

    assert in_a_child(work) == 0
    with one_thread():
        assert in_a_child(work) == 0
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 3


def test_a_fork_waits_for_native_work() -> None:
    inside, events = threading.Event(), []

    def busy() -> None:
        with native_work():
            inside.set()
            time.sleep(0.3)
            events.append("worked")

    thread = threading.Thread(target=busy)
    thread.start()
    inside.wait()

    def work() -> None:
        assert events == ["worked"]
        with native_work():
            pass

    assert in_a_child(work) == 0
    thread.join()
