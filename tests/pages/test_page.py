"""What every page shares: templates write the HTML, escape, and leave nothing out."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError

from knownface.pages.page import Table, write_page
from knownface.pages.pictures import FaceSheet

COMPARE = {
    "count": 1, "tested": "3 photos of 2 people", "same_photos": True, "sheet": None, "data": None,
    "missing": Table("Without a result", (), ()), "people": None,
}  # fmt: skip


def test_python_writes_no_html() -> None:
    own = [path for path in files("knownface.pages").iterdir() if path.name.endswith(".py")]
    assert len(own) > 5
    for path in own:
        assert not re.search(r"</?[a-z]+[ >]|&[a-z]+;|Markup|html\.escape", path.read_text()), path


def test_templates_trust_nothing_but_templates() -> None:
    for path in (files("knownface.pages") / "templates").iterdir():
        trusted = re.findall(r"\S+ \| safe", path.read_text())
        assert set(trusted) <= {'"_<wbr>" | safe', '"/<wbr>" | safe'}, path


def test_words_are_escaped_and_long_names_break(tmp_path: Path) -> None:
    runs = Table("<i>", ("A&B", "N"), [("a_<b>/c", ("<1", 1.0))], ['"><script>'])
    write_page(tmp_path / "page.html", "compare.html.jinja", runs=runs, **COMPARE)
    page = (tmp_path / "page.html").read_text()
    assert "a_<wbr>&lt;b&gt;/<wbr>c</a></th>" in page
    assert '<td class="number" data-sort="1.0">&lt;1</td>' in page
    assert 'aria-label="&lt;i&gt;"' in page
    assert "<button>A&amp;B</button>" in page
    assert page.count("<script") == 2


def test_a_value_that_is_missing_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="runs"):
        write_page(tmp_path / "page.html", "compare.html.jinja", **COMPARE)
    assert not list(tmp_path.iterdir())


def test_a_sheet_holds_each_picture_once_and_no_more_than_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("knownface.pages.pictures.SHEET_PIXELS", 2 * 80**2)
    sheet = FaceSheet()
    picture = np.zeros((10, 20, 3), np.uint8)
    assert [sheet.add(key, picture) for key in ("a", "b", "a", "c")] == [0, 1, 0, None]
    assert sheet.full
    assert sheet.figure(None, "c") is None
    assert sheet.address.startswith("data:image/jpeg;base64,")
