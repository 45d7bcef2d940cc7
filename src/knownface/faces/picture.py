"""A photo's pixels at the sizes that are asked for, so that few are decoded and fewer moved."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

# A photo is decoded at half its size where that leaves so many pixels: as many as are searched for
# faces. A quarter would save little more, because most of the time goes into the file's codes.
ENOUGH = 1280 * 960
# Standard deviation in pixels. Of 480 faces of 60 to 500 pixels in 60 photos of 12 megapixels YuNet
# found 407 in float32, as with averages by area, and 406 without; in bfloat16 407, 410 and 405.
SMOOTHED = 0.5
MOST_SIDE = 32_000  # `cv2.warpAffine` counts pixels in 16 bits
# At most, of several kinds of 119 million pixels: 7 for plain JPEG and 16-bit grey, 8 for PNG with
# alpha, 11 for JPEG that is turned, 16 for WebP.
BYTES_PER_PIXEL = 16
Decode = Callable[[int], np.ndarray]


class Picture:
    """One photo, upright RGB uint8; for one thread.

    width, height: of the whole. decode: its pixels (height, width, 3) at 1 / factor of the size.
    factor: 1, or 2 where it can be decoded at half its size and that is mostly enough.
    """

    def __init__(
        self, width: int, height: int, decode: Decode | None = None, factor: int = 1
    ) -> None:
        self.width, self.height, self.factor = width, height, factor
        self._decode = decode
        self._levels: dict[int, np.ndarray] = {}
        self._reduced: dict[float, np.ndarray] = {}

    @property
    def memory(self) -> int:
        """Bytes that decoding it and finding its faces take at most; 0 where the pixels are there
        already.
        """
        return self.width * self.height * BYTES_PER_PIXEL if self._decode else 0

    @classmethod
    def of(cls, pixels: np.ndarray) -> Picture:
        """Of pixels that are there."""
        picture = cls(pixels.shape[1], pixels.shape[0])
        picture._levels[1] = pixels
        return picture

    def start(self) -> None:
        """Decode, as far as is mostly enough; raises what decoding raises."""
        self._level(self.factor)

    def whole(self) -> np.ndarray:
        """(height, width, 3)."""
        return self._level(1)

    def reduced(self, scale: float) -> np.ndarray:
        """The whole at a scale of at most 1, averaged."""
        if scale == 1.0:
            return self.whole()
        if scale not in self._reduced:
            factor = self.factor
            while scale * factor * 2 <= 1 and min(self.width, self.height) >= 4 * factor:
                factor *= 2
            size = (max(1, round(self.width * scale)), max(1, round(self.height * scale)))
            source = self._level(factor if scale * factor <= 1 else 1)
            self._reduced[scale] = shrunk(source, size)
        return self._reduced[scale]

    def cut(self, matrix: np.ndarray, size: int, enlarged: float = 1.0) -> np.ndarray:
        """A part as (size, size, 3), by a 2 x 3 similarity from the whole's pixels; black outside.

        enlarged: how often a pixel of the half may be drawn before the whole is decoded for it.
        The pixels are the same whatever else was looked at before.
        """
        scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        factor = self.factor if scale * self.factor <= enlarged else 1
        while scale * factor * 2 <= 1 and min(self.width, self.height) >= 4 * factor:
            factor *= 2
        middle = (factor - 1) / 2  # of the pixels that are one pixel there
        to_whole = np.array([[factor, 0, middle], [0, factor, middle], [0, 0, 1]])
        return warp(self._level(factor), matrix @ to_whole, size)

    def _level(self, factor: int) -> np.ndarray:
        if factor not in self._levels:
            decode = self._decode if factor in (1, self.factor) else None
            self._levels[factor] = decode(factor) if decode else halved(self._level(factor // 2))
        return self._levels[factor]


def halved(pixels: np.ndarray) -> np.ndarray:
    """The mean of four pixels each; an odd last row or column is left out."""
    height, width = (max(1, side // 2) for side in pixels.shape[:2])
    even = pixels[: 2 * height, : 2 * width]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))


def shrunk(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """At most of this width and height, averaged.

    From a half to the whole, neighbours that are mixed by their distance are an average, too, once
    they are smoothed a little, in a third of the time that averaging by area takes.
    """
    if min(size[0] / pixels.shape[1], size[1] / pixels.shape[0]) < 0.5:
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    smooth = cv2.GaussianBlur(pixels, (3, 3), SMOOTHED)
    return np.asarray(cv2.resize(smooth, size, interpolation=cv2.INTER_LINEAR))


def resized(pixels: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1.0:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    if scale < 1:
        return shrunk(pixels, size)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Apply a 2 x 3 similarity: (size, size, 3). Strong reductions are averaged, not sampled."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if 0 < scale < 0.5 or max(image.shape) > MOST_SIDE:
        image, matrix = _reduced(image, matrix, size, min(1.0, scale * 2))
    return np.asarray(
        cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    )


def _reduced(
    image: np.ndarray, matrix: np.ndarray, size: int, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image that the crop shows, shrunk by area to `factor`, and its matrix."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]]) @ inverse.T
    height, width = image.shape[:2]
    pad = 2 / factor
    left, top = np.clip(np.floor(corners.min(0) - pad), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(
        np.ceil(corners.max(0) + pad), [left + 1, top + 1], [width, height]
    ).astype(int)
    part = image[top:bottom, left:right]
    target = (max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor)))
    small = shrunk(part, target)
    # Pixel centres: x in the photo is (x_small + 0.5) * part_width / small_width - 0.5 + left.
    scale = np.array([part.shape[1] / target[0], part.shape[0] / target[1]])
    offset = 0.5 * scale - 0.5 + [left, top]
    to_photo = np.array([[scale[0], 0, offset[0]], [0, scale[1], offset[1]], [0, 0, 1]])
    return small, matrix @ to_photo
