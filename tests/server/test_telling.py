"""Other programs are told who was seen, in bounded number, and nobody waits for that."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from knownface.errors import KnownfaceError
from knownface.recognition.living.records import SeenPhoto
from knownface.recognition.result import Recognition, RecognizedFace
from knownface.server.outbox import Outbox
from knownface.server.telling import PAUSES, Mqtt, Webhook, events

EVENT = {"event": "seen", "name": "Ann", "source": "a.jpg", "at": 1.0}


@contextmanager
def hook(*statuses: int) -> Iterator[tuple[str, list[Any]]]:
    """An address that answers with these, the last one for ever, and what it was told."""
    told: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(json.loads(body))
            self.send_response(statuses[min(len(told), len(statuses)) - 1])
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret", told
    finally:
        server.shutdown()
        server.server_close()


def test_who_has_a_name_is_told() -> None:
    faces = [("Ann", None), (None, "unknown")]
    found = tuple(RecognizedFace((0, 0, 9, 9), name, 0.5, reason) for name, reason in faces)
    said = events(SeenPhoto(Recognition("a.jpg", found), ()), at=1.0)
    assert said == [EVENT | {"similarity": 0.5, "confidence": 0.0}]


def test_a_webhook_is_tried_three_times() -> None:
    paused: list[float] = []
    with hook(500, 204) as (url, told):
        Webhook(url, paused.append).tell(EVENT)
    assert told == [EVENT, EVENT]
    assert paused == [PAUSES[0]]
    with hook(302) as (url, told), pytest.raises(KnownfaceError, match=r"127\.0\.0\.1 could not"):
        Webhook(url, paused.append).tell(EVENT)
    assert len(told) == 1 + len(PAUSES)


@pytest.mark.parametrize("url", ["ftp://host/x", "host/x", "http://", "file:///etc/passwd"])
def test_what_is_no_webhook(url: str) -> None:
    with pytest.raises(KnownfaceError, match="must be like https"):
        Webhook(url)


@pytest.mark.parametrize(
    "url", ["mqtt://host", "mqtt://host/", "http://host/topic", "mqtt:///t", "mqtt://h:x/t"]
)
def test_what_is_no_broker(url: str) -> None:
    with pytest.raises(KnownfaceError, match="must be like mqtt"):
        Mqtt(url)


def test_mqtt_publishes_below_its_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("paho.mqtt.client", reason="pip install 'knownface[mqtt]'")
    teller = Mqtt("mqtt://127.0.0.1:9/home/faces/")
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(teller._client, "publish", lambda *args, **options: said.append(args))
    teller.tell(EVENT | {"name": "A/n+n#"})
    assert said[0][0] == "home/faces/A_n_n_"
    assert json.loads(said[0][1])["name"] == "A/n+n#"
    teller.close()


def test_an_outbox_never_waits_and_never_grows() -> None:
    gate, done = threading.Event(), list[int]()

    def work(item: int) -> None:
        gate.wait(10)
        if item == 1:
            raise OSError("no")
        done.append(item)

    outbox = Outbox("test", work, most=3)
    start = time.monotonic()
    for item in range(100):
        outbox.put(item)
    assert time.monotonic() - start < 1
    gate.set()
    outbox.close()
    assert outbox.dropped >= 96
    assert outbox.failed == 1
    assert done[0] == 0
