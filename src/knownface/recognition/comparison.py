"""How embeddings are compared with people: by cosine, or as the network's measurements teach.

What one network makes of many people's faces says how its embeddings are better compared: which
directions differ between photos of one person (`Whitening`), how similar anybody is to anybody
(`Cohort`), and what both are for faces that show little. All of it is measured once for a network,
by `tools/measure_comparison.py`, on people who are nobody's users, and holds for new people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.arrays import read_npz
from knownface.recognition.spaces import First, Halves, Placed, Space, space_of
from knownface.stats.vectors import mean_templates
from knownface.stats.whitening import Whitening

Kind = Literal["normalised", "means", "columns", "whitened"]
COMPARISON = "comparison.npz"
BLOCK = 65_536  # templates that are compared at once: of a million, memory stays below 100 MB
MOST_BYTES = 1 << 24  # of a file; one of 512 numbers per embedding takes 3 MB
# What is in a file: (d,) `gate` and its `bias`, and the `arrays` of each space, its name before.
SPACES = ("clear", "small")


@dataclass(frozen=True)
class Comparison:
    """What is known of a network: how to compare clear faces, and faces that show little.

    gate: (d,), bias: a face shows little, whatever its pixels, where `embedding @ gate + bias` is
        above 0. Raises ValueError where parts differ in size or hold what is no number.
    """

    clear: Space | Halves | First
    small: Space | Halves | First
    gate: np.ndarray
    bias: float

    def __post_init__(self) -> None:
        if self.gate.shape != (self.clear.width,) or self.clear.width != self.small.width:
            raise ValueError("its arrays are not of one network")
        if not np.isfinite(self.gate).all() or not np.isfinite(self.bias):
            raise ValueError("its arrays hold what is no number")

    def beside_trained(self) -> Comparison:
        """Of embeddings (n, 2d): this network's, then those of one that was trained from it.

        What was measured of the one holds nearly for the other. A network that was trained on small
        faces sees them as if they were clear: so it is asked, and the first says which are small.
        """
        clear, small, gate = self._beside()
        return Comparison(Halves(clear, clear), small, gate, self.bias)

    def beside_taught(self) -> Comparison:
        """The same, where the other network was taught small faces, and of clear ones knows less.

        So clear faces are compared as if it were not there.
        """
        clear, small, gate = self._beside()
        return Comparison(First(clear), small, gate, self.bias)

    def _beside(self) -> tuple[Space, Halves, np.ndarray]:
        """Also of this one where it is of two: the first stays, whatever the other one was."""
        clear, small = self.clear.parts()[0], self.small.parts()[0]
        gate = self.gate
        if self.networks == 1:
            gate = np.concatenate([gate * np.sqrt(2), np.zeros_like(gate)]).astype(np.float32)
        return clear, Halves(small, clear), gate

    def for_small(self, templates: np.ndarray, small: np.ndarray) -> np.ndarray:
        """What small faces are compared with (p, d); of a trained network the `templates`."""
        if not isinstance(self.clear, Halves) or not isinstance(self.small, Halves):
            return small
        first = self.small.first.width
        return np.hstack([small[:, :first], templates[:, first:]])

    def is_small(self, embeddings: np.ndarray) -> np.ndarray:
        """(n,) whether faces show so little that they are compared as small ones."""
        return np.asarray(embeddings @ self.gate + self.bias > 0)

    @property
    def networks(self) -> int:
        """How many give a face's embedding."""
        return len(self.small.parts())

    @property
    def second(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Of which faces a second network is asked, see `Embedder`; None where there is none."""
        if self.networks == 1:
            return None
        return self.is_small if isinstance(self.clear, First) else everybody

    # ------------------------------------------------------------ files
    def plain(self) -> np.ndarray:
        """All that a program has to know besides `Templates.multiplied`: rows (r, w) of float32.

        w: numbers that a network gives. A row of the gate for each network, and one that begins
        with its bias; then of each space, and in it of each network, the centre, the matrix (w, w)
        and the covariance (w, w); of a network that is not asked there, those of another one.
        docs/export.md says what to do with it.
        """
        width = self.clear.width // self.networks
        rows = [self.gate.reshape(-1, width), np.full((1, width), self.bias)]
        clear, small = self.clear.parts(), self.small.parts()
        for space in (*clear, *clear[: self.networks - len(clear)], *small):
            rows += [space.whitening.centre[None], space.whitening.matrix, space.cohort.covariance]
        return np.concatenate(rows).astype(np.float32)

    @classmethod
    def read(cls, path: Path) -> Comparison:
        """As `write` wrote it; KnownfaceError where it is damaged or missing."""
        try:
            arrays = read_npz(path, MOST_BYTES)
            if any(array.dtype.kind != "f" for array in arrays.values()):
                raise ValueError("its arrays hold something else than numbers")
            with np.errstate(over="ignore"):
                arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
            clear, small = (space_of(arrays, name) for name in SPACES)
            return cls(clear, small, arrays["gate"], float(arrays["bias"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KnownfaceError(
                f"{path}: how faces are compared cannot be read ({error}); copy it again or train "
                "again"
            ) from None

    def write(self, path: Path) -> None:
        """Raises OSError where it cannot be written."""
        arrays = {"gate": self.gate.astype(np.float32), "bias": np.float32(self.bias)}
        for name, space in zip(SPACES, (self.clear, self.small), strict=True):
            arrays |= {f"{name}_{key}": array for key, array in space.arrays().items()}
        np.savez(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def beside(cls, gallery: Path) -> Comparison | None:
        """That of the folder of a gallery file; None where people are compared by cosine."""
        path = gallery.with_name(COMPARISON)
        return cls.read(path) if path.is_file() else None


def everybody(embeddings: np.ndarray) -> np.ndarray:
    """(n,) a second network is asked of all faces."""
    return np.ones(len(embeddings), bool)


def seeking(comparison: Comparison | None, space: str, embeddings: np.ndarray) -> np.ndarray:
    """(n, w), whose inner products with `Templates.sought` rank people in a space."""
    if comparison is None:
        return embeddings
    known = comparison.clear if space == SPACES[0] else comparison.small
    return known.seeking(known.place(embeddings))


class Compared(Protocol):
    """Gives the similarity (n, p) of embeddings (n, d) with p people."""

    def __call__(self, embeddings: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Templates:
    """People's templates (p, d), unit length, and how embeddings are compared with them.

    small: (p, d) those that faces which show little are compared with, if they are others.
    comparison: None stands for the plain cosine.
    """

    templates: np.ndarray
    small: np.ndarray | None = None
    comparison: Comparison | None = None

    def __len__(self) -> int:
        return len(self.templates)

    @cached_property
    def _clear(self) -> Placed:
        assert self.comparison
        return _placed(self.templates, self.comparison.clear)

    @cached_property
    def _small(self) -> Placed:
        assert self.comparison
        templates, known = self.templates, self.comparison
        if self.small is not None:
            templates = known.for_small(templates, self.small)
        return _placed(templates, known.small)

    def scores(self, embeddings: np.ndarray, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Similarity of unit-length embeddings (n, d) with everybody: (n, p); rows: with these."""
        known = self.comparison
        if known is None:
            templates = self.templates[rows].astype(np.float32, copy=False)
            return np.asarray(embeddings @ templates.T)
        scores = known.clear.scores(self._clear[rows], known.clear.place(embeddings))
        little = known.is_small(embeddings)
        if little.any():
            probes = known.small.place(embeddings[little])
            scores[little] = known.small.scores(self._small[rows], probes)
        return scores

    def sought(self) -> dict[str, np.ndarray]:
        """By space, vectors (p, w) of people that are to be found by inner products."""
        known = self.comparison
        if known is None:
            return {SPACES[0]: self.templates}
        spaces = (known.clear.sought(self._clear), known.small.sought(self._small))
        return dict(zip(SPACES, spaces, strict=True))

    def multiplied(self) -> np.ndarray:
        """(s, p, w): by space, vectors of people whose inner products are similarities.

        They end in zeros for what a space does not ask.
        """
        known = self.comparison
        if known is None:
            return self.templates[None]
        clear, small = known.clear.multiplied(self._clear), known.small.multiplied(self._small)
        return np.stack([np.pad(clear, ((0, 0), (0, small.shape[1] - clear.shape[1]))), small])

    def paired(self, embeddings: np.ndarray) -> np.ndarray:
        """Similarity (p,) of each embedding (p, d) with the person in the same row."""
        known = self.comparison
        if known is None:
            return np.asarray((self.templates * embeddings).sum(1))
        scores = known.clear.paired(self._clear, known.clear.place(embeddings))
        little = known.is_small(embeddings)
        small = known.small.paired(self._small, known.small.place(embeddings))
        return np.where(little, small, scores)


def for_programs(templates: Templates) -> bytes:
    """What TEMPLATES of an export holds."""
    return templates.multiplied().astype("<f4").tobytes()


def _placed(templates: np.ndarray, space: Space | Halves | First) -> Placed:
    """In blocks, and in the precision of the templates, so that a million fit."""
    starts = range(0, max(len(templates), 1), BLOCK)
    parts = [space.place(templates[start : start + BLOCK]) for start in starts]
    vectors = [part.vectors.astype(templates.dtype, copy=False) for part in parts]
    return Placed(np.concatenate(vectors), np.concatenate([part.moments for part in parts]))


@dataclass(frozen=True)
class Matcher:
    """How photos are named: a whitening that embeddings pass first, and templates."""

    templates: Templates
    whitening: Whitening | None = None

    @classmethod
    def fit(
        cls,
        kind: Kind,
        embeddings: np.ndarray,
        labels: np.ndarray,
        columns: np.ndarray | None = None,
        small: np.ndarray | None = None,
        comparison: Comparison | None = None,
    ) -> Matcher:
        """From embeddings (n, d) of people `labels` (n,), counted from 0.

        kind: with `means` of embeddings, with the `columns` (p, d) of a head that was trained on
            them, with means of `whitened` ones, or with means that are `normalised` by what a
            `comparison` knows of the network; small: (n, d) see `Gallery`.
        Raises ValueError where what a kind needs is missing.
        """
        people = int(labels.max()) + 1
        if kind == "columns":
            if columns is None:
                raise ValueError("to compare with columns, a head has to be trained")
            return cls(Templates(columns))
        if kind == "whitened":
            whitening = Whitening.fit(embeddings, labels)
            templates = mean_templates(whitening(embeddings), labels, people)
            return cls(Templates(templates), whitening)
        templates = mean_templates(embeddings, labels, people)
        if kind == "means":
            return cls(Templates(templates))
        if comparison is None:
            raise ValueError("nothing is known of this network to normalise by")
        reduced = None if small is None else mean_templates(small, labels, people)
        return cls(Templates(templates, reduced, comparison))

    @classmethod
    def of_means(
        cls,
        embeddings: np.ndarray,
        labels: np.ndarray,
        small: np.ndarray | None,
        comparison: Comparison | None,
    ) -> Matcher:
        """Means, normalised where there is something to normalise them by."""
        kind: Kind = "means" if comparison is None else "normalised"
        return cls.fit(kind, embeddings, labels, None, small, comparison)

    def scores(self, embeddings: np.ndarray) -> np.ndarray:
        """Similarity (n, p) of embeddings (n, d) with everybody."""
        return self.templates.scores(self.whitening(embeddings) if self.whitening else embeddings)
