"""The one scoring: photos of known people, and of strangers, against the people's templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from knownface.dataset.portraits import Faces
from knownface.recognition.comparison import Compared, Comparison, Matcher
from knownface.stats import metrics
from knownface.stats.intervals import clustered_interval, dir_interval, wilson_interval
from knownface.stats.metrics import best_of_others


@dataclass(frozen=True)
class Trial:
    """How similar n photos are to p people, and what strangers reach.

    scores: (n, p) similarities; truth: (n,) the person that each photo shows; strangers: (m,) the
        highest similarity of each stranger's photo with anybody. n and m may be 0; numbers that
        rest on them are then refused.
    Raises ValueError where shapes differ, something is not finite, or a person is none of the p.
    """

    scores: np.ndarray
    truth: np.ndarray
    strangers: np.ndarray

    def __post_init__(self) -> None:
        scores, truth, strangers = self.scores, self.truth, self.strangers
        if scores.ndim != 2 or not scores.shape[1] or truth.shape != scores.shape[:1]:
            given = f"{scores.shape} and {truth.shape}"
            raise ValueError(f"scores must be (n, p) and truth (n,), not {given}")
        if truth.dtype.kind not in "iu" or not np.isin(truth, np.arange(scores.shape[1])).all():
            raise ValueError(f"truth must hold columns of the scores, 0 to {scores.shape[1] - 1}")
        if strangers.ndim != 1:
            raise ValueError(f"strangers must be (m,), one similarity each, not {strangers.shape}")
        if not np.isfinite(scores).all() or not np.isfinite(strangers).all():
            raise ValueError("similarities must be finite numbers")

    @classmethod
    def of(
        cls,
        compared: Compared,
        probes: np.ndarray,
        truth: np.ndarray,
        strangers: np.ndarray,
        same: Sequence[tuple[int, int]] = (),
    ) -> Trial:
        """Compare embeddings with people: probes (n, d) and strangers (m, d).

        Where there are no strangers, each person in turn plays one to all others; of one person
        alone there are none. same: pairs of people who are no strangers to each other.
        """
        scores = compared(probes)
        if len(strangers):
            return cls(scores, truth, compared(strangers).max(1))
        known = cls(scores, truth, np.zeros(0, scores.dtype))
        if scores.shape[1] < 2:
            return known
        return replace(known, strangers=best_of_others(scores, truth, same))

    @classmethod
    def of_split(
        cls,
        faces: Faces,
        labels: np.ndarray,
        train: np.ndarray,
        test: np.ndarray,
        comparison: Comparison | None = None,
    ) -> tuple[Trial, np.ndarray]:
        """Test mean templates of some rows of n faces on others.

        labels: (n,); train, test: rows; comparison: as of a `Gallery`. Also gives the rows that
        were tested: people who are in `test` alone have no template. Each person in turn plays the
        stranger.
        """
        people, index = np.unique(labels[train], return_inverse=True)
        rows = test[np.isin(labels[test], people)]
        learned = faces[train]
        templates = Matcher.of_means(learned.embeddings, index, learned.small, comparison)
        truth = np.searchsorted(people, labels[rows])
        probes = faces.embeddings[rows]
        return cls.of(templates.scores, probes, truth, probes[:0]), rows

    # ------------------------------------------------------------ closed set
    @cached_property
    def predicted(self) -> np.ndarray:
        """The most similar person (n,)."""
        return np.asarray(self.scores.argmax(1))

    @cached_property
    def best(self) -> np.ndarray:
        """The similarity (n,) with that person."""
        return np.asarray(self.scores.max(1))

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether that is who the photo shows: (n,) bool."""
        return np.asarray(self.predicted == self.truth)

    @property
    def others(self) -> np.ndarray:
        """The highest similarity (n,) with anybody but the person whom the photo shows."""
        return best_of_others(self.scores, self.truth)

    @property
    def margins(self) -> np.ndarray:
        """How much more similar each photo is to its own person than to the best other (n,)."""
        return np.asarray(self.scores[np.arange(len(self.truth)), self.truth] - self.others)

    @property
    def accuracy(self) -> float:
        if not len(self.truth):
            raise ValueError("no photo was tested")
        return float(self.correct.mean())

    @property
    def accuracy_ci95(self) -> tuple[float, float]:
        return wilson_interval(int(self.correct.sum()), len(self.correct))

    def top_k_accuracy(self, k: int) -> float:
        """See `metrics.top_k_accuracy`; k is at most p."""
        return metrics.top_k_accuracy(self.scores, self.truth, min(k, self.scores.shape[1]))

    # ------------------------------------------------------------ open set
    def at(self, threshold: float) -> tuple[float | None, float | None]:
        """DIR and FAR at a threshold; None for what no photo was tested on."""
        found = self.correct & (self.best >= threshold)
        accepted = self.strangers >= threshold
        return _share(found), _share(accepted)

    @property
    def own(self) -> np.ndarray:
        """The similarity (n,) of photos that are most like the right person, and -1 of others."""
        return np.where(self.correct, self.best, -1.0)

    def of_some(self, rows: np.ndarray, people: np.ndarray, threshold: float) -> dict[str, Any]:
        """`accuracy` and `dir` of some photos (n,) bool, with their intervals; None of no photo.

        Intervals are for other people like these, people: (n,) whose photo each is.
        """
        if not rows.any():
            return dict.fromkeys(("accuracy", "accuracy_ci95", "dir", "dir_ci95"))
        whose, own = people[rows], self.own[rows]
        return {
            "accuracy": float(self.correct[rows].mean()),
            "accuracy_ci95": clustered_interval(self.margins[rows], whose, 0.0),
            "dir": float((own >= threshold).mean()),
            "dir_ci95": clustered_interval(own, whose, threshold),
        }

    def dir_at_far(self, far: float) -> float:
        """DIR at the lowest threshold that accepts at most a share `far` of the strangers."""
        return metrics.dir_at_far(self.best, self.correct, self.strangers, far)

    def dir_at_far_ci95(self, far: float, clusters: np.ndarray) -> tuple[float, float]:
        """Its 95 % interval; clusters: (m,) whose photo each stranger is. See `dir_interval`."""
        return dir_interval(self.best, self.correct, self.strangers, clusters, far)

    def open_set_curve(self) -> tuple[np.ndarray, np.ndarray]:
        """FAR and DIR, both rising; see `metrics.open_set_curve`."""
        return metrics.open_set_curve(self.best, self.correct, self.strangers)


def _share(those: np.ndarray) -> float | None:
    return float(those.mean()) if len(those) else None
