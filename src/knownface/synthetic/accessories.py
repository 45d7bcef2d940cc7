"""What people wear or hold before their faces: layers over the head."""

from __future__ import annotations

import cv2
import numpy as np

from knownface.synthetic.canvas import (
    MIDDLE,
    SCALE,
    SHAPE,
    any_colour,
    blur,
    edge,
    layer,
    noise,
    over,
    pixels,
    shaded,
    units,
)

# Half width, half height and roundness (2 is an ellipse, more is squarer), in units.
FRAMES = ((14.0, 11.0, 2.4), (15.0, 9.5, 4.0), (13.0, 12.0, 2.0), (15.5, 11.0, 5.0))
FRAME_COLOURS = np.array(
    [[0.05, 0.05, 0.06], [0.25, 0.15, 0.08], [0.55, 0.45, 0.25], [0.3, 0.05, 0.1], [0.1, 0.15, 0.3]]
)


def paint_glasses(
    landmarks: np.ndarray, frame: int, colour: np.ndarray, thickness: float, dark: bool
) -> np.ndarray:
    """Glasses on the eyes. landmarks: (5, 2) in units; dark: sunglasses."""
    width, height, power = FRAMES[frame]
    if dark:
        width, height = width + 2, height + 2
    x, y = units()
    rim = np.zeros(SHAPE, np.float32)
    lens = np.zeros(SHAPE, np.float32)
    for eye in landmarks[:2]:
        radius = np.abs((x - eye[0]) / width) ** power + np.abs((y - eye[1] - 1) / height) ** power
        inside = (1 - radius ** (1 / power)) * height
        lens = np.maximum(lens, edge(inside))
        rim = np.maximum(rim, edge(thickness / 2 - np.abs(inside)))
    left, right = landmarks[0], landmarks[1]
    bars = np.array(
        [
            [left[0] + width, left[1] - 2, right[0] - width, right[1] - 2],
            [left[0] - width, left[1] - 3, MIDDLE - 46, left[1] - 5],
            [right[0] + width, right[1] - 3, MIDDLE + 46, right[1] - 5],
        ]
    ).reshape(3, 2, 2)
    for start, end in np.rint(pixels(bars) * 16).astype(int).tolist():
        cv2.line(rim, start, end, 1.0, round(thickness * SCALE), cv2.LINE_AA, 4)
    glare = np.clip((x - y * 0.6) % 60 / 60 - 0.75, 0, 1) * 0.5
    tint = np.dstack([glare + 0.04] * 3) if dark else np.ones((*SHAPE, 3), np.float32)
    glass = layer(tint, lens * (0.93 if dark else 0.04 + 0.25 * glare))
    shadow = layer(np.zeros(3), np.roll(blur(rim, 2), 3, axis=0) * 0.3)
    return over(layer(colour, rim), over(glass, shadow))


def paint_hat(rng: np.random.Generator, width: float) -> np.ndarray:
    """A cap with a peak, or a knitted hat. width: half of the head's, in units."""
    x, y = units()
    off = (x - MIDDLE) / (width + 5)
    colour = any_colour(rng, 0.05, 0.7)
    crown = 1 - np.abs(off) ** 2.4 - np.clip((26 - y) / 58, 0, None) ** 2.4
    if rng.random() < 0.5:
        rim = 14 - 8 * off**2
        dome = edge(np.minimum(crown * 30, rim - y), 1.5)
        tone = 1 + 0.05 * np.sin(off * 9) - 0.3 * off**2 + 0.03 * noise(rng, SHAPE, 1)
        peak = 1 - (off / 0.92) ** 2 - ((y - rim - 1 - 5 * off**2) / 7) ** 2
        brim = layer(colour * 0.7, edge(peak * 8, 1.0))
        shadow = layer(np.zeros(3), blur(np.roll(brim[..., 3], 12, axis=0), 4) * 0.5)
        return over(brim, over(layer(shaded(colour, tone), dome), shadow))
    rim = 20 - 5 * off**2
    ribs = 1 + 0.14 * np.sin(np.arcsin(np.clip(off, -1, 1)) * 40)
    fold = 1 + 0.2 * ((rim - y) < 15) - 0.3 * np.exp(-(((rim - y - 15) / 1.5) ** 2))
    tone = ribs * fold * (1 - 0.35 * off**2)
    return layer(shaded(colour, tone), edge(np.minimum(crown * 30, rim - y), 1.5))


def paint_mask(rng: np.random.Generator, landmarks: np.ndarray, chin: float) -> np.ndarray:
    """A medical mask over nose and mouth."""
    x, y = units()
    off = np.abs(x - MIDDLE)
    top = landmarks[2, 1] - 6 + 0.006 * off**2
    inside = np.minimum(np.minimum(y - top, chin + 2 - y - 0.012 * off**2), 37 - off)
    colour = ([0.62, 0.76, 0.86], [0.93, 0.94, 0.94], [0.12, 0.12, 0.13])[rng.integers(3)]
    pleats = 1 - 0.10 * np.exp(-(((y - top) % 11 - 5) ** 2) / 2) - 0.0001 * off**2
    strap = edge(0.7 - np.abs(y - top - 2 + (off - 36) * 0.5), 0.8) * (off > 34) * (off < 46)
    bands = layer(np.array([0.85, 0.85, 0.85]), np.asarray(strap, np.float32))
    return over(layer(shaded(np.array(colour), pleats), edge(inside, 1.5)), bands)


def paint_hand(rng: np.random.Generator, skin: np.ndarray) -> np.ndarray:
    """A hand before the chin or a cheek. skin: its colour, (3,)."""
    side = rng.choice([-1, 1])
    palm = np.array([MIDDLE + side * rng.uniform(14, 34), rng.uniform(126, 136)], np.float32)
    x, y = units()
    paint = np.zeros((*SHAPE, 4), np.float32)
    for finger in range(4):
        place = finger - 1.5
        rise = np.array([place * 1.5 - side * rng.uniform(2, 6), -rng.uniform(20, 30)], np.float32)
        base = palm + np.array([place * 8.5, abs(place) * 2 - 6], np.float32)
        inside = 4.6 - distance_to_line(base, base + rise)
        tone = 0.72 + 0.32 * np.clip(inside / 3.5, 0, 1)
        paint = over(layer(shaded(skin, tone), edge(inside)), paint)
    inside = 21 - np.hypot(x - palm[0], (y - palm[1] - 12) * 0.8)
    tone = 0.75 + 0.27 * np.clip(inside / 8, 0, 1)
    return over(paint, layer(shaded(skin, tone), edge(inside)))


def distance_to_line(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of every pixel to the line from a to b, (2,) each, in units."""
    x, y = units()
    step = b - a
    along = ((x - a[0]) * step[0] + (y - a[1]) * step[1]) / (step**2).sum()
    along = np.clip(along, 0, 1)
    return np.asarray(np.hypot(x - a[0] - along * step[0], y - a[1] - along * step[1]))
