"""A pile of faces without names is sorted by the keyboard alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from knownface.recognition.living import schema
from knownface.recognition.living.reading import refresh_templates


@pytest.fixture
def pile(served: Any) -> dict[str, int]:
    """Six people whom nobody has named yet, by the name that they will get; their ids.

    Of the second, one face lies with the first, whose face that is not; the third is in two groups
    of four and two faces, the smaller of which is `third`.
    """
    gallery = served.gallery
    ids = [person.id for person in gallery.people()]
    first, second, third = ids[:3]
    with schema.changing(gallery.path) as database:
        database.execute("UPDATE people SET name = NULL, state = 'unknown', featured = NULL")
        rows = database.execute("SELECT id FROM faces WHERE person = ? ORDER BY id", (second,))
        database.execute("UPDATE faces SET person = ? WHERE id = ?", (first, rows.fetchone()[0]))
        new = database.execute("INSERT INTO people (state, added) VALUES ('unknown', 1)").lastrowid
        rows = database.execute("SELECT id FROM faces WHERE person = ? ORDER BY id", (third,))
        for row in rows.fetchall()[:2]:
            database.execute("UPDATE faces SET person = ? WHERE id = ?", (new, row[0]))
        refresh_templates(database, [*ids, new])
    return dict(
        zip(("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "third"), [*ids, new], strict=True)
    )


@contextmanager
def opened(browser: Any, address: str, refused: int = 0, **how: Any) -> Iterator[Any]:
    """A page that complains of nothing, and is never left."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | how)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(f"error {error}"))
    page.goto(address)
    loads: list[str] = []
    page.on("load", lambda: loads.append(page.url))
    yield page
    assert len(faults) <= refused, faults
    assert loads == []
    context.close()


def until(page: Any, right: Callable[[], bool], seconds: float = 8.0) -> None:
    ends = time.monotonic() + seconds
    while not right():
        assert time.monotonic() < ends, "it did not come about"
        page.wait_for_timeout(20)


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def current(page: Any) -> str:
    return str(page.evaluate("document.querySelector('#items .current')?.id ?? ''"))


def focused(page: Any) -> bool:
    return bool(page.evaluate("document.activeElement.matches('#items .current')"))


def settled(page: Any) -> None:
    """Everything that was sent is answered."""
    until(page, lambda: page.locator(".busy").count() == 0)


def name(page: Any, text: str) -> None:
    press(page, "Enter")
    page.keyboard.type(text)
    press(page, "Enter")


# ---------------------------------------------------------------- by keys
def test_a_pile_is_sorted_by_keys_alone(served: Any, pile: dict[str, int], browser: Any) -> None:
    gallery = served.gallery
    all_ = gallery.sorted().all_faces
    with opened(browser, f"{served.address}/unknown") as page:
        assert page.locator(".sorted p").inner_text() == f"0 of 7 groups named, 0 of {all_} faces"
        assert current(page) == f"group-{pile['Ann']}"  # seven faces: the most
        assert focused(page)

        press(page, "s")  # one of them is not Ann's: it is the least like the others
        page.wait_for_selector("[data-panel=split]")
        press(page, "ArrowRight", "ArrowLeft", "Space", "Enter")
        until(page, lambda: gallery.person(pile["Ann"]).photos == 6)
        settled(page)
        assert gallery.history(1)[0].verb == "part"
        assert focused(page)
        assert current(page) == f"group-{pile['Ann']}"

        name(page, "Ann")
        settled(page)
        assert gallery.person("Ann").photos == 6
        assert focused(page)
        assert current(page) != f"group-{pile['Ann']}"

        there = current(page)
        press(page, "j", "k")
        assert current(page) == there
        press(page, "End", "x")
        settled(page)
        assert gallery.history(1)[0].verb == "ignore"
        press(page, "Home", "f")
        settled(page)
        assert gallery.history(1)[0].verb == "not-a-face"
        press(page, "u")
        until(page, lambda: gallery.history(1)[0].verb == "undo")
        until(page, lambda: current(page) == there)  # it is back, and the one that keys are for
        assert focused(page)
        assert "Undone" in page.locator("#toast").inner_text()


