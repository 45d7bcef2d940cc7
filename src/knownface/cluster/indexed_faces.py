"""The faces of an index, as those of photos that were looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.cluster.index import FACES, PHOTOS, RECORD, Index, Terms
from knownface.cluster.index_rows import numbers_of
from knownface.errors import KnownfaceError
from knownface.faces.face import Face
from knownface.faces.find import SUFFIXES, is_system
from knownface.faces.portrait import frame_in_portrait, frame_of_crop
from knownface.options import FacesMode, argument
from knownface.recognition.living.records import SeenFace

if TYPE_CHECKING:
    import pyarrow as pa


def is_index(source: str | Path) -> bool:
    """Whether a source is an index: a folder that holds one, or the address of an object store.

    Photos, and folders of people, may have a file of that name beside them.
    """
    if "://" in str(source):
        return True
    if not (Path(source) / RECORD).is_file():
        return False
    _, folders, files = next(os.walk(source), ("", [], []))
    people = [each for each in folders if each not in (PHOTOS, FACES) and not is_system(each)]
    photos = [each for each in files if Path(each).suffix.lower() in SUFFIXES]
    return not people and not photos


def terms_of(indices: Sequence[Index], backbone: str) -> tuple[str, FacesMode]:
    """The network of indices, and whether their photos were searched for faces."""
    terms = indices[0].terms
    for index in indices[1:]:
        if index.terms.contract != terms.contract:
            raise KnownfaceError(
                f"{index.place.name}: of another network than {indices[0].place.name}, so that "
                "their faces cannot be compared; make one of the two again"
            )
    if backbone not in ("auto", terms.backbone):
        raise KnownfaceError(
            f"{argument('backbone', backbone)}: {indices[0].place.name} is of {terms.backbone}; "
            "leave it out, or make the index again"
        )
    return terms.backbone, "detect" if terms.detector else "cropped"


def faces_of(index: Index, known: AbstractSet[str]) -> Iterator[list[SeenFace]]:
    """The faces of all photos whose digests are not known, as they lie in the index."""
    for batch in index.faces():
        new = [digest not in known for digest in batch["digest"].to_pylist()]
        if any(new):
            yield _seen(batch.filter(new), index.terms)


def _seen(batch: pa.RecordBatch, terms: Terms) -> list[SeenFace]:
    """One face for each row."""
    embeddings, boxes, points = (
        numbers_of(batch[name]) for name in ("embedding", "box", "landmarks")
    )
    names = ("score", "quality", "photo", "digest", "portrait", "taken")
    sizes = zip(*(batch[name].to_pylist() for name in ("photo_width", "photo_height")), strict=True)
    rows = zip(*(batch[name].to_pylist() for name in names), sizes, strict=True)
    seen = []
    for at, (score, quality, photo, digest, portrait, taken, size) in enumerate(rows):
        face = Face(tuple(boxes[at].tolist()), points[at].reshape(5, 2), score)
        whole = np.isnan(face.landmarks).any()  # a ready crop
        frame = frame_of_crop(terms.crop) if whole else frame_in_portrait(face)
        seen.append(
            SeenFace(
                np.array(embeddings[at]), face.box, size, quality, photo, digest, portrait, frame,
                score, face.landmarks, taken,
            )
        )  # fmt: skip
    return seen
