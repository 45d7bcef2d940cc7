"""What a face looks like from further away: the same crop with fewer pixels."""

from __future__ import annotations

import cv2
import numpy as np

from knownface.embed.embedder import Embedder
from knownface.files.rows import Rows
from knownface.progress import Track, silent
from knownface.stats.vectors import unit_length

# Pixels that are left of a crop. Of 28 and 40 pixels besides, templates gained nothing more on
# faces of 20 and 14 (docs/comparison.md).
SIZES = (20, 14)
TOGETHER = 256  # crops whose views are held at once


def small_views(
    embedder: Embedder, crops: Rows, embeddings: np.ndarray, track: Track = silent
) -> np.ndarray:
    """Embeddings (n, d) that faces which show little are compared with: unit length.

    Each is the mean of the photo's own, embeddings (n, d), and of those of the crop with fewer
    pixels: crops (n, size, size, 3) uint8. Of two networks that is the first one's half, and the
    other half what the second one makes of the photo, mirrored, too: it has learned such faces.
    """
    sums = np.array(embeddings, np.float32)
    parts = range(0, len(crops), TOGETHER)
    for start in track(parts, "Looking from further away", len(parts)):
        some = np.asarray(crops[start : start + TOGETHER])
        for size in SIZES:
            views = np.stack([reduced(crop, size) for crop in some])
            sums[start : start + len(some)] += embedder.embed(views, second=False)
        if embedder.two:
            whole = embedder.embed(some, mirrored=True, second=True)
            rows, half = slice(start, start + len(some)), whole.shape[1] // 2
            sums[rows] = np.hstack([unit_length(sums[rows, :half]), unit_length(whole[:, half:])])
    return unit_length(sums)


def reduced(crop: np.ndarray, size: int) -> np.ndarray:
    """A crop (n, n, 3) as a camera that has `size` pixels for it would give it, enlarged again."""
    small = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC))
