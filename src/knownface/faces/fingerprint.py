"""Copies of a picture: saved again, resized, recoloured, mirrored, or cut differently."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from knownface.files.rows import Rows
from knownface.runtime.processors import processors

# Two photos whose 256-bit difference hashes differ in at most this many bits are one picture.
# On 800 portraits without near-duplicates the closest pair differs in 53.
NEAR_DUPLICATE_BITS = 26
COMPARED = 500_000  # pairs of photos compared at once, a few MB
PORTRAIT = 56  # side of the small grey crops that are laid over each other
EDGE = 14  # only the middle of one is looked for: a copy may be cut close to the face
NEIGHBOURS = 3  # a copy is among the most similar faces, so that the work grows with n
# Correlation after one crop was moved, turned and scaled onto the other. On 800 portraits, 60 of
# them also copied with up to 10 % cut off each side: copies reach 0.994 or more, nine pairs
# that were there before 0.990 or more, and the closest different pictures 0.987.
SAME_PICTURE = 0.99
# Correlation without turning and scaling: 60 cut, mirrored and grey copies and nine in 800
# portraits reach 0.84 or more, and half of the pairs of one person's other photos less than 0.75.
WORTH_TURNING = 0.75
WORTH_TURNING_BACK = 0.9  # below this, the opposite direction does not reach SAME_PICTURE either
EVERYWHERE = np.ones((PORTRAIT, PORTRAIT), np.uint8)
STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 8, 1e-4)  # copies settle in 5


def small_portrait(crop: np.ndarray) -> np.ndarray:
    """What `find_copies` keeps of a crop: (PORTRAIT, PORTRAIT) uint8."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (PORTRAIT, PORTRAIT), interpolation=cv2.INTER_AREA))


Mirrored = bool  # whether one of two copies shows the picture as in a mirror


def find_copies(
    fingerprints: np.ndarray, portraits: Rows, embeddings: np.ndarray, alike: float
) -> dict[tuple[int, int], Mirrored]:
    """Pairs (i, j), i < j, of different photos that are one picture, in order.

    fingerprints: (n, 32) uint8 of whole photos, no two alike, which find copies of one framing.
    portraits: (n, PORTRAIT, PORTRAIT) uint8 and embeddings: (n, d) unit length, of the faces,
        which find copies cut differently; alike: cosine from which two faces are compared.
    """
    pairs = dict.fromkeys(near_duplicates(fingerprints), False)
    cut = sorted(_most_similar(embeddings, alike) - pairs.keys())
    with ThreadPoolExecutor(processors()) as pool:
        same = pool.map(lambda pair: same_picture(*(portraits[i] for i in pair)), cut)
        for pair, mirrored in zip(cut, same, strict=True):
            if mirrored is not None:
                pairs[pair] = mirrored
    return dict(sorted(pairs.items()))


def same_picture(first: np.ndarray, second: np.ndarray) -> Mirrored | None:
    """Do two small grey portraits show one picture, mirrored, moved, turned or scaled a little?

    None where they do not, else whether it is mirrored.
    """
    other_way = np.ascontiguousarray(second[:, ::-1])
    plain, turned = _overlap(first, second), _overlap(first, other_way)
    if max(plain, turned) < WORTH_TURNING:
        return None
    mirrored = turned > plain
    second = other_way if mirrored else second
    found = _correlation(first, second)
    if WORTH_TURNING_BACK <= found < SAME_PICTURE:
        found = _correlation(second, first)
    return mirrored if found >= SAME_PICTURE else None


def _most_similar(embeddings: np.ndarray, alike: float) -> set[tuple[int, int]]:
    count = min(NEIGHBOURS, len(embeddings) - 1)
    pairs: set[tuple[int, int]] = set()
    if count < 1:
        return pairs
    for start, stop in blocks(len(embeddings)):
        cosine = embeddings[start:stop] @ embeddings.T
        rows = np.arange(len(cosine))
        cosine[rows, start + rows] = -1
        for _ in range(count):
            nearest = cosine.argmax(1)
            close = np.flatnonzero(cosine[rows, nearest] >= alike)
            ends = np.sort(np.stack([start + close, nearest[close]], 1), 1)
            pairs |= set(map(tuple, ends.tolist()))
            cosine[rows, nearest] = -1
    return pairs


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Best correlation of the middle of `first` with a part of `second` that was only moved."""
    middle = first[EDGE:-EDGE, EDGE:-EDGE]
    return float(cv2.matchTemplate(second, middle, cv2.TM_CCOEFF_NORMED).max())


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Best correlation of the middle of `first` with a part of `second` (Evangelidis, 2008)."""
    middle = first[EDGE:-EDGE, EDGE:-EDGE]
    start = np.array([[1, 0, EDGE], [0, 1, EDGE]], np.float32)
    try:
        found, motion = cv2.findTransformECC(
            middle, second, start, cv2.MOTION_AFFINE, STEPS, EVERYWHERE, 3
        )
    except cv2.error:  # the two are so different that the search does not settle
        return 0.0
    return float(found) if 0.7 < np.linalg.det(np.asarray(motion)[:, :2]) < 1.3 else 0.0


def fingerprint(image: np.ndarray) -> np.ndarray:
    """256-bit difference hash (N. Krawetz's dHash at 16 x 16): (32,) uint8.

    Each bit says whether a pixel of the shrunk grey photo is brighter than its left neighbour,
    so that it survives re-compression, scaling and a change of brightness.
    """
    small = cv2.resize(image, (17, 16), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1])


def near_duplicates(fingerprints: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of (n, 32) uint8 fingerprints within NEAR_DUPLICATE_BITS."""
    bits = np.unpackbits(fingerprints, axis=1).astype(np.float32)
    pairs: list[tuple[int, int]] = []
    ones = bits.sum(1)
    for start, stop in blocks(len(bits)):
        distance = ones[start:stop, None] + ones - 2 * bits[start:stop] @ bits.T
        rows, columns = np.nonzero(distance <= NEAR_DUPLICATE_BITS)
        pairs += [
            (start + int(r), int(c)) for r, c in zip(rows, columns, strict=True) if start + r < c
        ]
    return pairs


def blocks(count: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of rows to compare with all `count` at once, in bounded memory."""
    rows = max(1, COMPARED // max(count, 1))
    return ((start, start + rows) for start in range(0, count, rows))
