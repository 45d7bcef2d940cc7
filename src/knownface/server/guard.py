"""What every request passes first: its host, its origin, and how much it may send in what time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from math import ceil

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knownface.server.access import refuse_foreign, refuse_rebinding
from knownface.server.errors import answer
from knownface.server.problems import Busy, Problem
from knownface.server.settings import MIB, Settings

DOCUMENT_BYTES = MIB  # of a body that holds no photo
# Of answers that say nothing themselves of how they may be kept and read.
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
PHOTO_BODIES = ("multipart/form-data", "image/", "application/octet-stream")


class Held:
    """Bytes of all requests that are here now; for the event loop's thread."""

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0

    def take(self, size: int) -> None:
        if self.bytes + size > self.most:
            raise Busy(503, "The server holds as many photos as it may; ask again in a moment", 2)
        self.bytes += size

    def give_back(self, size: int) -> None:
        self.bytes -= size


class Guard:
    """Middleware around everything. in_flight: requests that have no answer yet.

    draining: set when the server is to end; from then on requests are refused.
    """

    def __init__(self, app: ASGIApp, settings: Settings, held: Held) -> None:
        self._app, self._settings, self._held = app, settings, held
        self._names = frozenset(name.lower() for name in (*settings.names, settings.host))
        self.in_flight, self.draining = 0, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.in_flight += 1
        passage = None
        try:
            self._refuse(scope, headers)
            limit = self._limit(scope["path"], headers)
            passage = _Passage(receive, send, self._settings.seconds, limit, self._held)
            await passage.through(self._app, scope)
        except Problem as problem:
            if passage and passage.begun:
                raise
            await answer(problem, scope["path"])(scope, receive, send)
        finally:
            self.in_flight -= 1
            if passage:
                self._held.give_back(passage.taken)

    def _refuse(self, scope: Scope, headers: dict[str, str]) -> None:
        """Problem where it need not be looked at further."""
        if self.draining:
            raise Busy(
                503,
                "The server is shutting down; ask again in a moment",
                5,
                {"Connection": "close"},
            )
        host = headers.get("host", "")
        refuse_rebinding(host, self._names)
        refuse_foreign(scope["method"], host, headers)

    def _limit(self, path: str, headers: dict[str, str]) -> int:
        """Bytes that the body may have; Problem 413 where it says itself that it has more."""
        kind = headers.get("content-type", "").lower()
        photos = kind.startswith(PHOTO_BODIES) or path.startswith("/api/v1/")  # photos in base64
        limit = self._settings.request_bytes if photos else DOCUMENT_BYTES
        told = headers.get("content-length", "")
        if told.isdecimal() and len(told) < 20 and int(told) > limit:
            raise _too_large(limit)
        return limit


@dataclass
class _Passage:
    """One request on its way in, and its answer on its way out.

    taken: bytes that it sent; begun: it is being answered; refusal: why it was stopped.
    """

    receive: Receive
    send: Send
    seconds: float
    limit: int
    held: Held
    taken: int = 0
    begun: bool = False
    complete: bool = False
    refusal: Problem | None = None

    async def through(self, app: ASGIApp, scope: Scope) -> None:
        """Raises Problem where it sent too much, whatever the application made of that."""
        self.deadline = asyncio.get_running_loop().time() + self.seconds
        try:
            await app(scope, self._hear, self._say)
        except Problem:
            if self.refusal is None:
                raise
        if self.refusal:
            raise self.refusal

    async def _hear(self) -> Message:
        if self.complete:
            return await self.receive()
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self.receive()
            self._count(message)
        except TimeoutError:
            self.refusal = Problem(408, f"The request took longer than {self.seconds:g} s to come")
            raise self.refusal from None
        except Problem as problem:
            self.refusal = problem
            raise
        return message

    def _count(self, message: Message) -> None:
        if message["type"] != "http.request":
            return
        size = len(message.get("body", b""))
        if self.taken + size > self.limit:
            raise _too_large(self.limit)
        self.held.take(size)
        self.taken += size
        self.complete = not message.get("more_body", False)

    async def _say(self, message: Message) -> None:
        if self.refusal and not self.begun:
            return
        self.begun = True
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in PRIVATE.items():
                headers.setdefault(name, value)
        await self.send(message)


def _too_large(limit: int) -> Problem:
    size = f"{limit / MIB:g} MiB" if limit >= MIB else f"{ceil(limit / 1024)} KiB"
    return Problem(
        413, f"Such a request may have {size}; send fewer photos, or smaller ones",
        headers={"Connection": "close"},
    )  # fmt: skip
