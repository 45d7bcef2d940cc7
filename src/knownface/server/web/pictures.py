"""Faces as the screens show them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from knownface.faces.portrait import PORTRAIT, encode

AROUND = 1.5  # of a face's box: what its picture shows
BLACK = 16  # up to which a pixel beside the photo may be after JPEG
EDGE = 2  # pixels that JPEG mixes with it
GREY = 127  # beside the photo, as in the pictures of the other pages

Box = tuple[float, float, float, float]


def inside(box: Box, width: int, height: int) -> Box:
    """What of a box (x, y, width, height) lies in a photo of that size: at least one pixel."""
    x, y, w, h = box
    left, top = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    right, bottom = min(max(x + w, left + 1), width), min(max(y + h, top + 1), height)
    return left, top, right - left, bottom - top


def cut(photo: np.ndarray, box: Box) -> np.ndarray:
    """A square around what a photo (height, width, 3) shows of a box.

    It is made smaller, down to the box, and moved to lie in the photo, but never so far that the
    middle of the box leaves its middle third: then grey is put beside the photo.
    """
    height, width = photo.shape[:2]
    x, y, w, h = inside(box, width, height)
    middle_x, middle_y, longest = x + w / 2, y + h / 2, max(w, h)
    near = min(middle_x, middle_y, width - middle_x, height - middle_y)
    side = max(1, round(min(AROUND * longest, max(longest, 3 * near), width, height)))
    left, top = _begin(middle_x, side, width), _begin(middle_y, side, height)
    shown = photo[max(top, 0) : top + side, max(left, 0) : left + side]
    square = np.full((side, side, 3), GREY, photo.dtype)
    down, right = max(-top, 0), max(-left, 0)
    square[down : down + shown.shape[0], right : right + shown.shape[1]] = shown
    return square


def _begin(middle: float, side: int, length: int) -> int:
    """Where a side around a point begins on an axis of a photo; below 0: before the photo."""
    begin = min(max(middle - side / 2, 0), length - side)
    return round(min(max(begin, middle - side * 2 / 3), middle - side / 3))


def close_up(portrait: bytes) -> bytes:
    """The face of a kept portrait, large, without the black beside the photo; JPEG to JPEG.

    What training kept is the network's own crop, smaller, and filled by the face: it stays.
    """
    pixels = np.asarray(Image.open(io.BytesIO(portrait)).convert("RGB"))
    if pixels.shape[:2] != (PORTRAIT.size, PORTRAIT.size):
        return portrait
    red, green, blue = np.moveaxis(pixels[EDGE:-EDGE, EDGE:-EDGE], 2, 0) > BLACK
    there = red | green | blue
    rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    if len(rows) < 8 * EDGE or len(columns) < 8 * EDGE:
        return portrait
    top, left = rows[0] + 2 * EDGE, columns[0] + 2 * EDGE  # what is half black goes, too
    photo = pixels[top : rows[-1] + 1, left : columns[-1] + 1]
    side = PORTRAIT.size / (1 + PORTRAIT.margin)
    corner = (PORTRAIT.size - side) / 2
    return encode(cut(photo, (corner - left, corner - top, side, side)))
