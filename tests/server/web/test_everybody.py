"""The page is for everybody: with a screen reader, without a script, on a phone, with a key."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import httpx2
import pytest
from evil_page import evil

from knownface.server.keys import Keys, new_key


@pytest.fixture
def lived_in(served: Any) -> Any:
    """A gallery in which there is something of everything to be seen."""
    gallery, (one, other, *_) = served.gallery, served.photos
    gallery.rename(other, "A very long name of somebody <i> whom nobody could ever call so")
    gallery.split(one, [gallery.faces(one)[0].id], "Twin")
    gallery.undo()
    gallery.split(one, [gallery.faces(one)[0].id], max(served.photos))
    recognizer = served.service.recognizer
    for photo in (served.strangers[0], served.strangers[-1]):
        gallery.remember(recognizer.see(photo), "front door")
    gallery.ignore(gallery.people("unknown")[0].id)
    faces = [each.id for each in gallery.faces(max(served.photos))]
    gallery.part(max(served.photos), faces[:1])
    gallery.part(max(served.photos), faces[1:4])
    return served


SCREENS = (
    "", "people", "people/1", "people/new", "people/1/forget", "people/99", "unknown",
    "unknown?once=1", "unknown/same", "unknown/8", "unknown/1", "works", "history",
    "history?seen=1", "stored", "login",
)  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_every_screen_is_accessible(
    scheme: str, width: int, lived_in: Any, browser: Any, together: Path
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    for screen in SCREENS:
        page.goto(f"{lived_in.address}/{screen}")
        if not screen:
            page.set_input_files("#photos", [together, lived_in.strangers[1]])
            page.locator(".photo").nth(1).wait_for()
            page.locator(".chips button").first.click()
            page.locator(".corrected").wait_for()
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == [], screen
        assert page.evaluate("document.documentElement.scrollWidth") <= width, screen
        assert page.locator("h1").count() == 1
    page.close()
    assert [fault for fault in faults if "404" not in fault] == []


def test_the_page_works_without_a_script(served: Any, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.address)
    page.set_input_files("#photos", served.photos[min(served.photos)][0])
    page.get_by_role("button", name="Look at them").click()
    assert page.locator(".face h3").inner_text() == min(served.photos)
    page.locator(".chips button").first.click()
    assert " is " in page.locator("#notice").inner_text()
    page.locator("#notice .undo button").click()
    assert "Undone" in page.locator("#notice").inner_text()
    page.goto(f"{served.address}/people?q={max(served.photos)}")
    page.locator(".people a").click()
    page.get_by_label("Birth date").fill("2001-02-03")
    page.get_by_role("button", name="Save").click()
    assert "was born on 2001-02-03" in page.locator("#notice").inner_text()
    page.reload()
    assert len([each for each in served.gallery.history() if each.verb == "born"]) == 1
    context.close()


def test_nothing_of_others_runs_in_the_page(served: Any, browser: Any) -> None:
    page = browser.new_page()
    page.goto(served.address)
    refused = ["connect-src", "img-src", "script-src-attr", "script-src-elem", "style-src-attr"]
    assert page.evaluate(evil('await fetch("http://evil.example.invalid/").catch(() => 0);')) == [
        None,
        refused,
    ]
    page.close()


def answer(address: str, data: bytes | None = None, **headers: str) -> tuple[int, HTTPMessage]:
    """Status and headers, without following."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Unled())
    try:
        with opener.open(urllib.request.Request(address, data, headers)) as reply:
            return reply.status, reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


class Unled(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.mark.parametrize("place", ["/", "/people", "/portraits/1", "/works", "/nowhere/at/all"])
def test_what_every_answer_says(place: str, served: Any) -> None:
    _, headers = answer(served.address + place, Accept="text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Permissions-Policy"].startswith("camera=(self)")
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("place", "status"),
    [("/people/Ann", 404), ("/nowhere/at/all", 404), ("/people/1/rename", 405)],
)
def test_where_no_page_is_a_browser_is_told_so(place: str, status: int, served: Any) -> None:
    found = httpx2.get(served.address + place, headers={"Accept": "text/html"})
    assert found.status_code == status
    assert "There is no page at this address" in found.text
    assert "<nav" in found.text
    assert "nput should be" not in found.text


def test_what_cannot_be_read_is_said_without_the_words_of_a_library(served: Any) -> None:
    found = httpx2.get(f"{served.address}/unknown?skip=x", headers={"Accept": "text/html"})
    assert found.status_code == 422
    assert "What was sent cannot be read (skip). Go back" in found.text
    script = httpx2.post(f"{served.address}/people/1/remove", headers={"X-From-Script": "1"})
    assert script.status_code == 422
    assert "(face)" in script.json()["detail"]


def test_programs_are_told_of_an_address_as_before(served: Any) -> None:
    for place, accept in (("/nowhere", "*/*"), ("/v1/nothing", "text/html")):
        found = httpx2.get(served.address + place, headers={"Accept": accept})
        assert (found.status_code, found.json()["detail"]) == (404, "Not Found")


def test_a_foreign_page_changes_nothing(served: Any) -> None:
    number = served.gallery.number
    form = b"name=Mallory"
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert answer(f"{served.address}/people/1/rename", form, **headers)[0] == 403
    assert served.gallery.number == number


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_no_form_leads_elsewhere(to: str, served: Any) -> None:
    name = min(served.photos)
    change = served.gallery.born(name, "2001-02-03")
    form = urllib.parse.urlencode({"change": change.id, "back": to}).encode()
    status, headers = answer(f"{served.address}/undo", form)
    assert status == 303
    assert headers["Location"].startswith("/?done=")


# ---------------------------------------------------------------- keys
@pytest.fixture
def locked(served: Any, tmp_path: Path) -> Iterator[tuple[Any, str, str]]:
    """The server when it asks for keys; one that may manage, and one that may recognise."""
    manage, recognise = (new_key(tmp_path / "keys.json", role) for role in ("manage", "recognise"))
    served.stop()
    served.keys = Keys.load(tmp_path / "keys.json")
    served.start()
    yield served, manage, recognise
    served.stop()
    served.keys = None
    served.start()


def test_signing_in(locked: tuple[Any, str, str], browser: Any) -> None:
    served, manage, recognise = locked
    for place in ("/people", "/portraits/1", "/changed", "/stored", "/nowhere"):
        status, headers = answer(served.address + place, Accept="text/html")
        assert (status, headers["Location"].split("?")[0]) == (303, "/login")
    page = browser.new_page()
    page.goto(f"{served.address}/people/1")
    assert page.locator("h1").inner_text() == "Sign in"
    assert page.locator("nav").count() == 0
    page.get_by_label("Key").fill(recognise)
    page.get_by_role("button", name="Sign in").click()
    assert "no key that may change" in page.get_by_role("alert").inner_text()
    page.get_by_label("Key").fill(manage)
    page.get_by_role("button", name="Sign in").click()
    page.locator("h1", has_text=min(served.photos)).wait_for()
    assert page.url == f"{served.address}/people/1"
    page.get_by_role("button", name="Sign out").click()
    page.locator("h1", has_text="Sign in").wait_for()
    page.goto(f"{served.address}/people")
    assert page.locator("h1").inner_text() == "Sign in"
    page.close()
