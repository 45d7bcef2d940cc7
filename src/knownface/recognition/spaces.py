"""Where embeddings are compared: the space of one network, or those of two that stand together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.stats.cohort import Cohort, normalised
from knownface.stats.vectors import unit_length
from knownface.stats.whitening import Whitening

# In the names of what a file holds of two halves, or of the one that is asked.
FIRST, SECOND, ALONE = "first", "second", "alone"


@dataclass(frozen=True)
class Placed:
    """Vectors (n, d) as a space compares them, and how similar its cohort is to them (n, 2)."""

    vectors: np.ndarray
    moments: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> Placed:
        return Placed(self.vectors[rows], self.moments[rows])


@dataclass(frozen=True)
class Space:
    """One way to compare: whitened, then by cosine, then normalised by a cohort.

    scale: slope and offset that bring scores to the cosines of the network's own embeddings that
        have the same false-accept rate, so that a threshold means the same everywhere.
    """

    whitening: Whitening
    cohort: Cohort
    scale: tuple[float, float]

    def __post_init__(self) -> None:
        whitening, cohort, width = self.whitening, self.cohort, self.width
        arrays = [whitening.matrix, whitening.centre, cohort.covariance, cohort.mean]
        shapes = [(width, width), (width,), (width, width), (width,)]
        if [array.shape for array in arrays] != shapes or not self.scale[0] > 0:
            raise ValueError("its arrays are not of one network")
        if not all(np.isfinite(array).all() for array in [*arrays, np.array(self.scale)]):
            raise ValueError("its arrays hold what is no number")

    @property
    def width(self) -> int:
        """d, of embeddings."""
        return len(self.whitening.centre)

    def whitened(self, vectors: np.ndarray) -> np.ndarray:
        """Unit-length vectors (n, d) in this space."""
        return self.whitening(vectors)

    def place(self, vectors: np.ndarray) -> Placed:
        placed = self.whitening(vectors.astype(np.float32, copy=False)).astype(np.float32)
        return Placed(placed, self.cohort.moments(placed))

    def scores(self, templates: Placed, probes: Placed) -> np.ndarray:
        """Of every probe with every template: (n, p), from -1 to 1."""
        cosines = probes.vectors @ templates.vectors.astype(np.float32, copy=False).T
        return self._scaled(normalised(cosines, templates.moments, probes.moments[:, None]))

    def paired(self, templates: Placed, probes: Placed) -> np.ndarray:
        """Of each probe with the template in the same row: (n,)."""
        cosines = (templates.vectors * probes.vectors).sum(1)
        return self._scaled(normalised(cosines, templates.moments, probes.moments))

    def sought(self, templates: Placed) -> np.ndarray:
        """(p, 2d + 1), whose inner products with `seeking` rank people as `scores` does.

        Twice the score of a template t with mean m and deviation s is, for one probe x of
        deviation r, x.t / s - m / s + x.t / r, and something that is the same for everybody.
        """
        mean, spread = templates.moments[:, :1], templates.moments[:, 1:]
        t = templates.vectors.astype(np.float32, copy=False)
        return np.concatenate([t / spread, t, -mean / spread], axis=1)

    def seeking(self, probes: Placed) -> np.ndarray:
        """(n, 2d + 1), see `sought`."""
        x, ones = probes.vectors, np.ones((len(probes.vectors), 1), np.float32)
        return np.concatenate([x, x / probes.moments[:, 1:], ones], axis=1)

    def multiplied(self, templates: Placed) -> np.ndarray:
        """(p, 2d + 1), whose inner products with `seeking` are the scores, but for the limits."""
        slope, offset = self.scale
        rows = self.sought(templates).astype(np.float32)
        rows[:, self.width : 2 * self.width] -= self.cohort.mean
        rows *= slope / 2
        rows[:, -1] += offset
        return rows

    def _scaled(self, scores: np.ndarray) -> np.ndarray:
        slope, offset = self.scale
        return np.asarray(np.clip(slope * scores + offset, -1, 1))

    def parts(self) -> list[Space]:
        """Of each network."""
        return [self]

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file holds of it; see SPACES."""
        return {
            "centre": self.whitening.centre.astype(np.float32),
            "matrix": self.whitening.matrix.astype(np.float16),
            "scale": np.array(self.scale, np.float32),
            "mean": self.cohort.mean.astype(np.float32),
            "covariance": self.cohort.covariance.astype(np.float16),
        }