def test_a_name_is_completed_and_never_doubled(
    served: Any, pile: dict[str, int], browser: Any
) -> None:
    gallery = served.gallery
    for who in ("Ann", "Bob"):
        gallery.name(pile[who], {"Ann": "Anna Karenina", "Bob": "Bob"}[who])
    with opened(browser, f"{served.address}/unknown") as page:
        page.keyboard.type("Kar")  # a capital letter begins a name; K is in the second word
        page.locator("#suggested li").wait_for()
        press(page, "Tab")
        value = "document.activeElement.value"
        assert page.evaluate(value) == "Anna Karenina"
        press(page, "Enter")
        settled(page)
        photos = gallery.person("Anna Karenina").photos
        assert photos > 7
        press(page, "Enter")
        page.keyboard.type("b")
        press(page, "ArrowDown", "Enter")
        settled(page)
        assert {person.name for person in gallery.people()} == {"Anna Karenina", "Bob"}
        press(page, "Enter")
        page.keyboard.type("BOB")
        press(page, "Enter")
        settled(page)
        assert {person.name for person in gallery.people()} == {"Anna Karenina", "Bob"}
        press(page, "Enter")
        page.keyboard.type("mxsfu")  # in a field, keys are letters
        press(page, "Escape")
        assert focused(page)
        assert gallery.count() == 2


def test_one_goes_on_before_the_answer(served: Any, pile: dict[str, int], browser: Any) -> None:
    with opened(browser, f"{served.address}/unknown") as page:
        for each in ("One", "Two", "Three"):
            name(page, each)
        press(page, "Enter")
        page.keyboard.type("Fou")
        until(page, lambda: served.gallery.count() == 3)
        settled(page)
        page.keyboard.type("r")  # what is typed stays, and so does its place
        assert page.evaluate("document.activeElement.value") == "Four"


def test_nothing_is_taken_away_while_a_name_is_written(
    served: Any, pile: dict[str, int], browser: Any
) -> None:
    gallery = served.gallery
    with opened(browser, f"{served.address}/unknown") as page:
        while current(page) != f"group-{pile['third']}":
            press(page, "ArrowDown")
        before = page.locator(f"#about-{pile['third']}").inner_text()
        press(page, "Enter")
        page.keyboard.type("Cle")
        gallery.name(pile["Cleo"], "Cleo")  # elsewhere: now this one looks like somebody known
        until(page, lambda: page.locator("#items article").count() == 6)
        page.keyboard.type("mens")
        assert page.evaluate("document.activeElement.value") == "Clemens"
        press(page, "Escape", "ArrowUp")
        gallery.name(pile["Dan"], "Dan")
        until(page, lambda: page.locator("#items article").count() == 5)
        assert page.locator(f"#about-{pile['third']}").inner_text() != before
        assert focused(page)


def test_two_groups_of_one_person_are_asked_for(
    served: Any, pile: dict[str, int], browser: Any
) -> None:
    gallery = served.gallery
    pair = f"pair-{pile['Cleo']}-{pile['third']}"
    with opened(browser, f"{served.address}/unknown/same") as page:
        assert page.locator(f"#{pair}").count() == 1
        for _ in range(40):
            if current(page) == pair:
                break
            press(page, "Space")
        before = page.locator("#items article").count()
        press(page, "n")
        settled(page)
        assert page.locator(f"#{pair}").count() == 0
        assert gallery.history(1)[0].verb == "never-same"
        press(page, "u")
        page.locator(f"#{pair}").wait_for()
        settled(page)
        assert page.locator("#items article").count() == before
        assert current(page) == pair
        both = sum(gallery.person(pile[each]).photos for each in ("Cleo", "third"))
        press(page, "y")
        settled(page)
        assert gallery.person(pile["Cleo"]).photos == both
        assert page.locator(f"#{pair}").count() == 0


def test_merging_with_whom_the_page_shows(served: Any, pile: dict[str, int], browser: Any) -> None:
    gallery = served.gallery
    with opened(browser, f"{served.address}/unknown") as page:
        while current(page) != f"group-{pile['third']}":
            press(page, "ArrowDown")
        press(page, "m")
        page.wait_for_selector("[data-panel=merge]")
        press(page, "Escape")
        assert focused(page)
        press(page, "m")
        page.wait_for_selector("[data-panel=merge]")
        both = sum(gallery.person(pile[each]).photos for each in ("Cleo", "third"))
        press(page, "1")  # the most alike
        settled(page)
        assert gallery.person(pile["Cleo"]).photos == both


def test_what_is_refused_is_said_where_it_was_asked(
    served: Any, pile: dict[str, int], browser: Any
) -> None:
    with opened(browser, f"{served.address}/unknown", refused=1) as page:
        name(page, "a/b")
        page.wait_for_selector(".complaint")
        assert "is no name" in page.locator(".complaint").inner_text()
        assert current(page) == f"group-{pile['Ann']}"
        assert focused(page)
        press(page, "?")
        assert page.locator("#all-keys").is_visible()
        press(page, "Escape")
        assert page.locator("#all-keys").is_hidden()


