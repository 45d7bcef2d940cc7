"""Whether a candidate is better than the frozen network, and how sure that is.

Both judge the same photos in the same rounds, so that a hard photo is hard for both. Photos of one
person succeed and fail together: people are weighted at random, not photos, and so are those who
play strangers, from whom the thresholds come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from knownface.measure.trial import Trial

FARS = (0.01, 0.03, 0.1, 0.3)  # the higher ones are steadier: a race has few strangers
DRAWS = 1000  # of weights; the probability is then known to within 0.03


@dataclass(frozen=True)
class Judged:
    """How photos of people and strangers were judged, in one round or several.

    trial: with a column for everybody in the training part, -1 for who was left out of a round;
        others: (m,) which identity each stranger is.
    """

    trial: Trial
    others: np.ndarray

    @classmethod
    def pooled(cls, parts: Sequence[Judged]) -> Judged:
        """Several rounds as one, with one threshold for all of them, as a recogniser has one."""
        trials = [part.trial for part in parts]
        scores, truth = (
            np.concatenate([getattr(t, k) for t in trials]) for k in ("scores", "truth")
        )
        strangers = np.concatenate([t.strangers for t in trials])
        return cls(Trial(scores, truth, strangers), np.concatenate([p.others for p in parts]))

    @cached_property
    def dirs(self) -> list[float]:
        """DIR at each of FARS."""
        return [self.trial.dir_at_far(far) for far in FARS]

    @property
    def score(self) -> float:
        """Half the accuracy, half the mean DIR."""
        return (self.trial.accuracy + float(np.mean(self.dirs))) / 2

    def weighted(self, people: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The score (k,) where people weigh as in (k, p) and strangers' identities as in (k, q)."""
        trial, falling = self.trial, np.argsort(-self.trial.strangers)
        share = others[:, self.others[falling]].cumsum(1)
        weight = people[:, trial.truth] * trial.correct
        total = people[:, trial.truth].sum(1)
        found = np.zeros(len(people))
        for far in FARS:
            refused = (share <= far * share[:, -1:] * (1 + 1e-9)).sum(1).clip(max=len(falling) - 1)
            threshold = trial.strangers[falling][refused]
            found += (weight * (trial.best > threshold[:, None])).sum(1) / total / len(FARS)
        return np.asarray((weight.sum(1) / total + found) / 2)


def probability_better(one: Judged, other: Judged, seed: int = 0) -> float:
    """How probable it is that the score of `one` is higher for new photos, people and strangers.

    The Bayesian bootstrap (Rubin, 1981): exponential weights, the same ones for both.
    """
    weights = _weights(one, seed)
    gains = one.weighted(*weights) - other.weighted(*weights)
    return float((gains > 0).mean() + (gains == 0).mean() / 2)


def probability_below(one: Judged, score: float, seed: int = 0) -> float:
    """How probable it is that its score is lower than this, in the same way."""
    return float((one.weighted(*_weights(one, seed)) < score).mean())


def _weights(one: Judged, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Of people (DRAWS, p) and of identities of strangers (DRAWS, q)."""
    rng = np.random.default_rng(seed)
    people = rng.exponential(size=(DRAWS, one.trial.scores.shape[1]))
    return people, rng.exponential(size=(DRAWS, int(one.others.max()) + 1))
