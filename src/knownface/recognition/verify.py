"""Same person or not: two photos compared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.face import PhotoFaces
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

Box = tuple[float, float, float, float]
Photo = Annotated[Path | str, Option(flag="PHOTO")]
Rate = Annotated[float | None, share("False-accept rate of the threshold.", 0.001)]


@dataclass(frozen=True)
class Verification:
    """Whether two photos show one person, at a threshold whose false-accept rate is known.

    faces: how many were found in each photo; boxes: (x, y, width, height), in pixels, of the two
    that were compared.
    """

    same: bool
    similarity: float
    threshold: float
    far: float
    faces: tuple[int, int] = (1, 1)
    boxes: tuple[Box, Box] | None = None


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
    """Do two photos show the same person? Of several faces, compares the pair most alike.

    recognizer: use its network and people instead of a backbone and what was measured with it.
    far: false-accept rate of the threshold; None is 1 % with a recogniser, else 0.1 %. Of several
        pairs of faces, each has its part of the rate.
    Raises KnownfaceError for unusable photos or options.
    """
    far = checked("far", Rate, far)
    threshold_at: Callable[[float], float]
    if recognizer is not None:
        loaded = Recognizer.given(recognizer, device)
        gallery, pipeline = loaded.gallery, loaded.pipeline(track)
        rate = 0.01 if far is None else far
        threshold_at = partial(impostor_threshold, gallery.embeddings, gallery.labels)
    else:
        record, pipeline = frozen_pipeline(backbone, weights, accept_license, faces, device, track)
        log.info("Backbone: %s, device: %s", record.name, pipeline.embedder.device)
        rate = 0.001 if far is None else far
        threshold_at = record.verification_threshold
    threshold_at(rate)  # what stands against it is said before the photos are read
    photos = [_with_faces(Path(path), pipeline) for path in (first, second)]
    one, other = (
        pipeline.embedder.embed(photo.crops, mirrored=pipeline.mirrored) for photo in photos
    )
    scores = one @ other.T
    similarity, threshold = float(scores.max()), threshold_at(rate / scores.size)
    return Verification(
        similarity >= threshold, similarity, threshold, rate,
        faces=(len(one), len(other)), boxes=_best_pair(photos, scores),
    )  # fmt: skip


def _best_pair(photos: Sequence[PhotoFaces], scores: np.ndarray) -> tuple[Box, Box]:
    """Where the two faces are, and a line for a photo that has others; scores: (k, l)."""
    i, j = np.unravel_index(scores.argmax(), scores.shape)
    boxes = photos[0].faces[i].box, photos[1].faces[j].box
    for photo, box in zip(photos, boxes, strict=True):
        if len(photo.faces) > 1:
            where = ", ".join(f"{value:.0f}" for value in box)
            log.info("%s: %d faces; compared is [%s]", photo.path, len(photo.faces), where)
    return boxes


def _with_faces(path: Path, pipeline: FacePipeline) -> PhotoFaces:
    """Every face of a photo; raises ImageError where there is none."""
    photo = pipeline.cropper.crop_photo(path)
    if photo.error:
        raise ImageError(photo.error)
    if not photo.faces:
        raise ImageError(
            f"{path}: no face found; crop closer, or say {argument('faces', 'cropped')}"
        )
    return photo


def impostor_threshold(embeddings: np.ndarray, labels: np.ndarray, far: float) -> float:
    """The 1:1 threshold at a false-accept rate, over all pairs of different people."""
    similarity = embeddings @ embeddings.T
    different = np.triu(labels[:, None] != labels[None, :], 1)
    if not different.any():
        raise KnownfaceError("a threshold needs photos of at least two people")
    return metrics.threshold_at_far(similarity[different], far)
