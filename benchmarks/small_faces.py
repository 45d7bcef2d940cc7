"""How many small faces does YuNet find in large photos, and in what time?

    python benchmarks/small_faces.py PHOTOS HEADS [--count 150] [--seed 7]

One to three heads, from the pictures in HEADS and its folders, are pasted into each of so many
photos of PHOTOS, at random places, after the photo was enlarged to 1.3, 3, 6 or 12 megapixels: 18
to 120 pixels long in 1.3 megapixels, and in the others the same share of the photo; then noise of 3
grey levels. Prints, by the length that a head has where the photo's longest side has 512 pixels,
how many were found, faces in all, and the processor time of a photo with its decoding left out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from knownface.faces.detectors import load_detector
from knownface.faces.detectors.candidates import overlaps
from knownface.faces.photo import read_image
from knownface.faces.picture import Picture

SIZES = (1.3e6, 3e6, 6e6, 12e6)
LONGEST = 512  # pixels of a photo's longest side at YuNet's first look
LIMITS = (8, 12, 16, 24, 32, 48)  # pixels of a head there
NOISE = 3.0


def pasted(
    photo: np.ndarray, heads: list[Path], rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """The photo enlarged, with heads in it, and where these are: x, y, width, height."""
    pixels = float(rng.choice(SIZES))
    scale = float(np.sqrt(pixels / (photo.shape[0] * photo.shape[1])))
    photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    places: list[tuple[int, int, int, int]] = []
    for _ in range(rng.integers(1, 4)):
        head = read_image(heads[rng.integers(len(heads))])
        length = rng.uniform(18, 120) * np.sqrt(pixels / SIZES[0])
        share = length / max(head.shape[:2])
        head = cv2.resize(head, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        height, width = head.shape[:2]
        y = int(rng.integers(0, photo.shape[0] - height))
        x = int(rng.integers(0, photo.shape[1] - width))
        photo[y : y + height, x : x + width] = head
        place = (x, y, width, height)
        apart = overlaps(np.reshape(places, (-1, 4)), np.array(place)) == 0
        places = [*(each for each, kept in zip(places, apart, strict=True) if kept), place]
    noisy = photo + rng.normal(0, NOISE, photo.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), places


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("heads", type=Path)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    photos = [read_image(path) for path in sorted(given.photos.iterdir())]
    heads = sorted(given.heads.glob("**/*.jpg"))
    detector = load_detector()
    found = np.zeros((len(LIMITS) + 1, 2), int)
    faces, times = 0, []
    for _ in range(given.count):
        photo, places = pasted(photos[rng.integers(len(photos))], heads, rng)
        started = time.process_time()
        seen = detector.find_faces(Picture.of(photo))
        times.append(time.process_time() - started)
        faces += len(seen)
        middles = [(face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2) for face in seen]
        for x, y, width, height in places:
            row = int(np.digitize(max(width, height) * LONGEST / max(photo.shape), LIMITS))
            there = any(x < a < x + width and y < b < y + height for a, b in middles)
            found[row] += there, 1
    names = [f"less than {LIMITS[0]}", *(f"from {limit}" for limit in LIMITS)]
    for name, (right, count) in zip(names, found.tolist(), strict=True):
        print(f"heads of {name} pixels: {right} of {count} found")
    print(f"{faces} faces in {given.count} photos, {1000 * float(np.mean(times)):.1f} ms each")


if __name__ == "__main__":
    main()
