"""Pages in a real browser: how they behave, and whether everybody can use them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evil_page import evil
from invented import invented
from typer.testing import CliRunner

from knownface.cli.commands import app
from knownface.diagnosis.findings import KINDS, Diagnosis, Problem
from knownface.faces.photo import write_image
from knownface.pages.check import write_check
from knownface.pages.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")  # Playwright's loop must not run in the tests of other modules
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no browser: install Debian's chromium to test the pages in it")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for people in (2, 20, 100):
        (folder / str(people)).mkdir()
        write_report(folder / str(people), *invented(people))
    return {people: folder / str(people) / "report.html" for people in (2, 20, 100)}


@contextmanager
def opened(browser: Any, path: Path, scheme: str = "light", width: int = 1100) -> Iterator[Any]:
    """A page that must neither complain on the console nor ask the network for anything."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert [fault for fault in faults if not fault.startswith(("data:", "file:"))] == []
    page.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 1100), ("dark", 390)])
@pytest.mark.parametrize("people", [2, 20, 100])
def test_pages_are_accessible(
    people: int, scheme: str, width: int, browser: Any, pages: dict[int, Path]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with opened(browser, pages[people], scheme, width) as page:
        page.locator(".matrix button").first.focus()  # its photos are examined too
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 390)])
def test_the_page_of_check_is_accessible(
    scheme: str, width: int, browser: Any, tmp_path: Path
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    write_image(tmp_path / "a.jpg", np.full((60, 90, 3), 200, np.uint8))
    problems = tuple(
        Problem(kind, "a.jpg", "A very long name of somebody", "a.jpg", "why") for kind in KINDS
    )
    page_path = tmp_path / "check.html"
    examples = {"A very long name of somebody": "a.jpg"}
    write_check(page_path, Diagnosis(tmp_path, (), (), problems, frozenset(), examples, "CPU"))
    with opened(browser, page_path, scheme, width) as page:
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".face").first.bounding_box()["width"] > 80


@pytest.mark.parametrize("people", [2, 20, 100])
def test_a_cell_shows_its_photos(people: int, browser: Any, pages: dict[int, Path]) -> None:
    with opened(browser, pages[people]) as page:
        behind = page.locator("#behind")
        wrong = page.locator(".matrix button[aria-label*='taken for']").first
        wrong.hover()
        assert wrong.get_attribute("aria-label") in behind.inner_text()
        faces = behind.locator(".face")
        assert faces.count() == int(wrong.inner_text())
        style = "getComputedStyle(document.querySelector('#behind .face')).backgroundImage"
        assert page.evaluate(style).startswith('url("data:image/jpeg')
        page.keyboard.press("Escape")
        assert faces.count() == 0
        first = page.locator(".matrix button[tabindex='0']")
        first.focus()
        before = behind.inner_text()
        page.keyboard.press("ArrowDown")
        assert "photo" in behind.inner_text() != before
        assert page.evaluate("document.activeElement.dataset.row") != "0"


def test_tables_sort_by_click_and_by_key(browser: Any, pages: dict[int, Path]) -> None:
    with opened(browser, pages[20]) as page:
        table = page.locator("#person-by-person table")

        def column(number: int) -> list[str]:
            return table.locator(f"tbody tr > :nth-child({number})").all_inner_texts()

        recall = table.get_by_role("button", name="Recall")
        recall.click()
        shares = [float(cell.removesuffix("\u00a0%")) for cell in column(3)]
        assert shares == sorted(shares, reverse=True)
        recall.press("Enter")
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
        assert [float(cell.removesuffix("\u00a0%")) for cell in column(3)] == sorted(shares)
        table.get_by_role("button", name="Person").click()
        assert column(1) == [f"Person {i}" for i in range(20)]


def test_the_map_shows_one_person(browser: Any, pages: dict[int, Path]) -> None:
    with opened(browser, pages[20]) as page:
        page.get_by_label("Show").select_option("Person 3")
        shown = page.locator(".map g:not(.away)")
        assert shown.count() == 1
        assert shown.get_attribute("data-person") == "Person 3"


def test_nothing_of_others_runs_in_a_page(browser: Any, pages: dict[int, Path]) -> None:
    page = browser.new_page()
    page.goto(pages[2].as_uri())
    refused = ["img-src", "script-src-attr", "script-src-elem", "style-src-attr"]
    assert page.evaluate(evil()) == [None, refused]
    page.close()


def test_the_comparison_in_a_browser(browser: Any, run_folder: Path, tmp_path: Path) -> None:
    out, run = tmp_path / "report.html", tmp_path / "javascript:alert(1) #?%"
    shutil.copytree(run_folder, run)
    done = CliRunner().invoke(app, ["report", str(run), str(run_folder), "--out", str(out)])
    assert done.exit_code == 0, done.stderr
    with opened(browser, out, "dark", 390) as page:
        page.get_by_role("button", name="Accuracy").click()
        assert page.locator("th[aria-sort=descending]").count() == 1
        page.get_by_role("link", name="javascript:").click()
        assert "of known faces" in page.title()
