"""What surrounds a head: backgrounds, shoulders and clothes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from knownface.synthetic.canvas import (
    MIDDLE,
    SHAPE,
    any_colour,
    blur,
    edge,
    layer,
    noise,
    over,
    shaded,
    tinted,
    units,
)

SIZE = (SHAPE[0] // 2, SHAPE[1] // 2)  # of backgrounds, which are out of focus anyway
Scene = Callable[[np.random.Generator], np.ndarray]


def paint_background(rng: np.random.Generator) -> np.ndarray:
    """An opaque image (height, width, 3) of one of several kinds of places, out of focus."""
    scene = SCENES[rng.integers(len(SCENES))](rng).astype(np.float32) * rng.uniform(0.7, 1.15)
    scene = blur(np.clip(scene, 0, 1).astype(np.float32), float(rng.uniform(0.7, 4)))
    large = cv2.resize(scene, SHAPE[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[:, ::-1] if rng.random() < 0.5 else large)


# ---------------------------------------------------------------- places
def places() -> tuple[np.ndarray, np.ndarray]:
    """The x and y of a background's pixels, in units."""
    x, y = units()
    return x[::2, ::2][: SIZE[0], : SIZE[1]], y[::2, ::2][: SIZE[0], : SIZE[1]]


def gradient(rng: np.random.Generator) -> np.ndarray:
    x, y = places()
    angle = rng.uniform(0, 2 * np.pi)
    along = np.clip(0.5 + (np.cos(angle) * (x - MIDDLE) + np.sin(angle) * (y - 60)) / 240, 0, 1)
    first, second = any_colour(rng), any_colour(rng)
    return np.asarray(first + along[..., None] * (second - first))


def wall(rng: np.random.Generator) -> np.ndarray:
    """A room: a wall with pictures, a window or a door."""
    image = gradient(rng) * 0.3 + 0.7 * any_colour(rng, 0.4, 0.9)
    image += 0.02 * noise(rng, SIZE, 3)[..., None]
    for _ in range(rng.integers(2, 6)):
        corner = rng.integers(-30, [SIZE[1], SIZE[0]])
        far = corner + rng.integers(25, 130, 2)
        cv2.rectangle(image, corner.tolist(), far.tolist(), any_colour(rng, 0.05, 0.3).tolist(), -1)
        inner = any_colour(rng, 0.2, 1.0).tolist()
        cv2.rectangle(image, (corner + 3).tolist(), (far - 3).tolist(), inner, -1)
    return image


def lights(rng: np.random.Generator) -> np.ndarray:
    """Evening lights far out of focus."""
    image = gradient(rng) * 0.35
    for _ in range(rng.integers(15, 45)):
        glow = np.zeros((*SIZE, 3), np.float32)
        centre = rng.integers(0, [SIZE[1], SIZE[0]]).tolist()
        colour = (any_colour(rng, 0.3, 0.9) * [1.1, 0.9, 0.7]).tolist()
        cv2.circle(glow, centre, int(rng.integers(4, 17)), colour, -1, cv2.LINE_AA)
        image = image + glow * 0.5
    return image


def landscape(rng: np.random.Generator) -> np.ndarray:
    """Sky, hills and a meadow."""
    _, y = places()
    sky = tinted(rng, (0.55, 0.72, 0.92), 0.05) * rng.uniform(0.7, 1.1)
    image = sky + (y[..., None] + 60) / 700 + 0.05 * noise(rng, SIZE, (20, 8))[..., None]
    for level in sorted(rng.uniform(-10, 130, 3)):
        ridge = float(level) + 12 * noise(rng, (1, SIZE[1]), 15)[0]
        green = tinted(rng, (0.22, 0.36, 0.16), 0.03) * rng.uniform(0.5, 1.6)
        hill = green * (1 + 0.25 * noise(rng, SIZE, 2)[..., None])
        image = over(layer(hill, edge(y - ridge, 2)), image)
    return image


def leaves(rng: np.random.Generator) -> np.ndarray:
    """A hedge or a tree: light and dark patches."""
    tone = noise(rng, SIZE, 4) + 0.7 * noise(rng, SIZE, 10) + 0.4 * noise(rng, SIZE, 1.5)
    green = tinted(rng, (0.28, 0.42, 0.17), 0.07)
    return np.asarray(green * np.exp(0.45 * tone)[..., None])


