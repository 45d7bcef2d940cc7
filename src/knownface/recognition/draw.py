"""Photos with a box and a name around every face."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from knownface.recognition.fonts import readable, runs

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition, RecognizedFace

KNOWN, UNKNOWN = (30, 140, 60), (200, 60, 30)
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
        _draw_label(draw, picture.size, face, colour)
    return np.asarray(picture)


def _draw_label(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], face: RecognizedFace, colour: tuple[int, ...]
) -> None:
    """Above the face where there is room, else below it, else over it."""
    name = readable(face.name or face.reason or "unknown")
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    text = f"{name} {face.similarity:.2f}"
    letters = max(12, round(max(size) / 50))
    while (box := _extent(text, letters)) and letters > SMALLEST and not _fits(box, size):
        letters -= 1
    wide, ascent, descent = box
    high = ascent + descent + 2 * PADDING
    x, top, _, bottom = face.corners(*size)
    y = next((y for y in (top - high, bottom + 1) if 0 <= y <= size[1] - high), top)
    x = max(0.0, min(x, size[0] - wide - 2 * PADDING))
    y = max(0.0, min(y, size[1] - high))
    draw.rectangle((x, y, x + wide + 2 * PADDING - 1, y + high - 1), fill=colour)
    x, y = x + PADDING, y + PADDING + ascent
    for part, path in runs(text):
        font = _font(path, letters)
        draw.text((x, y), part, fill="white", font=font, anchor="ls")
        x += font.getlength(part)


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
