"""Boxes and names in copies of photos: always inside, and always readable."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest

from knownface.recognition import draw, fonts
from knownface.recognition.result import Recognition, RecognizedFace

NAMES = [
    "Ann",
    "Ω Ünï",
    "أحمد",
    "李小龙",
    "अमित",
    "김 Ann",
    "Sam 😀",
    "a\nb\x1b[31m",
    "x" * 255,
    "\U000f0000",
]


@pytest.fixture
def no_other_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine that has only the font which comes with matplotlib."""
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    fonts.font_of.cache_clear()
    fonts._say_missing.cache_clear()
    yield
    fonts.font_of.cache_clear()


def labelled(name: str, box: tuple[float, ...], size: tuple[int, int]) -> np.ndarray:
    """What was drawn on a grey picture of that width and height: (height, width) bool."""
    face = RecognizedFace(box, name, 0.71, None)  # type: ignore[arg-type]
    grey = np.full((size[1], size[0], 3), 128, np.uint8)
    drawn = draw.annotate(grey, Recognition("", (face,)))
    assert drawn.shape == grey.shape
    assert (grey == 128).all()
    return np.asarray(drawn)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_drawn_inside(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole label, wherever the face is: its rectangle has the same size everywhere."""
    sizes = set()
    rectangle = draw.ImageDraw.ImageDraw.rectangle

    def seen(self: draw.ImageDraw.ImageDraw, xy: tuple[float, ...], **options: object) -> None:
        assert 0 <= xy[0] <= xy[2] <= 399
        assert 0 <= xy[1] <= xy[3] <= 299
        if "fill" in options:
            sizes.add((round(xy[2] - xy[0], 3), round(xy[3] - xy[1], 3)))
        rectangle(self, xy, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(draw.ImageDraw.ImageDraw, "rectangle", seen)
    for box in [(100, 100, 80, 90), (0, 0, 400, 300), (-50, -60, 90, 100), (380, 280, 90, 90),
                (-90, 10, 50, 500), (500, 400, 50, 50), (390, 0, 30, 30)]:  # fmt: skip
        labelled(name, box, (400, 300))
    assert len(sizes) == 1


def test_boxes_end_at_the_photo_s_edge() -> None:
    drawn = labelled("Ann", (-50.0, 100.0, 600.0, 100.0), (400, 300))
    green = (drawn == draw.KNOWN).all(2)
    assert green[150, 0]
    assert green[150, -1]


def test_letters_are_made_smaller_for_small_pictures() -> None:
    drawn = labelled("Somebody", (5.0, 5.0, 20.0, 20.0), (60, 40))
    assert (drawn == 255).all(2).any()


def test_letters_that_no_font_has_are_named(
    no_other_fonts: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert fonts.readable("Ann Ω أحمد") == "Ann Ω أحمد"
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "knownface"):
        assert fonts.readable("अमित K.") == "A-Ma-I-Ta K."
        assert fonts.readable("李a") == fonts.readable("李a") == "U+674Ea"
    assert len(caplog.records) == 2
    assert "fonts-noto-cjk" in caplog.text
    for name in NAMES:
        shown = fonts.readable(name)
        assert all(fonts.font_of(letter) for letter in shown)
        labelled(name, (100.0, 100.0, 80.0, 90.0), (400, 300))


def test_each_part_has_a_font_with_its_letters() -> None:
    for name in NAMES:
        text = fonts.readable(name)
        parts = fonts.runs(text)
        assert "".join(part for part, _ in parts) == text
        for part, path in parts:
            assert fonts._needed(part) <= fonts._letters(path)


def test_damaged_fonts_are_passed_over(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = f"{tmp_path}/Sans-Regular.ttf"
    with open(bad, "w") as stream:
        stream.write("no font")
    assert fonts._letters(bad) == frozenset()
    assert fonts._letters(f"{tmp_path}/none.ttf") == frozenset()


def test_labels_of_neighbours_hide_neither_each_other_nor_faces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels: list[tuple[float, ...]] = []
    rectangle = draw.ImageDraw.ImageDraw.rectangle

    def seen(self: draw.ImageDraw.ImageDraw, xy: tuple[float, ...], **options: object) -> None:
        if "fill" in options:
            labels.append(xy)
        rectangle(self, xy, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(draw.ImageDraw.ImageDraw, "rectangle", seen)
    boxes = [(100.0 + 40 * i, 140.0, 38.0, 38.0) for i in range(5)]
    faces = tuple(RecognizedFace(box, f"Ann {i}", 0.71, None) for i, box in enumerate(boxes))
    draw.annotate(np.full((400, 400, 3), 128, np.uint8), Recognition("", faces))
    taken = labels + [(x, y, x + w, y + h) for x, y, w, h in boxes]
    for i, (left, top, right, bottom) in enumerate(labels):
        assert not [
            other for other in taken[:i] + taken[i + 1 :]
            if other[0] < right and left < other[2] and other[1] < bottom and top < other[3]
        ]  # fmt: skip