# ---------------------------------------------------------------- many, and none
def test_very_many_come_a_few_at_a_time(served: Any, browser: Any) -> None:
    gallery = served.gallery
    with schema.changing(gallery.path) as database:
        rows = database.execute("SELECT id, person FROM faces").fetchall()
        assert len(rows) >= 30
        for at, row in enumerate(rows[:30]):
            for _ in range(2):
                database.execute("INSERT INTO people (state, added) VALUES ('unknown', 1)")
            person = database.execute("SELECT max(id) FROM people").fetchone()[0]
            database.execute(
                "INSERT INTO faces (person, embedding, source, digest, added, quality, portrait) "
                "SELECT ?, embedding, source, digest, added, quality, portrait FROM faces "
                "WHERE id = ?", (person, row["id"])
            )  # fmt: skip
            database.execute(
                "INSERT INTO faces (person, embedding, source, digest, added, quality, portrait) "
                "SELECT ?, embedding, source, digest, added, quality, portrait FROM faces "
                "WHERE id = ?", (person - at % 2, row["id"])
            )  # fmt: skip
        refresh_templates(database, [row[0] for row in database.execute("SELECT id FROM people")])
        database.execute("DELETE FROM people WHERE id NOT IN (SELECT person FROM faces)")
    with opened(browser, f"{served.address}/unknown") as page:
        assert page.locator("#items article").count() == 15
        assert "Seen once: 30 faces" in page.locator(".folded").inner_text()
    with opened(browser, f"{served.address}/unknown?once=1") as page:
        assert page.locator("#items article").count() == 24
        press(page, "End", "j")
        until(page, lambda: page.locator("#items article").count() == 6)
        assert page.url.endswith("skip=24")
        press(page, "Home", "k")
        until(page, lambda: page.locator("#items article").count() == 24)
        assert page.evaluate("document.activeElement.parentElement.nextElementSibling") is None


def test_everybody_has_a_name(served: Any, pile: dict[str, int], browser: Any) -> None:
    gallery = served.gallery
    for each, id in pile.items():
        if each != "Ann":
            gallery.name(id, each)
    with opened(browser, f"{served.address}/unknown") as page:
        name(page, "Ann")
        page.wait_for_selector("text=Nobody is waiting for a name")
        all_ = gallery.sorted().all_faces
        assert (
            page.locator(".sorted p").inner_text() == f"7 of 7 groups named, {all_} of {all_} faces"
        )
        press(page, "u")
        page.locator("#items article").wait_for()
        assert gallery.count("unknown") == 1


def test_what_is_stored_of_a_pile_is_said(
    served: Any, pile: dict[str, int], browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = replace(served.service.settings, keep_days=0.0)
    monkeypatch.setattr(served.service, "settings", forgetful)
    faces = served.gallery.sorted().all_faces
    with opened(browser, f"{served.address}/stored") as page:
        assert f"7 people with {faces} faces" in page.locator("main").inner_text()
    with opened(browser, f"{served.address}/unknown/{pile['Ann']}") as page:
        assert page.get_by_role("link", name="Forget").count() == 1
        assert "never to be named" in str(
            page.get_by_role("button", name="Ignore").get_attribute("title")
        )


def test_all_of_it_without_a_script(served: Any, pile: dict[str, int], browser: Any) -> None:
    gallery = served.gallery
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.address}/unknown")
    page.get_by_role("link", name="Split").first.click()
    page.locator("#split [name=face]").first.check()
    page.get_by_role("button", name="Take the chosen ones out").click()
    assert "somebody else" in page.locator("#notice").inner_text()
    page.get_by_label("Who is it, ").first.fill("Ann")
    page.get_by_role("button", name="Save").first.click()
    assert "is Ann" in page.locator("#notice").inner_text()
    page.get_by_role("button", name="Not a face").first.click()
    assert "no faces" in page.locator("#notice").inner_text()
    page.locator("#notice .undo button").click()
    assert "Undone" in page.locator("#notice").inner_text()
    page.get_by_role("link", name="Merge").last.click()
    page.locator("#merge button").first.click()
    assert gallery.history(1)[0].verb == "merge"
    page.goto(f"{served.address}/unknown/same")
    page.get_by_role("button", name="Two people").first.click()
    assert gallery.history(1)[0].verb == "never-same"
    context.close()
