"""The verb: serve a recogniser until somebody ends it."""

from __future__ import annotations

import importlib.util
import logging
import socket
import ssl
from pathlib import Path

from knownface.errors import KnownfaceError
from knownface.options import argument, taking
from knownface.recognition.artifact import MEMORY, artifact_folder
from knownface.server.keys import FILE, Keys
from knownface.server.settings import Settings

log = logging.getLogger(__name__)

WAITING = 2_048  # connections that nobody has accepted yet
NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


@taking(Settings)
def serve(settings: Settings) -> None:
    """Answer over HTTP until the process is told to end; then requests in flight are answered.

    The options are those of `server.settings.Settings`. Raises KnownfaceError where the recogniser
    cannot be read, the port is taken, or another address than this machine's has no key.
    """
    need_extra()
    folder = artifact_folder(Path(settings.recognizer))
    if settings.keep_days and folder.name == MEMORY:
        raise KnownfaceError(
            f"{argument('keep_days', settings.keep_days)}: would erase the people of "
            f"{folder.parent} who have no name yet; leave it out"
        )
    keys = Keys.load(keys_file(settings))
    if not keys and not settings.is_local:
        raise KnownfaceError(
            f"{argument('host', settings.host)}: whoever reaches this address could do everything; "
            f"make a key first, with {argument('new_key', 'manage')}"
        )
    check_certificate(settings)
    with _listening(settings) as place:
        from knownface.recognition.recognizer import Recognizer
        from knownface.server.running import run
        from knownface.server.service import Service

        service = Service(Recognizer.load(folder, settings.device), settings)
        run(service, keys, place)


def keys_file(settings: Settings) -> Path:
    """Where the keys of a server lie, hashed."""
    if settings.keys is not None:
        return Path(settings.keys)
    return artifact_folder(Path(settings.recognizer)) / FILE


def check_certificate(settings: Settings) -> None:
    """KnownfaceError where certificate and key cannot be read, or do not belong together."""
    if settings.certificate is None:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.certificate, settings.certificate_key, password="")
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise KnownfaceError(
            f"{argument('certificate', settings.certificate)}: it and its key cannot be used "
            f"({why}); give two PEM files that belong together, the key without a password"
        ) from None


def need_extra() -> None:
    """KnownfaceError where what serves is not installed."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise KnownfaceError(
            f"{missing[0]} is not installed, which serving needs: pip install 'knownface[serve]'"
        )


def _listening(settings: Settings) -> socket.socket:
    """The place to listen at, taken before anything heavy is loaded; who comes early waits."""
    kind = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    place = socket.socket(kind, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((settings.host, settings.port))
        place.listen(WAITING)
    except OSError as error:
        place.close()
        raise KnownfaceError(
            f"{settings.host}:{settings.port}: cannot listen there ({error.strerror or error}); "
            f"choose another with {argument('host')} or {argument('port')}"
        ) from None
    return place
