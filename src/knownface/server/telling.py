"""Telling other programs who was seen: a webhook, or MQTT."""

from __future__ import annotations

import importlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from knownface.errors import KnownfaceError
from knownface.options import argument
from knownface.recognition.living.records import SeenPhoto

PAUSES = (1.0, 4.0)  # seconds before the second and the third attempt, which is the last
TIMEOUT = 5.0
PORTS = {"mqtt": 1883, "mqtts": 8883}
QUEUED = 1_000  # messages while no broker answers

Event = dict[str, Any]


class Teller(Protocol):
    """Somewhere to tell an event; raises where that failed for good."""

    def tell(self, event: Event) -> None: ...

    def close(self) -> None: ...


def events(seen: SeenPhoto, at: float | None = None) -> list[Event]:
    """One for each face that got a name."""
    moment = round(time.time() if at is None else at, 3)
    return [
        {
            "event": "seen", "name": face.name, "similarity": round(face.similarity, 4),
            "confidence": round(face.confidence, 4), "source": seen.recognition.path, "at": moment,
        }
        for face in seen.recognition.faces
        if face.name
    ]  # fmt: skip


# ---------------------------------------------------------------- webhook
class Webhook:
    """POSTs each event as JSON to an address; tried three times, and redirects are not followed."""

    def __init__(self, url: str, pause: Callable[[float], None] = time.sleep) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise KnownfaceError(f"{argument('webhook', url)}: must be like https://host/path")
        self._url, self._pause = url, pause
        self._opener = urllib.request.build_opener(_NoRedirect)

    def tell(self, event: Event) -> None:
        for pause in PAUSES:
            try:
                return self._post(event)
            except OSError:
                self._pause(pause)
        try:
            self._post(event)
        except OSError as error:
            why = getattr(error, "reason", error)
            host = urlsplit(self._url).hostname  # the rest may hold a secret
            raise KnownfaceError(f"{host} could not be told ({why})") from None

    def close(self) -> None:
        pass

    def _post(self, event: Event) -> None:
        body = json.dumps(event).encode()
        request = urllib.request.Request(
            self._url, body, {"Content-Type": "application/json"}, method="POST"
        )
        with self._opener.open(request, timeout=TIMEOUT):
            pass


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


# ---------------------------------------------------------------- MQTT
class Mqtt:
    """Publishes each event as JSON below a topic: `TOPIC/NAME`."""

    def __init__(self, url: str) -> None:
        place = _broker(url)
        try:
            module = importlib.import_module("paho.mqtt.client")
        except ImportError:
            raise KnownfaceError(
                f"{argument('mqtt')} needs paho-mqtt: pip install 'knownface[mqtt]'"
            ) from None
        self._topic = place.path.strip("/")
        self._client = module.Client(module.CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(QUEUED)
        if place.username:
            self._client.username_pw_set(unquote(place.username), unquote(place.password or ""))
        if place.scheme == "mqtts":
            self._client.tls_set()
        self._client.connect_async(place.hostname, place.port or PORTS[place.scheme])
        self._client.loop_start()

    def tell(self, event: Event) -> None:
        name = str(event["name"]).translate({ord(sign): "_" for sign in "/+#\0"})
        self._client.publish(f"{self._topic}/{name}", json.dumps(event), qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _broker(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        fits = place.scheme in PORTS and bool(place.hostname and place.path.strip("/"))
        fits = fits and place.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise KnownfaceError(f"{argument('mqtt')}: must be like mqtt://host:1883/topic")
    return place


def tellers(webhook: str | None, mqtt: str | None) -> Sequence[Teller]:
    """Those that are asked for. Raises KnownfaceError."""
    found: list[Teller] = []
    if webhook is not None:
        found.append(Webhook(webhook))
    if mqtt is not None:
        found.append(Mqtt(mqtt))
    return found