@dataclass(frozen=True)
class Halves:
    """Embeddings of two networks, one after the other, each compared in its own space.

    A similarity is the mean of what both say: they are wrong of different faces. Used as a `Space`.
    """

    first: Space
    second: Space

    @property
    def width(self) -> int:
        return self.first.width + self.second.width

    def whitened(self, vectors: np.ndarray) -> np.ndarray:
        pairs = zip(self.parts(), self._split(vectors), strict=True)
        return unit_length(np.hstack([space.whitened(half) for space, half in pairs]))

    def place(self, vectors: np.ndarray) -> Placed:
        pairs = zip(self.parts(), self._split(vectors), strict=True)
        placed = [space.place(half) for space, half in pairs]
        return Placed(
            np.hstack([each.vectors for each in placed]), np.hstack([p.moments for p in placed])
        )

    def scores(self, templates: Placed, probes: Placed) -> np.ndarray:
        of_first, of_second = zip(self._halves(templates), self._halves(probes), strict=True)
        return np.asarray((self.first.scores(*of_first) + self.second.scores(*of_second)) / 2)

    def paired(self, templates: Placed, probes: Placed) -> np.ndarray:
        of_first, of_second = zip(self._halves(templates), self._halves(probes), strict=True)
        return np.asarray((self.first.paired(*of_first) + self.second.paired(*of_second)) / 2)

    def sought(self, templates: Placed) -> np.ndarray:
        """(p, 2d + 2): a half counts by how much its scores are stretched."""
        first, second = self._halves(templates)
        stretched = self.second.scale[0] / self.first.scale[0]
        return np.hstack([self.first.sought(first), self.second.sought(second) * stretched])

    def seeking(self, probes: Placed) -> np.ndarray:
        first, second = self._halves(probes)
        return np.hstack([self.first.seeking(first), self.second.seeking(second)])

    def multiplied(self, templates: Placed) -> np.ndarray:
        first, second = self._halves(templates)
        return np.hstack([self.first.multiplied(first), self.second.multiplied(second)]) / 2

    def parts(self) -> list[Space]:
        return [self.first, self.second]

    def arrays(self) -> dict[str, np.ndarray]:
        parts = zip((FIRST, SECOND), self.parts(), strict=True)
        return {f"{name}_{key}": a for name, part in parts for key, a in part.arrays().items()}

    def _split(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit-length embeddings of each network."""
        at = self.first.width
        return unit_length(vectors[:, :at]), unit_length(vectors[:, at:])

    def _halves(self, placed: Placed) -> tuple[Placed, Placed]:
        vectors, moments, at = placed.vectors, placed.moments, self.first.width
        return Placed(vectors[:, :at], moments[:, :2]), Placed(vectors[:, at:], moments[:, 2:])


@dataclass(frozen=True)
class First:
    """Embeddings of two networks, of which the first one alone is asked. Used as a `Space`."""

    space: Space

    @property
    def width(self) -> int:
        return 2 * self.space.width

    def whitened(self, vectors: np.ndarray) -> np.ndarray:
        return self.space.whitened(self._part(vectors))

    def place(self, vectors: np.ndarray) -> Placed:
        return self.space.place(self._part(vectors))

    def scores(self, templates: Placed, probes: Placed) -> np.ndarray:
        return self.space.scores(templates, probes)

    def paired(self, templates: Placed, probes: Placed) -> np.ndarray:
        return self.space.paired(templates, probes)

    def sought(self, templates: Placed) -> np.ndarray:
        return self.space.sought(templates)

    def seeking(self, probes: Placed) -> np.ndarray:
        return self.space.seeking(probes)

    def multiplied(self, templates: Placed) -> np.ndarray:
        return self.space.multiplied(templates)

    def parts(self) -> list[Space]:
        return [self.space]

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"{ALONE}_{key}": array for key, array in self.space.arrays().items()}

    def _part(self, vectors: np.ndarray) -> np.ndarray:
        return unit_length(vectors[:, : self.space.width])


def space_of(arrays: dict[str, np.ndarray], name: str) -> Space | Halves | First:
    """That whose `arrays` these are, with its name before theirs; raises what is missing."""
    if f"{name}_centre" in arrays:
        return _one_space(arrays, name)
    if f"{name}_{ALONE}_centre" in arrays:
        return First(_one_space(arrays, f"{name}_{ALONE}"))
    return Halves(*(_one_space(arrays, f"{name}_{part}") for part in (FIRST, SECOND)))


def _one_space(arrays: dict[str, np.ndarray], name: str) -> Space:
    centre, matrix, mean, covariance, scale = (
        arrays[f"{name}_{part}"] for part in ("centre", "matrix", "mean", "covariance", "scale")
    )
    slope, offset = scale.tolist()
    return Space(Whitening(centre, matrix), Cohort(mean, covariance), (slope, offset))
