"""Same person or not: two photos compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.photo import ImageError
from knownface.stats import metrics


@dataclass(frozen=True)
class Verification:
    """Whether two photos show one person, at a threshold whose false-accept rate is known."""

    same: bool
    similarity: float
    threshold: float
    far: float


def verify(
    first: Path,
    second: Path,
    pipeline: FacePipeline,
    threshold: float,
    far: float,
) -> Verification:
    """Compare the largest face of two photos; raises ImageError where one has none."""
    crops = []
    for path in (first, second):
        photo = pipeline.cropper.crop_photo(path)
        if photo.error:
            raise ImageError(photo.error)
        if not photo.faces:
            raise ImageError(f"{path}: no face found; crop closer, or say --faces cropped")
        crops.append(photo.crops[0])
    one, other = pipeline.embedder.embed(np.stack(crops))
    similarity = float(one @ other)
    return Verification(similarity >= threshold, similarity, threshold, far)


def impostor_threshold(embeddings: np.ndarray, labels: np.ndarray, far: float) -> float:
    """The 1:1 threshold at a false-accept rate, over all pairs of different people."""
    similarity = embeddings @ embeddings.T
    different = np.triu(labels[:, None] != labels[None, :], 1)
    if not different.any():
        raise KnownfaceError("a threshold needs photos of at least two people")
    return metrics.threshold_at_far(similarity[different], far)
