"""Photos of many requests in one stream: bounded, fair, and one bad photo spoils nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from knownface.server.batches import AT_ONCE, TOGETHER, Batches
from knownface.server.problems import Busy, Problem


class Stream:
    """Answers each photo with itself, when it may; remembers which came together."""

    def __init__(self, open_: bool = True) -> None:
        self.batches: list[list[Any]] = []
        self.gate = threading.Event()
        if open_:
            self.gate.set()

    def see(self, photos: Sequence[Any]) -> Iterator[Any]:
        self.batches.append(list(photos))
        self.gate.wait(10)
        for photo in photos:
            if photo == b"crash":
                raise RuntimeError("crashed")
            yield Problem(413, "too large") if photo == b"large" else photo


async def occupied(batches: Batches, stream: Stream) -> list[asyncio.Task[Any]]:
    """Requests, one for each thread, that the closed stream holds."""
    taken = []
    async with asyncio.timeout(10):
        for i in range(AT_ONCE):
            taken.append(asyncio.create_task(batches.see([b"x"], f"blocker {i}")))
            while len(stream.batches) <= i:
                await asyncio.sleep(0.01)
    return taken


def test_what_waits_goes_together_and_each_gets_its_own_answer() -> None:
    async def ask() -> list[Any]:
        stream.gate.clear()
        first = await occupied(batches, stream)
        rest = [asyncio.create_task(batches.see([b"%d" % i], "a")) for i in range(TOGETHER)]
        await asyncio.sleep(0.05)
        stream.gate.set()
        await asyncio.gather(*first)
        return list(await asyncio.gather(*rest))

    stream = Stream()
    batches = Batches(stream.see, 100, 100)
    assert asyncio.run(ask()) == [[b"%d" % i] for i in range(TOGETHER)]
    assert max(len(each) for each in stream.batches) > 1
    batches.close()


def test_clients_take_turns() -> None:
    async def ask() -> None:
        blockers = await occupied(batches, stream)
        many = asyncio.create_task(batches.see([b"many"] * 40, "greedy"))
        await asyncio.sleep(0.01)
        one = asyncio.create_task(batches.see([b"one"], "modest"))
        await asyncio.sleep(0.01)
        stream.gate.set()
        await asyncio.gather(one, many, *blockers)

    stream = Stream(open_=False)
    batches = Batches(stream.see, 100, 100)
    asyncio.run(ask())
    assert b"one" in stream.batches[AT_ONCE]
    batches.close()


@pytest.mark.parametrize(("client", "status"), [("same", 429), ("other", 503)])
def test_what_cannot_be_taken_is_refused_at_once(client: str, status: int) -> None:
    async def ask() -> None:
        taken = await occupied(batches, stream)
        waiting = asyncio.create_task(batches.see([b"x"] * 4, "same"))
        await asyncio.sleep(0.02)
        with pytest.raises(Busy) as refused:
            await batches.see([b"x"] * (1 if client == "same" else 2), client)
        assert refused.value.status == status
        assert int(refused.value.headers["Retry-After"]) > 0
        stream.gate.set()
        await asyncio.gather(waiting, *taken)
        assert batches.waiting == 0

    stream = Stream(open_=False)
    batches = Batches(stream.see, most=5, most_each=4)
    asyncio.run(ask())
    batches.close()


def test_one_refused_photo_and_one_crash_leave_the_others_alone() -> None:
    async def ask() -> None:
        with pytest.raises(Problem, match="too large"):
            await batches.see([b"large"], "a")
        with pytest.raises(RuntimeError, match="crashed"):
            await batches.see([b"crash"], "a")
        assert await batches.see([b"good"], "a") == [b"good"]

    batches = Batches(Stream().see, 10, 10)
    asyncio.run(ask())
    batches.close()


def test_who_has_gone_is_not_looked_at() -> None:
    async def ask() -> None:
        taken = await occupied(batches, stream)
        gone = asyncio.create_task(batches.see([b"gone"], "a"))
        await asyncio.sleep(0.02)
        gone.cancel()
        await asyncio.sleep(0.02)
        stream.gate.set()
        await asyncio.gather(*taken)

    stream = Stream(open_=False)
    batches = Batches(stream.see, 10, 10)
    asyncio.run(ask())
    batches.close()
    assert [b"gone"] not in stream.batches


def test_at_the_end_what_waits_is_answered_and_what_comes_is_refused() -> None:
    async def ask() -> None:
        waiting = [asyncio.create_task(batches.see([b"%d" % i], "a")) for i in range(20)]
        await asyncio.sleep(0.02)
        stream.gate.set()
        await asyncio.to_thread(batches.close)
        assert len(await asyncio.gather(*waiting)) == 20
        with pytest.raises(Busy, match="shutting down"):
            await batches.see([b"late"], "a")

    stream = Stream(open_=False)
    batches = Batches(stream.see, 100, 100)
    asyncio.run(ask())
