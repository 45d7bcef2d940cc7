"""An application runs in uvicorn, from the first request to the last answer."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from types import FrameType

import uvicorn

from knownface.errors import Interrupted
from knownface.server.app import create_app
from knownface.server.guard import Guard
from knownface.server.journal import lines_of_json
from knownface.server.keys import Keys
from knownface.server.service import Service

log = logging.getLogger(__name__)

CONNECTIONS = 1_000
HEAD_BYTES = 2**15  # of a request's line and headers


class Server(uvicorn.Server):
    """Told to end, it answers what is in flight and refuses what is new; told again, it ends."""

    def __init__(self, config: uvicorn.Config, seconds: float) -> None:
        super().__init__(config)
        self._seconds, self._ends = seconds, 0.0
        self.interrupted = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        guard = self._guard
        self.interrupted |= sig == signal.SIGINT
        if guard is None or guard.draining:
            self.should_exit = self.force_exit = True
            return
        guard.draining = True
        self._ends = time.monotonic() + self._seconds
        log.info("Ending: %d requests are in flight", guard.in_flight)

    async def on_tick(self, counter: int) -> bool:
        ended = await super().on_tick(counter)
        guard = self._guard
        if guard is None or not guard.draining:
            return ended
        return ended or not guard.in_flight or time.monotonic() > self._ends

    @property
    def _guard(self) -> Guard | None:
        """None before the first request has built the application."""
        found: Guard | None = getattr(self.config.app.state, "guard", None)  # type: ignore[union-attr]
        return found


def run(service: Service, keys: Keys, place: socket.socket) -> None:
    """Answer at a place until told to end; Interrupted where Ctrl-C did."""
    settings = service.settings
    server = Server(_config(service, keys), settings.seconds)
    scheme = "https" if settings.tls else "http"
    host, port = place.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.info("Serving %s at %s://%s:%s", service.gallery.folder, scheme, shown, port)
    with lines_of_json():
        asyncio.run(server.serve(sockets=[place]))
    if server.interrupted:
        raise Interrupted("interrupted; what was in flight was answered")


def _config(service: Service, keys: Keys) -> uvicorn.Config:
    settings = service.settings
    key = settings.certificate_key
    return uvicorn.Config(
        create_app(service, keys),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http="h11",  # the one that bounds the headers of a request
        h11_max_incomplete_event_size=HEAD_BYTES,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=max(1, int(settings.seconds)),
        ssl_certfile=settings.certificate,
        ssl_keyfile=None if key is None else str(key),
        ws="none",
    )
