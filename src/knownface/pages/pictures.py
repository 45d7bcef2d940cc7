"""Pictures inside a page: one large one, or many small ones in a sheet."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

COLUMNS = 32  # tiles in a row of the sheet
SHEET_PIXELS = 1000 * 80**2  # 1,000 faces, or fewer larger pictures
SHEET_BYTES = 2_500_000  # as JPEG, so that a page stays below 5 MB


def embedded(pixels: np.ndarray, side: int = 800) -> str:
    """RGB uint8 as the address of a JPEG inside a page, at most so many pixels on a side."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    return address_of(_jpeg(image, quality=80))


def _jpeg(image: Image.Image, quality: int) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return data.getvalue()


def address_of(jpeg: bytes) -> str:
    """A JPEG as an address inside a page."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


@dataclass(frozen=True)
class Figure:
    """A picture of the sheet by its number, with a label for screen readers."""

    number: int
    label: str


class FaceSheet:
    """Small square pictures, each embedded once, in one sheet, and shown from everywhere.

    side: in pixels; a multiple of JPEG's 16-pixel blocks, so that neighbours do not bleed.
    """

    columns = COLUMNS

    def __init__(self, side: int = 80) -> None:
        self.side = side
        self._tiles: list[np.ndarray] = []
        self._index: dict[str, int] = {}

    @property
    def full(self) -> bool:
        return (len(self._tiles) + 1) * self.side**2 > SHEET_PIXELS

    @property
    def rows(self) -> int:
        return -(-len(self._tiles) // COLUMNS)

    def get(self, key: str) -> int | None:
        """The number of a picture that was added; None where it was not."""
        return self._index.get(key)

    def add(self, key: str, picture: np.ndarray) -> int | None:
        """The number of an RGB uint8 picture; None where the sheet is full."""
        if key not in self._index and not self.full:
            size = (self.side, self.side)
            tile = ImageOps.pad(Image.fromarray(picture), size, color=(127, 127, 127))
            self._index[key] = len(self._tiles)
            self._tiles.append(np.asarray(tile))
        return self.get(key)

    def figure(self, number: int | None, label: str) -> Figure | None:
        return None if number is None else Figure(number, label)

    @property
    def address(self) -> str:
        """The sheet as a picture inside the page."""
        side = self.side
        sheet = np.full((self.rows * side, COLUMNS * side, 3), 127, np.uint8)
        for i, tile in enumerate(self._tiles):
            y, x = side * (i // COLUMNS), side * (i % COLUMNS)
            sheet[y : y + side, x : x + side] = tile
        for quality in (75, 55, 35):
            data = _jpeg(Image.fromarray(sheet), quality)
            if len(data) <= SHEET_BYTES:
                break
        return address_of(data)
