"""The verb: who of an index looks like a face."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from knownface.cluster.index import Index
from knownface.cluster.index_rows import numbers_of
from knownface.embed.frozen import frozen_pipeline
from knownface.errors import KnownfaceError
from knownface.faces.photo import ImageError
from knownface.options import (
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

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

Box = tuple[float, float, float, float]
SHOWN = ("photo", "face", "box")
Top = Annotated[
    int,
    Option(
        "Most faces that are shown for each face.",
        wanted="between 1 and 10000",
        fits=lambda top: 1 <= top <= 10_000,
    ),
]
Rate = Annotated[float, share("False-accept rate of the threshold, for each comparison.", 0.0001)]


@dataclass(frozen=True)
class Hit:
    """A face of the index. box: (x, y, width, height) in pixels of its photo; face: its number."""

    photo: str
    face: int
    box: Box
    similarity: float


@dataclass(frozen=True)
class FaceSearch:
    """A face of the photo, and those of the index that look like it, the most similar first."""

    box: Box
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class Search:
    """What was found for each face of a photo, the largest first.

    compared: how many faces of the index each was compared with. far: the false-accept rate of the
    threshold for one comparison; `by_chance`: how many faces of strangers are expected above it.
    """

    photo: str
    faces: tuple[FaceSearch, ...]
    threshold: float
    far: float
    compared: int
    seconds: float

    @property
    def by_chance(self) -> float:
        return self.far * self.compared


def search(
    index: Annotated[str | Path, Option("What `knownface index` made.", flag="INDEX")],
    photo: Annotated[Path | str, Option("Whom to look for.", flag="PHOTO")],
    *,
    top: Top = 10,
    far: Rate = 0.0001,
    weights: Weights = None,
    accept_license: Licence = False,
    faces: FacesMode = "detect",
    device: Device = "auto",
    track: Track = silent,
) -> Search:
    """Who of an index looks like the faces of a photo, in memory that does not grow with the index.

    top: of the faces that reach the threshold, so many of the most similar. far: false-accept rate
    of the threshold, as it was measured between two photos of different people. faces: `cropped`
    where the photo is a ready crop. Raises KnownfaceError for unusable photos, options and indices.
    """
    top, far = checked("top", Top, top), checked("far", Rate, far)
    start = time.perf_counter()
    known = Index.open(index)
    terms = known.terms
    record, pipeline = frozen_pipeline(
        terms.backbone, weights, accept_license, faces, device, track
    )
    if pipeline.embedder.contract(pipeline.cropper.crop) != terms.contract:
        raise KnownfaceError(
            f"{known.place.name}: its faces were embedded by other weights of {terms.backbone}; "
            f"give the same with {argument('weights', ...)}"
        )
    log.info("Backbone: %s, device: %s", record.name, pipeline.embedder.device)
    threshold = record.verification_threshold(far)
    found = pipeline.cropper.crop_photo(Path(photo))
    if found.error:
        raise ImageError(found.error)
    if not found.faces:
        raise ImageError(
            f"{photo}: no face found; crop closer, or say {argument('faces', 'cropped')}"
        )
    probes = pipeline.embedder.embed(found.crops, mirrored=terms.mirrored)
    hits = _most_similar(known, probes, top, threshold, track)
    answers = (FaceSearch(face.box, each) for face, each in zip(found.faces, hits, strict=True))
    seconds = round(time.perf_counter() - start, 3)
    return Search(str(photo), tuple(answers), threshold, far, known.face_count, seconds)


def _most_similar(
    index: Index, probes: np.ndarray, top: int, threshold: float, track: Track
) -> list[tuple[Hit, ...]]:
    """For each of the probes (k, d): its hits, the most similar first.

    Of faces as similar as each other, those come first that stand first by photo and number.
    """
    best: list[list[Hit]] = [[] for _ in probes]
    for similarity, batch in _similarities(index, probes, track):
        for hits, row in zip(best, similarity, strict=True):
            least = hits[-1].similarity if len(hits) == top else threshold
            rows = np.flatnonzero(row >= least)
            if len(rows) > top:  # those that are no more similar than the last of them, too
                least = np.partition(row[rows], -top)[-top]
                rows = rows[row[rows] >= least]
            hits += [_hit(batch, int(i), float(row[i])) for i in rows]
            hits.sort(key=lambda hit: (-hit.similarity, hit.photo, hit.face))
            del hits[top:]
    return [tuple(hits) for hits in best]


def _similarities(
    index: Index, probes: np.ndarray, track: Track
) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
    """Cosines (k, n) of the probes (k, d) with some faces of the index, and these faces."""
    from threadpoolctl import threadpool_limits

    probe_columns = np.ascontiguousarray(probes.T)
    for batch in index.faces([*SHOWN, "embedding"], track):
        with threadpool_limits(1, "blas"):  # several would wait for each other most of the time
            similarities = numbers_of(batch["embedding"]) @ probe_columns
        yield similarities.T, batch


def _hit(batch: pa.RecordBatch, row: int, similarity: float) -> Hit:
    x, y, width, height = batch["box"][row].as_py()
    photo, face = batch["photo"][row].as_py(), batch["face"][row].as_py()
    return Hit(photo, face, (x, y, width, height), similarity)
