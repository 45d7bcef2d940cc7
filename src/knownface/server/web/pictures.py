"""Faces as the screens show them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from knownface.faces.portrait import PORTRAIT, encode

AROUND = 1.5  # of a face's box: what its picture shows
BLACK = 16  # up to which a pixel beside the photo may be after JPEG
EDGE = 2  # pixels that JPEG mixes with it


def cut(photo: np.ndarray, x: float, y: float, w: float, h: float) -> np.ndarray:
    """A square around a box of a photo (height, width, 3), moved and made smaller to lie in it."""
    side = round(min(AROUND * max(w, h), *photo.shape[:2]))
    left = round(min(max(x + w / 2 - side / 2, 0), photo.shape[1] - side))
    top = round(min(max(y + h / 2 - side / 2, 0), photo.shape[0] - side))
    return photo[top : top + side, left : left + side]


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
    return encode(cut(photo, corner - left, corner - top, side, side))
