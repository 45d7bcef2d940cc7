"""From the painted layers to a photo: pose, light, framing, and what cameras do to pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from knownface.synthetic.canvas import HEIGHT, LEFT, MIDDLE, SCALE, TOP, WIDTH, blur, units

DEPTH = 38.0  # of a head before its rim, in units
PIVOT = 14.0  # depth of the axis around which a head turns
NECK = 128.0  # y of the point around which a head leans


@dataclass(frozen=True)
class Pose:
    """turn, nod and lean in degrees; shift: of the head, (2,) in units."""

    turn: float
    nod: float
    lean: float
    shift: tuple[float, float] = (0.0, 0.0)


@cache
def head_depth() -> np.ndarray:
    """The depth of every pixel of a general head looking ahead, SHAPE, in units."""
    x, y = units()
    bowl = 1 - ((x - MIDDLE) / 52) ** 2 - ((y - 42) / 90) ** 2
    nose = 8 * np.exp(-(((x - MIDDLE) / 6) ** 2) - ((y - 70) / 9) ** 2)
    bridge = 4 * np.exp(-(((x - MIDDLE) / 5) ** 2) - ((y - 56) / 10) ** 2)
    eyes = 3 * np.exp(-(((np.abs(x - MIDDLE) - 18) / 8) ** 2) - ((y - 51) / 5) ** 2)
    depth = DEPTH * np.clip(bowl, 0, 1) + nose + bridge - eyes
    return np.asarray(cv2.GaussianBlur(depth, (0, 0), 2.5), np.float32)


@cache
def soft_depth() -> np.ndarray:
    """The same without sharp features, for light."""
    return blur(head_depth(), 5)


def pose_maps(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """For every pixel of the posed sheet, the pixel of the painted one: for `cv2.remap`."""
    x, y = units()
    lean = math.radians(pose.lean)
    dx, dy = x - MIDDLE - pose.shift[0], y - NECK - pose.shift[1]
    to_x = MIDDLE + math.cos(lean) * dx + math.sin(lean) * dy
    to_y = NECK - math.sin(lean) * dx + math.cos(lean) * dy
    turn, nod = math.radians(pose.turn), math.radians(pose.nod)
    from_x, from_y = to_x, to_y
    for _ in range(5):  # x' = cos x + sin z, solved for x by fixed point
        pixel_x, pixel_y = (from_x - LEFT) * SCALE, (from_y - TOP) * SCALE
        z = cv2.remap(head_depth(), pixel_x, pixel_y, cv2.INTER_LINEAR) - PIVOT
        z *= np.clip((NECK + 8 - from_y) / 30, 0, 1)  # what hangs on the shoulders stays there
        from_x = MIDDLE + (to_x - MIDDLE - math.sin(turn) * z) / math.cos(turn)
        from_y = 60 + (to_y - 60 - math.sin(nod) * z) / math.cos(nod)
    return (from_x - LEFT) * SCALE, (from_y - TOP) * SCALE


def posed(layer: np.ndarray, maps: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.asarray(cv2.remap(layer, *maps, cv2.INTER_LINEAR))


def lit(
    layer: np.ndarray, maps: tuple[np.ndarray, np.ndarray], light: np.ndarray, strength: float
) -> np.ndarray:
    """Shade a posed layer by a lamp in direction light (3,): right, down, towards the camera."""
    z = posed(soft_depth(), maps)
    slope_x = cv2.Sobel(z, cv2.CV_32F, 1, 0, scale=SCALE / 8)
    slope_y = cv2.Sobel(z, cv2.CV_32F, 0, 1, scale=SCALE / 8)
    facing = (light[2] - slope_x * light[0] - slope_y * light[1]) / np.sqrt(
        1 + slope_x**2 + slope_y**2
    )
    shade = 1 + strength * (blur(np.clip(facing, -0.2, 1), 3) - light[2])
    *colours, alpha = cv2.split(layer)
    shade = np.clip(shade, 0.1, 1.8)
    return np.asarray(cv2.merge([*(np.minimum(c * shade, alpha) for c in colours), alpha]))


# ---------------------------------------------------------------- taking the picture
@dataclass(frozen=True)
class Shot:
    """How a photo is taken.

    centre: (2,) and side: of the square that is seen, in units; size: of the photo in pixels.
    defocus, motion: blur in units. reduced: pixels per side it once had, 0 for all of them.
    noise: deviation. warmth: from blue -1 to orange 1. quality: of the JPEG.
    """

    centre: tuple[float, float]
    side: float
    size: tuple[int, int]
    exposure: float = 1.0
    gamma: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    warmth: float = 0.0
    defocus: float = 0.0
    motion: float = 0.0
    reduced: int = 0
    noise: float = 0.0
    quality: int = 90


def take(image: np.ndarray, shot: Shot, rng: np.random.Generator) -> np.ndarray:
    """RGB float (height, width, 3) of the sheet to RGB uint8 of `shot.size` (width, height)."""
    photo = developed(framed(image, shot), shot)
    pixels_per_unit = shot.size[0] / shot.side
    if shot.defocus:
        photo = blur(photo, shot.defocus * pixels_per_unit)
    if shot.motion:
        photo = moved(photo, shot.motion * pixels_per_unit, rng.uniform(0, np.pi))
    grain = rng.standard_normal(photo.shape, np.float32)
    grain += cv2.merge([rng.standard_normal(photo.shape[:2], np.float32)] * 3)
    photo = photo + 0.7 * shot.noise * grain
    if shot.reduced:
        ratio = shot.reduced / min(shot.size)
        small = cv2.resize(photo, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        photo = cv2.resize(small, shot.size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.rint(np.clip(photo, 0, 1) * 255), np.uint8)


def framed(image: np.ndarray, shot: Shot) -> np.ndarray:
    """The part of the sheet that is seen, enlarged or reduced."""
    width, height = shot.size
    scale = width / (shot.side * SCALE)
    corner_x = (shot.centre[0] - shot.side / 2 - LEFT) * SCALE
    corner_y = (shot.centre[1] - shot.side * height / width / 2 - TOP) * SCALE
    corner_x = np.clip(corner_x, 0, max(0, WIDTH * SCALE - width / scale))
    corner_y = np.clip(corner_y, 0, max(0, HEIGHT * SCALE - height / scale))
    matrix = np.array([[scale, 0, -corner_x * scale], [0, scale, -corner_y * scale]])
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 / scale)
    return np.asarray(
        cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    )


def developed(image: np.ndarray, shot: Shot) -> np.ndarray:
    """Exposure, white balance, tone curve and colour."""
    balance = np.array([1 + 0.22 * shot.warmth, 1.0, 1 - 0.28 * shot.warmth]) * shot.exposure
    planes = [plane * float(gain) for plane, gain in zip(cv2.split(image), balance, strict=True)]
    photo = np.clip(cv2.merge(planes), 0, None) ** shot.gamma
    photo = 0.5 + (photo - 0.5) * shot.contrast
    grey = cv2.merge([cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)] * 3)
    return np.asarray(grey + (photo - grey) * shot.saturation, np.float32)


def moved(photo: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Motion blur along a straight line, in pixels."""
    size = 2 * int(length / 2) + 3
    kernel = np.zeros((size, size), np.float32)
    half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    ends = [np.rint((size // 2 + sign * half) * 16).astype(int).tolist() for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(photo, -1, kernel / kernel.sum()))
