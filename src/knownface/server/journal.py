"""A line of JSON on stderr for each request, and its numbers: no photo, no embedding, no name."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knownface.server.metrics import Metrics
from knownface.visible import visible

log = logging.getLogger(__name__)

QUIET = ("/healthz", "/readyz", "/metrics")  # asked all day long: only their failures are logged


class Journal:
    """Middleware. Of a path only its route is logged, because names stand in paths."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def say(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, say)
        finally:
            self._note(scope, status, time.perf_counter() - start)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        method = scope["method"] if scope["method"] in METHODS else "(other)"
        self._metrics.requests.labels(route, method, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route in QUIET and status < 400:
            return
        client = scope.get("client")
        log.info(
            "request",
            extra={"said": {
                "method": method, "route": route, "status": status,
                "ms": round(1000 * seconds, 1), "client": client[0] if client else None,
            }},
        )  # fmt: skip


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": visible(record.getMessage()),
        }
        return json.dumps(said | getattr(record, "said", {}))


@contextmanager
def lines_of_json() -> Iterator[None]:
    """Meanwhile everything that the server logs is a line of JSON on stderr."""
    logger = logging.getLogger("knownface.server")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
