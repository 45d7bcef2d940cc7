"""The nouns of this package: a face, the crop of it that a network sees, a photo with its faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, Protocol

import numpy as np

from knownface.faces.picture import Picture
from knownface.files.values import Must
from knownface.progress import Track


@dataclass(frozen=True)
class Face:
    """One face, in pixels of the photo.

    box: (x, y, width, height), numbers of float32.
    landmarks: (5, 2) float32, x and y of the eye, eye, nose tip, mouth corner, mouth corner, the
        one on the left of the picture first.
    score: the detector's confidence in [0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray = field(repr=False)
    score: float

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]


class Detector(Protocol):
    """Finds faces, in any thread, and in any process that it is pickled to or forked into.

    `name` is part of the key under which crops are cached. file: what it runs on, for a recogniser
    to carry; None where that comes with the installation.
    """

    name: str

    @property
    def file(self) -> Path | None: ...

    def find_faces(self, picture: Picture) -> list[Face]:
        """All faces of a photo, in its pixels, the largest first."""
        ...


@dataclass(frozen=True)
class FoundFaces:
    """Faces that were found before, and need not be looked for again.

    where: what keeps them, for errors. detector: the name of what found them; None where photos
        are ready crops. photos: all faces of each, the largest first, by the digest of the file.
    """

    where: str
    detector: str | None
    photos: Mapping[str, tuple[Face, ...]] = field(repr=False)


@dataclass(frozen=True)
class DetectorRecord:
    """One way to find faces.

    rank: the lowest is tried first.
    load: with its file where that is known already, else with one found or fetched; raises
        WeightError where it cannot be had, DamagedFile where what is here is not it.
    instead: what is said where it stands in for a better one.
    """

    name: str
    rank: int
    load: Callable[[Track, Path | None], Detector]
    instead: str = ""


def whole_image(picture: Picture) -> Face:
    """A ready face crop as one `Face`: its box is the image, its landmarks are not known (NaN)."""
    box = (0.0, 0.0, float(picture.width), float(picture.height))
    return Face(box, np.full((5, 2), np.nan, np.float32), 1.0)


@dataclass(frozen=True)
class Crop:
    """What a backbone sees of a face.

    kind: `five_point` maps the landmarks onto the template by a similarity; `box` takes the square
        around the detector's box.
    size: side of the crop in pixels.
    margin: only for `box`: how much longer the square's side is than the box's longer side.
    """

    kind: Literal["five_point", "box"]
    size: Annotated[int, Must("from 1 to 1024", lambda size: 1 <= size <= 1024)]
    margin: Annotated[float, Must("from 0 to 10", lambda margin: 0 <= margin <= 10)] = 0.0


@dataclass(frozen=True)
class PhotoFaces:
    """One photo and every face in it.

    crops: (k, size, size, 3) uint8, one per face.
    digest: see `Photo`; empty where only faces were asked for, as fingerprint is None.
    fingerprint: (32,) uint8, a 256-bit difference hash of the whole photo.
    size: width and height of the photo; None where it was not read.
    error: why the photo could not be read; then there are no faces.
    pixels: (height, width, 3) uint8, the photo itself, where it was asked for.
    portraits: (k, side, side, 3) uint8, more of each face, where these were asked for.
    """

    path: Path
    faces: tuple[Face, ...]
    crops: np.ndarray = field(repr=False)
    digest: str = ""
    fingerprint: np.ndarray | None = field(default=None, repr=False)
    taken: float | None = None
    size: tuple[int, int] | None = None
    error: str | None = None
    pixels: np.ndarray | None = field(default=None, repr=False)
    portraits: np.ndarray | None = field(default=None, repr=False)

    def without_crops(self) -> PhotoFaces:
        """What is known besides, for memory.

        A copy throughout: a view would keep the crops, and small arrays that were made between a
        thread's pictures would keep holes where these were (15 kB a photo were measured).
        """
        return deepcopy(replace(self, crops=self.crops[:0], pixels=None, portraits=None))
