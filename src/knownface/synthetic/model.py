"""The statistics of faces: invented faces as a mean plus random mixtures of directions.

`faces.npz` beside this file is computed by `tools/fit_face_model.py`. It holds no photo and no
person: a mean face, and directions in which faces and photos of one face differ, each direction
mixed from hundreds of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

SIZE = 112  # of the five-point crops that the statistics were taken from, in pixels
GRID = 28  # displacements are stored on GRID x GRID points
FILE = Path(__file__).with_name("faces.npz")


def face_mask(fade: float = 10.0) -> np.ndarray:
    """(SIZE, SIZE) float32: 1 on the face from brow to chin, 0 outside, `fade` pixels between."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    half_width = np.where(y < 66, 39.0, 39.0 - 0.0085 * (y - 66) ** 2)  # the jaw narrows
    inside = half_width - np.abs(x - 56)
    height = np.minimum(y - 10, 114 - y)
    return np.asarray(np.clip(np.minimum(inside, height) / fade + 0.5, 0, 1), np.float32)


@dataclass(frozen=True)
class Directions:
    """k directions of variation, in standard deviations.

    shape: (k, GRID, GRID, 2) displacements in pixels; luma: (k, SIZE, SIZE); chroma:
        (k, SIZE / 2, SIZE / 2, 2), both in fractions of full scale.
    """

    shape: np.ndarray
    luma: np.ndarray
    chroma: np.ndarray

    def __len__(self) -> int:
        return len(self.luma)


@dataclass(frozen=True)
class FaceModel:
    """mean: one face; people: how people differ; photos: how photos of one person differ."""

    mean: Directions
    people: Directions
    photos: Directions

    def person(self, coefficients: np.ndarray) -> Directions:
        """One person's face, in place of the mean; coefficients (len(people),)."""
        return mixed(self.mean, self.people, coefficients)

    def face(self, person: Directions, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shape-free texture (SIZE, SIZE, 3) float32 RGB in [0, 1], and displacements.

        coefficients: of one photo, in standard deviations, (len(photos),).
        The displacements (SIZE, SIZE, 2) say where each pixel of the mean face lies.
        """
        face = mixed(person, self.photos, coefficients)
        chroma = cv2.resize(face.chroma[0], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        texture = cv2.cvtColor(np.dstack([face.luma[0], chroma]), cv2.COLOR_YCrCb2RGB)
        moved = cv2.resize(face.shape[0], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        return np.clip(texture, 0, 1), moved


def mixed(start: Directions, directions: Directions, coefficients: np.ndarray) -> Directions:
    """One face: a first one plus a mixture of directions."""
    return Directions(
        *(
            (first + np.einsum("k,k...->...", coefficients, more)).astype(np.float32)
            for first, more in (
                (start.shape, directions.shape),
                (start.luma, directions.luma),
                (start.chroma, directions.chroma),
            )
        )
    )


@cache
def load_model() -> FaceModel:
    """The statistics that come with the package."""
    with np.load(FILE, allow_pickle=False) as stored:
        groups = {
            name: Directions(
                *(_decoded(stored, f"{name}_{part}") for part in Directions.__match_args__)
            )
            for name in FaceModel.__match_args__
        }
    return FaceModel(**groups)


def _decoded(stored: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    """int8 with one scale per direction, or the float16 of the mean."""
    values = stored[key].astype(np.float32)
    if f"{key}_scale" not in stored:
        return values
    scale = stored[f"{key}_scale"].astype(np.float32)
    return np.asarray(values * scale.reshape(-1, *[1] * (values.ndim - 1)))


def soft_features(model: FaceModel, person: np.ndarray) -> tuple[float, float]:
    """How soft a face's features are, and how light its skin: about standard normal each.

    Soft stands for red lips and a jaw without the shadow of a beard.
    """
    luma = np.einsum("k,k...->...", person, model.people.luma)
    red = np.einsum("k,k...->...", person, model.people.chroma[..., 0])
    cheeks = luma[64:76, 22:34].mean() + luma[64:76, 78:90].mean()
    jaw = luma[100:108, 34:46].mean() + luma[100:108, 66:78].mean()
    lips = red[44:48, 24:33].mean() - red[33:38, 12:17].mean()
    # Standard deviations over 500 random people.
    return float((jaw - cheeks) / 0.107 + lips / 0.0315), float(cheeks / 0.123)
