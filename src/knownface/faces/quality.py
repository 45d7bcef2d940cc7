"""How good a picture of a face is: its size, its sharpness, its light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from knownface.faces.align import crop_matrix
from knownface.faces.face import Crop, Face

# Thresholds: chosen on 800 portraits of 20 people (KNOWNFACE_SHARED/data/people), of which 60 were
# damaged step by step, and MobileFaceNet compared each with its undamaged self. Typical similarity
# with oneself: 0.71 at 24 pixels and 0.55 at 20; 0.78 after a blur of 2 % of the face's side and
# 0.50 after 3 %; 0.88 at a fifth of the light and 0.64 at a tenth.
SMALLEST = 24.0  # pixels, shorter side of the box
# One of the 800 lies below; 98 % of faces blurred by 2 % of their side do.
BLURRED = 0.38
DARK = 50.0  # the darkest of the 800 reaches 77, and each of them at a fifth of its light less
GLARING = 220.0  # the brightest of the 800 has 179

TILTED = 30.0  # degrees off a quarter turn: a head that leans, not a photo on its side
COLOURLESS = 3.0  # mean difference of the channels; JPEG gives a grey photo 0

SHARP_SIDE = 80  # sharpness is judged at this many pixels, or at the face's own if it has fewer
DARKEST_SHARE, BRIGHTEST_SHARE = 10, 90  # percentiles, so that pupils and reflections do not count


@dataclass(frozen=True)
class Quality:
    """One face.

    side: the shorter side of its box, in pixels of the photo.
    sharpness: energy of the finest octave relative to the next; does not depend on size or light.
    dark, bright: luminance (0 to 255) that a tenth of the face lies below, and above.
    grey: whether it has no colour.
    turns: quarter turns clockwise that bring it upright, where it clearly lies or hangs.
    """

    side: float
    sharpness: float
    dark: float
    bright: float
    grey: bool
    turns: int


def measure_quality(crop: np.ndarray, face: Face, geometry: Crop) -> Quality:
    """Judge a uint8 RGB crop (size, size, 3) that shows this face in this geometry."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    edge = len(grey) // 4  # the middle half is skin and features, without hair or background
    dark, bright = np.percentile(
        grey[edge:-edge, edge:-edge], [DARKEST_SHARE, BRIGHTEST_SHARE]
    ).tolist()
    sharp = sharpness(grey, _native_side(face, geometry))
    red, green, blue = cv2.split(crop[edge:-edge, edge:-edge])  # several times as fast as np.ptp
    most, least = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    side, colourless = float(min(face.box[2:])), bool((most - least).mean() < COLOURLESS)
    return Quality(side, sharp, dark, bright, colourless, quarter_turns(face))


def score(quality: Quality) -> float:
    """One number, 0 to 1: how large the face is, against the 112 pixels that networks see, and how
    sharp, against twice what counts as blurred.
    """
    return min(quality.side / 112, 1.0) * min(max(quality.sharpness, 0.0) / (2 * BLURRED), 1.0)


def quarter_turns(face: Face) -> int:
    """From 0 to 3, clockwise, after which the mouth is below the eyes; 0 for a tilted head."""
    if np.isnan(face.landmarks).any():
        return 0
    right, down = face.landmarks[3:].mean(0) - face.landmarks[:2].mean(0)
    turns = float(np.degrees(np.arctan2(right, down))) / 90
    return round(turns) % 4 if abs(turns - round(turns)) * 90 <= TILTED else 0


def nose_share(face: Face) -> float:
    """Where the nose lies between the eyes, 0 at the left one and 1 at the right one; 0.5 frontal.

    Of 980 portraits, 4 % lie outside. NaN where the landmarks are not known or coincide.
    """
    left, right, nose = face.landmarks[:3]
    across = right - left
    wide = float(across @ across)
    return float((nose - left) @ across) / wide if wide > 0 else float("nan")


def sharpness(grey: np.ndarray, native: float) -> float:
    """Finest octave over the next one, of a square (s, s) uint8 picture of `native` photo pixels.

    An enlarged small face has no finest octave, so that it is first brought back to its own size.
    Natural pictures have about equal energy per octave (Field, 1987), and a blur takes the finest
    first; 0.5 % of the whole contrast is added below, so that noise in a flat picture is nothing.
    """
    side = int(np.clip(native, SHARP_SIDE // 3, SHARP_SIDE))
    small = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(small, (0, 0), sigma) for sigma in (1, 2))
    inner = slice(side // 6, -(side // 6))  # without the black outside of the photo
    finest, next_one, whole = (
        float(part[inner, inner].var()) for part in (small - fine, fine - coarse, small)
    )
    return finest / (next_one + 0.005 * whole + 1e-6)


def _native_side(face: Face, geometry: Crop) -> float:
    """How many pixels of the photo lie along one side of the crop."""
    if np.isnan(face.landmarks).any():  # a ready crop was resized as it is
        return float(min(face.box[2:]))
    matrix = crop_matrix(face, geometry)
    return float(geometry.size / max(np.hypot(matrix[0, 0], matrix[1, 0]), 1e-6))
