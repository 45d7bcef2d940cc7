"""Roles, sessions, and what browsers are tricked into asking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from knownface.server.access import COOKIE, SESSION, Access
from knownface.server.keys import Keys, new_key
from knownface.server.problems import Problem

Start = Callable[..., TestClient]


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "keys.json"
    return {"recognise": new_key(file, "recognise"), "manage": new_key(file, "manage")}


def test_a_role_may_do_what_it_is_for(
    start: Start, keys: dict[str, str], tmp_path: Path, photo: bytes
) -> None:
    client = start(Keys.load(tmp_path / "keys.json"))
    for headers in (lambda key: {"Authorization": f"Bearer {key}"}, lambda key: {"x-api-key": key}):
        for key, looking, listing in (
            ("wrong", 401, 401), (keys["recognise"], 200, 403), (keys["manage"], 200, 200),
        ):  # fmt: skip
            said = headers(key)  # type: ignore[no-untyped-call]
            found = client.post("/v1/recognize", files={"photo": photo}, headers=said)
            assert found.status_code == looking
            assert client.get("/v1/people", headers=said).status_code == listing
    refused = client.get("/v1/people")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 401


def test_every_route_but_health_needs_a_key(
    start: Start, keys: dict[str, str], tmp_path: Path
) -> None:
    client = start(Keys.load(tmp_path / "keys.json"))
    for path, methods in client.get("/v1/openapi.json").json()["paths"].items():
        for method in methods:
            address = path.replace("{number}", "1").replace("{who}", "Ann")
            found = client.request(method, address, params={"subject": "Ann"}, json={"one": "a"})
            expected = 200 if path in ("/healthz", "/readyz") else 401
            assert found.status_code in (expected, 422), (method, path)
            assert found.status_code != 422 or "is needed" not in found.text
            assert found.status_code == expected or path == "/v1/never-same"


def test_a_session_of_the_page(keys: dict[str, str], tmp_path: Path) -> None:
    now = [0.0]
    access = Access(Keys.load(tmp_path / "keys.json"), tls=True, clock=lambda: now[0])
    response = Response()
    assert not access.sign_in("wrong", response)
    assert not access.sign_in(keys["recognise"], response)
    assert "set-cookie" not in response.headers
    assert access.sign_in(f" {keys['manage']}\n", response)
    cookie = response.headers["set-cookie"]
    for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/"):
        assert word in cookie
    request = _request(cookie.split(";")[0])
    assert access.caller(request, None, "manage").role == "manage"
    with pytest.raises(Problem, match="A valid key"):
        access.caller(_request(f"{COOKIE}=other"), None, "manage")
    now[0] = SESSION + 1
    with pytest.raises(Problem, match="A valid key"):
        access.caller(request, None, "manage")
    now[0] = 1.0
    access.sign_out(request, Response())
    with pytest.raises(Problem, match="A valid key"):
        access.caller(request, None, "manage")


def _request(cookie: str) -> Request:
    scope = {"type": "http", "headers": [(b"cookie", cookie.encode())], "client": ("::1", 1)}
    return Request(scope)


@pytest.mark.parametrize(("host", "status"), [
    ("localhost", 200), ("localhost:80", 200), ("127.0.0.1:9", 200), ("[::1]:9", 200),
    ("192.168.1.5", 200), ("cam.lan", 200), ("CAM.LAN:80", 200), ("evil.example", 421),
    ("localhost.evil.example", 421), ("", 421), ("127.0.0.1.evil.example", 421), ("[::1", 421),
])  # fmt: skip
def test_a_name_that_is_not_the_servers(start: Start, host: str, status: int) -> None:
    """DNS rebinding leads a browser here under a name of the attacker's."""
    client = start(names=("cam.lan",))
    assert client.get("/healthz", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 409), ({"Origin": "http://localhost"}, 409), ({"Sec-Fetch-Site": "same-origin"}, 409),
    ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost:81"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403), ({"Origin": "http://[::1"}, 403),
])  # fmt: skip
def test_a_page_of_another_site_changes_nothing(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    found = client.post("/v1/undo", headers=headers)
    assert found.status_code == status
    assert client.get("/v1/people", headers=headers).status_code == 200
