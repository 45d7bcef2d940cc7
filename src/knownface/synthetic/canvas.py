"""The sheet on which portraits are painted, and what every painter of a layer needs.

A unit is one pixel of a five-point crop of SIZE x SIZE pixels; the crop's corner is the origin,
so that the eyes lie at (38, 52) and (74, 52) before anybody moves. Layers are float32 RGBA with
colours already multiplied by alpha, (height, width, 4), all in [0, 1].
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import ArrayLike

SCALE = 1.5  # pixels per unit
WIDTH, HEIGHT = 240, 252  # in units: head and shoulders
LEFT, TOP = -64, -66  # the sheet's corner, in units
SHAPE = (int(HEIGHT * SCALE), int(WIDTH * SCALE))
MIDDLE = 56.0  # x of the face's axis


@cache
def units() -> tuple[np.ndarray, np.ndarray]:
    """The x and y of every pixel, in units: two arrays of SHAPE, float32; not to be written to."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    return x / SCALE + LEFT, y / SCALE + TOP


def pixels(points: np.ndarray) -> np.ndarray:
    """Units (..., 2) to pixels of the sheet."""
    return (np.asarray(points, np.float32) - [LEFT, TOP]) * SCALE


def edge(distance: np.ndarray, softness: float = 0.8) -> np.ndarray:
    """Alpha from the distance inside a shape, in units: 0 outside, 1 inside."""
    return np.asarray(np.clip(distance / softness + 0.5, 0, 1), np.float32)


def shaded(image: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """A colour (3,), or an image (height, width, 3), times brightness (height, width).

    Plane by plane, which is several times faster than broadcasting over three channels.
    """
    planes = image.tolist() if image.ndim == 1 else cv2.split(image)
    return np.asarray(cv2.merge([np.asarray(tone * plane, np.float32) for plane in planes]))


def layer(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A layer of one colour (3,), or of an image (height, width, 3), under an alpha."""
    return np.asarray(cv2.merge([shaded(np.clip(colour, 0, 1), alpha), alpha]))


def over(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Lay a layer on another, or on an opaque image (height, width, 3)."""
    planes = cv2.split(top)
    keep = 1 - planes[3]
    return np.asarray(
        cv2.merge([t + b * keep for t, b in zip(planes, cv2.split(bottom), strict=False)])
    )


def blended(front: np.ndarray, back: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`share` (height, width) of one image, the rest of another."""
    return np.asarray(back + shaded(front - back, share))


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, in pixels; wide ones are computed on a smaller image."""
    if sigma <= 6:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma))
    height, width = image.shape[:2]
    factor = min(int(sigma / 3), 8)
    size = (max(width // factor, 1), max(height // factor, 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def noise(
    rng: np.random.Generator, shape: tuple[int, int], sigma: float | tuple[float, float]
) -> np.ndarray:
    """Smooth noise of mean 0 and deviation 1; sigma in pixels, or (across, down)."""
    across, down = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    step = max(1, int(min(across, down) / 2))
    size = (shape[0] // step + 1, shape[1] // step + 1)
    white = rng.standard_normal(size, np.float32)
    values = cv2.GaussianBlur(white, (0, 0), across / step, sigmaY=down / step)
    values = (values - values.mean()) / (values.std() + 1e-6)
    if step == 1:
        return np.asarray(values[: shape[0], : shape[1]])
    return np.asarray(cv2.resize(values, shape[::-1], interpolation=cv2.INTER_LINEAR))


def any_colour(rng: np.random.Generator, low: float = 0.1, high: float = 0.95) -> np.ndarray:
    """A muted colour, (3,)."""
    grey = rng.uniform(low, high)
    return np.asarray(np.clip(grey + rng.normal(0, 0.10, 3), 0.02, 1), np.float32)


def tinted(rng: np.random.Generator, colour: ArrayLike, spread: float) -> np.ndarray:
    """A colour near another, (3,)."""
    return np.asarray(np.asarray(colour) + rng.normal(0, spread, 3), np.float32)