def shelves(rng: np.random.Generator) -> np.ndarray:
    """Rows of books, or of goods in a shop."""
    image = np.ones((*SIZE, 3), np.float32) * any_colour(rng, 0.1, 0.4)
    height = int(rng.integers(28, 60))
    for top in range(-int(rng.integers(0, 30)), SIZE[0], height):
        left = 0
        while left < SIZE[1]:
            right = left + int(rng.integers(4, 16))
            start = top + int(rng.integers(4, 15))
            colour = any_colour(rng).tolist()
            cv2.rectangle(image, (left, start), (right, top + height - 4), colour, -1)
            left = right + 1
    return np.asarray(image)


def houses(rng: np.random.Generator) -> np.ndarray:
    """A street front with rows of windows."""
    image = np.ones((*SIZE, 3), np.float32) * any_colour(rng, 0.3, 0.8)
    step_x, step_y = (int(v) for v in rng.integers(22, 55, 2))
    start_x, start_y = (int(v) for v in rng.integers(-20, 10, 2))
    for top in range(start_y, SIZE[0], step_y):
        for left in range(start_x, SIZE[1], step_x):
            colour = any_colour(rng, 0.05, 0.45).tolist()
            far = (left + step_x * 6 // 10, top + step_y * 7 // 10)
            cv2.rectangle(image, (left, top), far, colour, -1)
    return np.asarray(image * (0.8 + 0.2 * gradient(rng)))


SCENES: tuple[Scene, ...] = (gradient, wall, wall, lights, landscape, leaves, shelves, houses)


# ---------------------------------------------------------------- shoulders
def paint_torso(rng: np.random.Generator, skin: np.ndarray, width: float) -> np.ndarray:
    """Neck, shoulders and clothes: a layer. skin: (3,); width: half of the head's, in units."""
    x, y = units()
    off = np.abs(x - MIDDLE)
    slope = 130 + rng.uniform(26, 40) * (off / 70) ** 1.5
    neck_width = width * 0.73 + 0.0025 * np.clip(y - 100, 0, 60) ** 2
    neck = edge(np.minimum(neck_width - off, y - 70), 1.5)
    shoulders = edge(y - slope, 1.5)
    under_chin = 0.62 + 0.33 * np.clip((y - 112) / 30, 0, 1)
    round_ = 1 - 0.35 * np.clip(off / neck_width, 0, 1) ** 3 * (y < slope)
    body = layer(shaded(skin, under_chin * round_), np.maximum(neck, shoulders))
    return over(paint_clothes(rng, slope, off, y), body)


def paint_clothes(
    rng: np.random.Generator, slope: np.ndarray, off: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """A shirt with a round, a pointed or a high neckline, plain or striped."""
    kind = rng.integers(3)
    depth, reach = ((15, 27), (34, 25), (-4, 40))[kind]
    opening = np.clip(1 - (off / reach) ** (2 if kind == 0 else 1), 0, 1)
    cover = edge(np.minimum(y - slope + 3, y - 130 - depth * opening), 1.5)
    if kind == 2:  # a collar that stands up around the neck
        cover = np.maximum(cover, edge(np.minimum(31 - off + (y - 129) * 0.2, y - 122), 1.5))
    folds = 1 + 0.10 * noise(rng, SHAPE, (8, 26)) + 0.03 * noise(rng, SHAPE, 1)
    colour = tinted(rng, any_colour(rng, 0.05, 0.95), 0.08)
    cloth = shaded(np.clip(colour, 0.03, 0.97), folds)
    if rng.random() < 0.3:
        wave = np.sin((y if rng.random() < 0.5 else off) * rng.uniform(0.4, 1.2))
        cloth = over(layer(any_colour(rng), edge(wave, 0.4)), cloth)
    shade = 1 - 0.45 * np.exp(-np.clip(y - 125, 0, None) / 9) * (off < 34)
    return layer(shaded(cloth, shade), np.asarray(cover, np.float32))
