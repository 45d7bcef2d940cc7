"""Same person or not: pairs of photos, and the published protocols that test it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from knownface.dataset.pairs import Pairs, read_pairs
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.face import PhotoFaces
from knownface.options import BackboneName, Device, FacesMode, Licence, Option, Weights
from knownface.progress import Track, silent
from knownface.stats import metrics

log = logging.getLogger(__name__)

FARS = (0.001, 0.01, 0.1)


@dataclass(frozen=True)
class Benchmark:
    """The result of a verification protocol; `skipped` pairs had a photo without a usable face.

    published: accuracy by protocol that the authors of the backbone's weights state.
    """

    accuracy: float
    accuracy_std: float
    folds: list[float]
    eer: float
    tar_at_far: dict[str, float]
    pairs: int
    skipped: int
    threshold: float
    backbone: str = ""
    device: str = ""
    published: Mapping[str, float] = field(default_factory=dict)


def benchmark(
    pairs: Annotated[
        Path | str,
        Option("A pair list as of LFW or MFR2, or CFP's Protocol/Split/FF or FP.", "--pairs"),
    ],
    images: Annotated[
        Path | str, Option("The folder with name/name_0001.jpg, or CFP's Data.", "--images")
    ],
    *,
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    faces: FacesMode = "detect",
    device: Device = "auto",
    track: Track = silent,
) -> Benchmark:
    """A published verification protocol: accuracy over folds, TAR at FAR, equal error rate.

    Raises KnownfaceError for unusable data or options.
    """
    listed = read_pairs(Path(pairs), Path(images))
    record, pipeline = frozen_pipeline(backbone, weights, accept_license, faces, device, track)
    log.info("Backbone: %s, device: %s", record.name, pipeline.embedder.device)
    return replace(
        run_benchmark(listed, pipeline, track),
        backbone=record.name,
        device=pipeline.embedder.device,
        published=dict(record.published),
    )


def run_benchmark(pairs: Pairs, pipeline: FacePipeline, track: Track = silent) -> Benchmark:
    """Accuracy of each fold at the threshold that the other folds choose (Huang et al., 2007).

    In a photo with several faces, the one nearest its centre is meant. Raises KnownfaceError where
    too few pairs are usable.
    """
    embeddings = np.zeros((len(pairs.paths), pipeline.embedder.width), np.float32)
    usable = np.zeros(len(pairs.paths), bool)
    first = ""
    for i, each in enumerate(pipeline.embed_photos(pairs.paths, track)):
        if each.photo.faces:
            embeddings[i], usable[i] = each.embeddings[_central(each.photo)], True
        first = first or each.photo.error or f"{each.photo.path}: no face found"
    if not usable.any():
        raise KnownfaceError(f"None of {len(usable)} photos can be used; the first: {first}")
    kept = usable[pairs.left] & usable[pairs.right]
    left, right, same = pairs.left[kept], pairs.right[kept], pairs.same[kept]
    if same.all() or not same.any() or len(np.unique(pairs.folds[kept])) < 2:
        raise KnownfaceError("too few usable pairs: the protocol needs both kinds, in two folds")
    scores = np.sum(embeddings[left].astype(np.float64) * embeddings[right], axis=1)
    accuracies, thresholds = metrics.cross_validated_accuracy(scores, same, pairs.folds[kept])
    return Benchmark(
        accuracy=float(accuracies.mean()),
        accuracy_std=float(accuracies.std()),
        folds=accuracies.tolist(),
        eer=metrics.equal_error_rate(scores, same),
        tar_at_far={f"{far:g}": metrics.tar_at_far(scores, same, far) for far in FARS},
        pairs=len(scores),
        skipped=int((~kept).sum()),
        threshold=float(thresholds.mean()),
    )


def _central(photo: PhotoFaces) -> int:
    """The face whose centre is nearest to that of the photo."""
    assert photo.size is not None
    middle = np.array(photo.size) / 2
    centres = [(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in photo.faces]
    return int(np.linalg.norm(np.array(centres) - middle, axis=1).argmin())
