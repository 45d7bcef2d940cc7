"""Photos with a box and a name around every face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from knownface.recognition.fonts import readable, runs

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition, RecognizedFace

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom

KNOWN, UNKNOWN = (30, 140, 60), (200, 60, 30)
LINES = 4  # of labels, above and below a face, among which a free one is looked for
LONGEST = 40  # letters of a name
SMALLEST, PADDING = 6, 2  # pixels: of letters, and around them


def annotate(image: np.ndarray, recognition: Recognition) -> np.ndarray:
    """A copy of an RGB photo with a box and a name around every face, all of it inside."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 400))
    for face in recognition.faces:
        left, top, right, bottom = face.corners(picture.width - 1, picture.height - 1)
        colour = KNOWN if face.name else UNKNOWN
        draw.rectangle((left, top, right, bottom), outline=colour, width=width)
    boxes = [face.corners(*picture.size) for face in recognition.faces]
    labels: list[Rectangle] = []
    for face in recognition.faces:
        labels.append(_draw_label(draw, picture.size, face, labels, boxes))
    return np.asarray(picture)


def _draw_label(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    face: RecognizedFace,
    labels: Sequence[Rectangle],
    boxes: Sequence[Rectangle],
) -> Rectangle:
    """Where it lies: above the face, below it, or farther off, else over it.

    labels, boxes: of other faces; the first place that hides neither is taken, or hides few.
    """
    name = readable(face.name or face.reason or "unknown")
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    text = f"{name} {face.similarity:.2f}"
    letters = max(12, round(max(size) / 50))
    while (box := _extent(text, letters)) and letters > SMALLEST and not _fits(box, size):
        letters -= 1
    wide, ascent, descent = box
    high = ascent + descent + 2 * PADDING
    x, top, _, bottom = face.corners(*size)
    x = max(0.0, min(x, size[0] - wide - 2 * PADDING))
    places = [y for i in range(LINES) for y in (top - high * (i + 1), bottom + 1 + high * i)]
    inside = [y for y in places if 0 <= y <= size[1] - high]
    here = [(x, y, x + wide + 2 * PADDING - 1, y + high - 1) for y in inside]
    over = max(0.0, min(top, size[1] - high))
    label = min(
        here,
        key=lambda place: (_hides(place, labels), _hides(place, boxes)),
        default=(x, over, x + wide + 2 * PADDING - 1, over + high - 1),
    )
    draw.rectangle(label, fill=KNOWN if face.name else UNKNOWN)
    x, y = label[:2]
    x, y = x + PADDING, y + PADDING + ascent
    for part, path in runs(text):
        font = _font(path, letters)
        draw.text((x, y), part, fill="white", font=font, anchor="ls")
        x += font.getlength(part)
    return label


def _hides(place: Rectangle, others: Sequence[Rectangle]) -> int:
    """How many of the others a place overlaps."""
    left, top, right, bottom = place
    return sum(x < right and left < x2 and y < bottom and top < y2 for x, y, x2, y2 in others)


def _extent(text: str, letters: int) -> tuple[float, int, int]:
    """Width, and height above and below the base line, in pixels, at a size of letters."""
    wide, ascent, descent = 0.0, 0, 0
    for part, path in runs(text):
        font = _font(path, letters)
        wide += font.getlength(part)
        _, top, _, bottom = font.getbbox(part, anchor="ls")
        ascent, descent = max(ascent, -int(top)), max(descent, int(bottom))
    return wide, ascent, descent


def _fits(extent: tuple[float, int, int], size: tuple[int, int]) -> bool:
    wide, ascent, descent = extent
    return wide + 2 * PADDING <= size[0] and ascent + descent + 2 * PADDING <= size[1]


@lru_cache(maxsize=64)
def _font(path: str, letters: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, letters)
