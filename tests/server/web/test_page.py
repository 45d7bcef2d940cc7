"""The page in a real browser: what people do with it, one thing after the other."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

GIVE = """([how, files]) => {
  const data = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  const event = how === "paste"
    ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
    : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


@contextmanager
def opened(browser: Any, address: str, refused: int = 0, **how: Any) -> Iterator[Any]:
    """A page that complains of nothing, and asks nobody but the server.

    refused: how many of its requests the server refuses, of which Chromium always complains.
    """
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | how)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(f"error {error}"))
    page.on("request", lambda request: faults.append(request.url))
    page.goto(address)
    yield page
    server = "/".join(address.split("/")[:3])
    asked = [fault for fault in faults if not fault.startswith((server, "blob:", "data:"))]
    assert [each for each in asked if not each.startswith("Failed to load resource")] == []
    assert len(asked) <= refused
    context.close()


def until(page: Any, right: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait for it; the page's policy keeps Playwright's own waiting for functions out."""
    ends = time.monotonic() + seconds
    while not right():
        assert time.monotonic() < ends, "it did not come about"
        page.wait_for_timeout(20)


def look(page: Any, *photos: Path) -> Any:
    """Give photos to the page, wait until all were looked at, and give what shows them."""
    before = page.locator(".photo").count()
    page.set_input_files("#photos", list(photos))
    until(page, lambda: page.locator(".photo").count() == before + len(photos))
    return page.locator(".photo")


def press(page: Any, name: str, within: str = "main", number: int = 0) -> None:
    """Press a button, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.locator(within).get_by_role("button", name=name).nth(number).click()


def encoded(photo: Path) -> list[str]:
    return [photo.name, base64.b64encode(photo.read_bytes()).decode()]


def names(served: Any) -> list[str]:
    return [person.name for person in served.gallery.people()]


# ---------------------------------------------------------------- recognising
def test_several_photos_at_once(served: Any, browser: Any, together: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear Ann, this is no photo.")
    with opened(browser, served.address) as page:
        photos = look(page, together, tmp_path / "letter.jpg")
        faces = photos.nth(0).locator(".face")
        shown = sorted(served.photos)[:3]
        assert faces.locator("h3").all_inner_texts() == shown  # from left to right
        assert photos.nth(0).locator("svg rect").count() == 3
        assert photos.nth(0).locator(".tag").all_inner_texts() == shown
        label = faces.nth(1).get_attribute("aria-label")
        assert label.startswith(f"Face 2 of 3: {shown[1]}, ")
        assert label.endswith(", in the middle")
        summary = f"3 faces, from left to right: {shown[0]}, {shown[1]} and {shown[2]}."
        assert photos.nth(0).locator("header p").inner_text() == summary
        assert "letter.jpg" in photos.nth(1).inner_text()
        assert "Not an image that can be read" in photos.nth(1).inner_text()
        until(page, lambda: "letter.jpg: " in page.locator("#said").inner_text())


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_photos_are_pasted_and_dropped(how: str, served: Any, browser: Any) -> None:
    name = min(served.photos)
    with opened(browser, served.address) as page:
        page.evaluate(GIVE, [how, [encoded(served.photos[name][0])]])
        page.wait_for_selector(".face")
        assert page.locator(".face h3").inner_text() == name


def test_the_camera(served: Any, browser: Any) -> None:
    with opened(browser, served.address, permissions=["camera"]) as page:
        page.get_by_role("button", name="Use the camera").click()
        until(page, lambda: page.evaluate("document.querySelector('video').videoWidth") > 0)
        page.get_by_role("button", name="Take the photo").click()
        page.wait_for_selector(".face")
        assert page.locator(".face h3").inner_text() == min(served.photos)
        page.keyboard.press("Escape")
        assert page.locator("#viewfinder").is_hidden()
        assert page.evaluate("document.querySelector('video').srcObject") is None
        assert page.evaluate("document.activeElement.id") == "camera"


def test_a_wrong_name_is_one_click(served: Any, browser: Any) -> None:
    name = min(served.photos)
    with opened(browser, served.address) as page:
        look(page, served.photos[name][0])
        other = page.locator(".chips button").first
        said = other.get_attribute("value")
        assert said != name
        other.click()
        page.wait_for_selector(".corrected")
        assert page.locator(".face h3").inner_text() == said
        assert page.locator(".tag").first.inner_text() == said
        assert page.evaluate("document.activeElement.matches('.face')")
        assert served.gallery.history(1)[0].verb == "correct"
        until(page, lambda: served.gallery.history(1)[0].text in page.locator("#said").inner_text())
        look(page, served.photos[name][0])
        assert page.locator(".face h3").all_inner_texts() == [said, said]  # it stays said
        page.locator(".corrected .undo button").click()
        page.wait_for_selector(".corrected", state="detached")
        assert page.locator(".face h3").nth(1).inner_text() == name
        assert served.gallery.history(1)[0].verb == "undo"


def test_a_face_of_long_ago(served: Any, browser: Any) -> None:
    with opened(browser, served.address, refused=1) as page:
        look(page, served.photos[min(served.photos)][0])
        served.service.recent.clear()
        page.locator(".chips button").first.click()
        assert "Look at the photo again" in page.locator(".complaint").inner_text()


def test_an_unknown_face_is_named_in_place(served: Any, browser: Any) -> None:
    with opened(browser, served.address) as page:
        look(page, served.strangers[0])
        assert page.locator(".face h3").inner_text() == "Unknown"
        assert page.locator(".chips button").count() == 4  # three who are nearest, and nobody
        page.locator(".face input[name=name]").first.fill("  Zoë <b onclick=alert(1)>  ")
        page.locator(".face input[name=name]").first.press("Enter")
        page.wait_for_selector(".corrected")
        assert "Zoë <b onclick=alert(1)>" in names(served)
        look(page, served.strangers[0])
        assert page.locator(".face h3").first.inner_text() == "Zoë <b onclick=alert(1)>"
        page.locator(".photo").nth(1).locator(".undo button").click()
        page.wait_for_selector(".corrected", state="detached")
    assert "Zoë <b onclick=alert(1)>" not in names(served)


def test_the_keyboard_alone(served: Any, browser: Any, together: Path) -> None:
    with opened(browser, served.address) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "photos"
        look(page, together)  # the browser's own window for files is no part of the page
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.face')"):
                break
        page.keyboard.press("ArrowDown")
        page.keyboard.press("1")
        page.wait_for_selector(".corrected")
        label = page.evaluate("document.activeElement.ariaLabel")
        assert label.startswith("Face 2 of 3: ")
        assert label.endswith(", you said so")
        page.keyboard.press("u")
        page.wait_for_selector(".corrected", state="detached")
        page.keyboard.press("n")
        page.keyboard.type("1u0 Nell")  # in a field, keys are letters
        page.keyboard.press("Enter")
        page.wait_for_selector(".corrected")
        assert "1u0 Nell" in names(served)
        page.keyboard.press("u")
        page.wait_for_selector(".corrected", state="detached")
        assert "1u0 Nell" not in names(served)


# ---------------------------------------------------------------- people
def test_a_person_comes_and_is_undone(served: Any, browser: Any) -> None:
    with opened(browser, f"{served.address}/people") as page:
        page.get_by_role("link", name="Add a person").click()
        page.get_by_label("Name").fill("Nora")
        page.get_by_label("Photos").set_input_files(served.strangers[:2])
        press(page, "Add")
        assert page.locator("h1").inner_text() == "Nora"
        assert page.evaluate("document.activeElement.id") == "notice"
        assert served.gallery.person("Nora").photos == 2
        press(page, "Undo", "#notice")
        assert "Nora" not in names(served)


def test_merging_and_splitting(served: Any, browser: Any) -> None:
    one, other = sorted(served.photos)[:2]
    ids = {person.name: person.id for person in served.gallery.people()}
    with opened(browser, f"{served.address}/people/{ids[other]}", 1) as page:
        page.get_by_label("is the same person as").select_option(one)
        press(page, "Merge")
        assert page.locator("h1").inner_text() == one
        assert served.gallery.person(one).photos == 12
        press(page, "Undo", "#notice")
        assert served.gallery.person(other).photos == 6
        page.goto(f"{served.address}/people/{ids[one]}")
        page.locator(".portraits label").nth(0).click()
        page.locator(".portraits label").nth(2).click()
        page.get_by_label("Whose they are").fill("Twin")
        press(page, "Move the chosen photos")
        assert served.gallery.person("Twin").photos == 2
        page.get_by_label("is the same person as").select_option("Twin")
        page.get_by_role("button", name="Merge").click()
        complaint = page.locator(".complaint")
        assert "two people" in complaint.inner_text()
        assert "screen History" in complaint.inner_text()  # not a command
        page.goto(f"{served.address}/history")
        press(page, "Undo: 2 faces")
    assert served.gallery.person(one).photos == 6


def test_everything_about_a_person(served: Any, browser: Any) -> None:
    name = max(served.photos)
    person = served.gallery.person(name)
    with opened(browser, f"{served.address}/people/{person.id}") as page:
        page.get_by_label("Birth date").fill("2001-02-03")
        press(page, "Save")
        assert "Born on 2001-02-03" in page.locator(".who").inner_text()
        page.locator("summary").nth(1).click()
        shown = int(page.locator("[name=face]").nth(1).get_attribute("value"))
        press(page, "Show this one")
        assert served.gallery.person(name).featured == shown
        page.locator("summary").nth(1).click()
        press(page, "Remove this photo")
        assert served.gallery.person(name).photos == 5
        page.get_by_label("is never the same as").select_option(min(served.photos))
        press(page, "Keep apart")
        page.get_by_label("Name", exact=True).fill("Zelda")
        press(page, "Rename")
        assert page.locator("h1").inner_text() == "Zelda"
        for _ in range(4):
            served.gallery.undo()
        page.goto(f"{served.address}/people?q=zel")
        assert page.locator(".people li").all_inner_texts() == []
        page.get_by_role("link", name="Show everybody").click()
        page.get_by_label("Find somebody").fill(name[:5].upper())
        assert page.locator(".people li:visible strong").all_inner_texts() == [name]


def test_forgetting_asks_and_shows_its_receipt(served: Any, browser: Any) -> None:
    gallery, name = served.gallery, min(served.photos)
    gallery.split(name, [gallery.faces(name)[0].id], "Gone")
    person = gallery.person("Gone")
    with opened(browser, f"{served.address}/people/{person.id}", 1) as page:
        stale = page.context.new_page()
        stale.goto(page.url)
        page.get_by_role("link", name="Forget Gone").click()
        assert "cannot be undone" in page.locator("main").inner_text()
        press(page, "Forget Gone for good")
        said = page.locator("#notice").inner_text()
        assert "nothing was left" in said
        assert "1 face" in said
        assert "Gone" not in said
        assert "Gone" not in names(served)
        stale.get_by_label("Birth date").fill("2001-02-03")
        stale.get_by_role("button", name="Save").click()
        assert "not here any more" in stale.locator(".complaint").inner_text()
        page.goto(f"{served.address}/people/{person.id}")
        assert "not here any more" in page.locator("main").inner_text()


# ---------------------------------------------------------------- unknown people
def test_unknown_people_are_grouped_named_and_ignored(served: Any, browser: Any) -> None:
    with opened(browser, served.address) as page:
        look(page, served.strangers[0], served.strangers[-1])
        page.get_by_role("link", name="Unknown").click()
        groups = page.locator(".review li")
        assert groups.count() == 2
        assert groups.first.locator("h2").inner_text() == "Has been here once"
        button = page.get_by_role("button", name="Ignore").first
        assert button.get_attribute("title") == "Somebody who does not matter, never to be named"
        assert "x ignore" in " ".join(page.locator("#keys").inner_text().split())
        button.click()
        until(page, lambda: groups.count() == 1)
        page.get_by_label("Who is it, ").fill("Postman")
        page.get_by_label("Who is it, ").press("Enter")
        page.wait_for_selector("text=Nobody is waiting for a name")
        assert "Postman" in names(served)
        page.goto(f"{served.address}/history?seen=1")
        assert "Postman" in page.locator(".log").first.inner_text()
        assert "Somebody ignored" in page.locator(".log").first.inner_text()


# ---------------------------------------------------------------- does it work
def test_the_photo_that_does_harm_is_shown(served: Any, browser: Any) -> None:
    one, other = sorted(served.photos)[1:3]
    face = served.gallery.faces(one)[0].id
    served.gallery.split(one, [face], other)
    with opened(browser, f"{served.address}/works") as page:
        assert "photos that were kept aside (DIR)" in page.locator(".rates").inner_text()
        doubt = page.locator(".pairs li").filter(has_text=f"{other}?").first
        assert f"looks more like {one}" in doubt.inner_text()
        press(page, f"It is {one}")
    assert face in [each.id for each in served.gallery.faces(one)]


# ---------------------------------------------------------------- what goes wrong
def test_a_change_in_one_tab_is_seen_in_the_other(served: Any, browser: Any) -> None:
    person = served.gallery.person(max(served.photos))
    with opened(browser, f"{served.address}/people") as page:
        other = page.context.new_page()
        other.goto(f"{served.address}/people/{person.id}")
        other.get_by_label("Name", exact=True).fill("Somebody new")
        press(other, "Rename")
        page.bring_to_front()
        page.wait_for_selector("strong:has-text('Somebody new')", timeout=8000)
        page.get_by_label("Find somebody").focus()  # nothing is taken away under one's hands
        served.gallery.undo()
        page.wait_for_selector("#changed:visible", timeout=8000)
        page.get_by_role("button", name="Show it").click()
        page.wait_for_selector(f"strong:has-text('{person.name}')")


def test_a_server_that_is_away(served: Any, browser: Any) -> None:
    name = min(served.photos)
    with opened(browser, served.address, refused=99) as page:
        other = page.context.new_page()
        other.goto(f"{served.address}/people/{served.gallery.person(name).id}")
        served.stop()
        try:
            page.set_input_files("#photos", served.photos[name][0])
            page.wait_for_selector("#offline:visible")
            assert "Nothing is lost" in page.locator("#offline").inner_text()
            page.wait_for_selector(".waiting:has-text('waits until knownface is back')")
            other.get_by_label("Birth date").fill("2001-02-03")
            other.get_by_role("button", name="Save").click()
            other.wait_for_selector("#offline:visible")
            assert other.get_by_label("Birth date").input_value() == "2001-02-03"
        finally:
            served.start()
        page.wait_for_selector(".face", timeout=8000)
        assert page.locator(".face h3").inner_text() == name
        assert page.locator("#offline").is_hidden()
        other.wait_for_selector("#offline", state="hidden", timeout=8000)
        press(other, "Save")
        assert "Born on 2001-02-03" in other.locator(".who").inner_text()
