"""Whether a face shows enough for anybody to be recognised, by what the network makes of it.

Networks put faces that show too little into one place, whoever they belong to (Deng, Lin, Shi and
Veldhuis, "Harnessing unrecognizable faces for improving face recognition", 2021, arXiv:2106.04112).
A face that is near the middle of that place is not unknown: nobody can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np

from knownface.faces.face import Crop, Face
from knownface.faces.quality import BLURRED, SMALLEST, measure_quality, nose_share
from knownface.files.rows import Rows
from knownface.files.values import Must
from knownface.stats.vectors import unit_length

# Crops reduced to so many pixels show nobody: of 20 people, MobileFaceNet tells 12 % at 10 pixels,
# where chance is 5 %, and 31 % at 14.
SEEN = 9
SAMPLE = 256  # crops that are spoiled to find the middle of what shows nobody
LOST = 0.005  # of the people's own photos, lie at or below `least`
FEWEST = 5  # photos, from which the spread of the people's own is known

Finite = Must("finite numbers of unit length", lambda v: abs(math.hypot(*v) - 1) < 1e-3)


@dataclass(frozen=True)
class Recognizability:
    """The middle of what shows nobody, and how far from it a face has to be.

    centre: (d,) of unit length; least: 1 - cosine, from 0 to 2.
    """

    centre: Annotated[list[float], Finite]
    least: Annotated[float, Must("from -2 to 2", lambda least: -2 <= least <= 2)]

    @classmethod
    def measure(
        cls, embed: Callable[[np.ndarray], np.ndarray], crops: Rows, embeddings: np.ndarray
    ) -> Recognizability | None:
        """From the people's photos: uint8 crops (n, size, size, 3) and their embeddings (n, d).

        None where they are too few. The limit is where one in 1 / LOST of such photos would lie, if
        their distances are normal, with the doubt of few photos (a prediction bound of Student's).
        """
        from scipy.special import stdtrit

        count = len(embeddings)
        if count < FEWEST:
            return None
        rows = np.linspace(0, count - 1, min(count, SAMPLE)).astype(int)
        spoiled = embed(np.stack([_spoiled(np.asarray(crops[row])) for row in rows.tolist()]))
        centre = unit_length(spoiled.mean(0, keepdims=True))[0]
        centre = np.round(centre, 5)
        distances = 1 - embeddings @ centre
        wide = distances.std(ddof=1) * math.sqrt(1 + 1 / count)
        least = float(distances.mean() + stdtrit(count - 1, LOST) * wide)
        return cls(centre.astype(float).tolist(), max(least, -2.0))

    def too_poor(self, embeddings: np.ndarray) -> np.ndarray:
        """(k,) whether unit-length embeddings (k, d) show too little."""
        return np.asarray(1 - embeddings @ np.array(self.centre, np.float32) < self.least)


def why_too_poor(face: Face, crop: np.ndarray, geometry: Crop) -> str:
    """In a word, what is the matter with a face that shows too little."""
    quality = measure_quality(crop, face, geometry)
    if quality.side < SMALLEST:
        return "too small"
    if quality.sharpness < BLURRED:
        return "blurred"
    return "unclear" if 0 <= nose_share(face) <= 1 else "turned away"


def _spoiled(crop: np.ndarray) -> np.ndarray:
    small = cv2.resize(crop, (SEEN, SEEN), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[1::-1]))
