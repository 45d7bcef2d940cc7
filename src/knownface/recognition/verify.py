"""Same person or not: two photos compared."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.photo import ImageError
from knownface.options import (
    BackboneName,
    Device,
    FacesMode,
    Licence,
    Option,
    Weights,
    argument,
    checked,
    share,
)
from knownface.progress import Track, silent
from knownface.recognition.recognizer import Recognizer
from knownface.stats import metrics

log = logging.getLogger(__name__)


Photo = Annotated[Path | str, Option(flag="PHOTO")]
Rate = Annotated[float | None, share("False-accept rate of the threshold.", 0.001)]


@dataclass(frozen=True)
class Verification:
    """Whether two photos show one person, at a threshold whose false-accept rate is known."""

    same: bool
    similarity: float
    threshold: float
    far: float


def verify(
    first: Photo,
    second: Photo,
    *,
    recognizer: Annotated[
        Path | str | Recognizer | None,
        Option("Use this recogniser's network and people instead."),
    ] = None,
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    far: Rate = None,
    faces: FacesMode = "detect",
    device: Device = "auto",
    track: Track = silent,
) -> Verification:
    """Do two photos show the same person? Compares the largest face of each.

    recognizer: use its network and people instead of a backbone and what was measured with it.
    far: false-accept rate of the threshold; None is 1 % with a recogniser, else 0.1 %.
    Raises KnownfaceError for unusable photos or options.
    """
    far = checked("far", Rate, far)
    if recognizer is not None:
        loaded = Recognizer.given(recognizer, device)
        gallery, pipeline = loaded.gallery, loaded.pipeline(track)
        rate = 0.01 if far is None else far
        threshold = impostor_threshold(gallery.embeddings, gallery.labels, rate)
    else:
        record, pipeline = frozen_pipeline(backbone, weights, accept_license, faces, device, track)
        log.info("Backbone: %s, device: %s", record.name, pipeline.embedder.device)
        rate = 0.001 if far is None else far
        threshold = record.verification_threshold(rate)
    similarity = compare_photos(Path(first), Path(second), pipeline)
    return Verification(similarity >= threshold, similarity, threshold, rate)


def compare_photos(first: Path, second: Path, pipeline: FacePipeline) -> float:
    """The cosine of the largest face of two photos; raises ImageError where one has none."""
    crops = []
    for path in (first, second):
        photo = pipeline.cropper.crop_photo(path)
        if photo.error:
            raise ImageError(photo.error)
        if not photo.faces:
            raise ImageError(
                f"{path}: no face found; crop closer, or say {argument('faces', 'cropped')}"
            )
        crops.append(photo.crops[0])
    one, other = pipeline.embedder.embed(np.stack(crops))
    return float(one @ other)


def impostor_threshold(embeddings: np.ndarray, labels: np.ndarray, far: float) -> float:
    """The 1:1 threshold at a false-accept rate, over all pairs of different people."""
    similarity = embeddings @ embeddings.T
    different = np.triu(labels[:, None] != labels[None, :], 1)
    if not different.any():
        raise KnownfaceError("a threshold needs photos of at least two people")
    return metrics.threshold_at_far(similarity[different], far)
