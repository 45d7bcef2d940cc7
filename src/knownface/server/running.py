"""An application runs in uvicorn, from the first request to the last answer."""

from __future__ import annotations

import logging
import socket

import uvicorn

from knownface.server.app import create_app
from knownface.server.keys import Keys
from knownface.server.service import Service
from knownface.server.settings import Settings

log = logging.getLogger(__name__)

CONNECTIONS = 1_000
HEAD_BYTES = 2**15  # of a request's line and headers


class Server(uvicorn.Server):
    """One that leaves its exit code to the house: Ctrl-C is 130, SIGTERM 0."""


def run(service: Service, keys: Keys, place: socket.socket) -> None:
    """Answer at a place until told to end."""
    settings = service.settings
    config = _config(service, keys)
    scheme = "https" if settings.tls else "http"
    host, port = place.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    log.info("Serving %s at %s://%s:%s", service.gallery.folder, scheme, shown, port)
    Server(config).run(sockets=[place])


def _config(service: Service, keys: Keys) -> uvicorn.Config:
    settings: Settings = service.settings
    return uvicorn.Config(
        create_app(service, keys),
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=int(settings.seconds) + 1,
        ssl_certfile=settings.certificate,
        ssl_keyfile=None if settings.certificate_key is None else str(settings.certificate_key),
        ws="none",
    )
