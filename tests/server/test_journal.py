"""Lines of JSON and numbers that name nobody, unless that is asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from knownface.server.journal import lines_of_json

Start = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def as_the_command_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "knownface")


def logged(client: TestClient, photo: bytes, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    with lines_of_json():
        client.post("/v1/recognize", files={"photo": ("Tom at home.jpg", photo)})
        client.get("/v1/people/Tom_Cruise")
        client.get("/healthz")
        client.get("/v1/Tom_Cruise")
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_no_name_is_logged(start: Start, photo: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    lines = logged(start(), photo, capsys)
    assert [(each["route"], each["status"]) for each in lines] == [
        ("/v1/recognize", 200), ("/v1/people/{who}", 200), ("(none)", 404),
    ]  # fmt: skip
    assert "Tom" not in json.dumps(lines)
    named = [each for each in logged(start(log_names=True), photo, capsys) if "name" in each]
    assert named[0]["name"] == "Tom_Cruise"


def test_numbers(client: TestClient, photo: bytes) -> None:
    client.post("/v1/recognize", files={"photo": photo})
    client.get("/v1/people/Tom_Cruise")
    client.get("/v1/Tom_Cruise")
    client.request("BREW", "/v1/people")
    text = client.get("/metrics").text
    assert 'knownface_faces_total{answer="named"} 1.0' in text
    assert "knownface_known_people 5.0" in text
    assert 'method="(other)"' in text
    assert "Tom" not in text
