"""Whether a candidate is better than the frozen network, and how sure that is.

Both judge the same photos in the same rounds, so that a hard photo is hard for both. Photos of one
person succeed and fail together: people are weighted at random, not photos, and so are those who
play strangers, from whom the thresholds come.

What is counted, photos named rightly and strangers refused, says how good a candidate is. Which one
is better is told by how far photos are from being named otherwise: that takes half as many of them
(docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from knownface.measure.trial import Trial
from knownface.stats.metrics import best_of_others

FARS = (0.01, 0.03, 0.1, 0.3)  # the higher ones are steadier: a race has few strangers
DRAWS = 1000  # of weights; the probability is then known to within 0.03
LEAST = 1e-6  # standard deviation that still counts; of similarities it is about 0.1


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

    @cached_property
    def promise(self) -> float:
        """The score to be expected of new photos, if all weigh the same; see `promises`."""
        people, others = self.trial.scores.shape[1], int(self.others.max()) + 1
        return float(self.promises(np.ones((1, people)), np.ones((1, others)))[0])

    def promises(self, people: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The score (k,) to be expected of new photos, weighted as in `weighted`.

        The similarity with oneself, its lead over everybody else, and what strangers reach are
        taken to be normally distributed, as they are here. Strangers are few: how much they differ
        is learned from people who are known, too, each of whom is a stranger to all others; how
        high they come is not, for those were learned to be told apart.
        """
        trial = self.trial
        own = trial.scores[np.arange(len(trial.truth)), trial.truth]
        near = best_of_others(trial.scores, trial.truth)
        photos, strange = people[:, trial.truth], others[:, self.others]
        lead, lead_spread = _moments(own - near, photos)
        mean, spread = _moments(own, photos)
        level, stranger_spread = _moments(trial.strangers, strange)
        _, near_spread = _moments(near, photos)
        if trial.scores.shape[1] < 2:  # nobody else is there
            near_spread = stranger_spread
        impostor_spread = np.sqrt((stranger_spread**2 + near_spread**2) / 2)
        limits = [level - ndtri(far) * impostor_spread for far in FARS]
        found = np.mean([ndtr((mean - limit) / spread) for limit in limits], axis=0)
        return np.asarray((ndtr(lead / lead_spread) + found) / 2)


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (k,) of values (n,) weighted as in (k, n)."""
    shares = weights / weights.sum(1, keepdims=True)
    mean = shares @ values
    variance = shares @ values**2 - mean**2
    return mean, np.sqrt(np.maximum(variance, LEAST**2))


def probability_better(one: Judged, other: Judged, seed: int = 0) -> float:
    """How probable it is that `one` is better for new photos, people and strangers.

    The Bayesian bootstrap (Rubin, 1981) of `promises`: exponential weights, the same for both.
    """
    weights = random_weights(one, seed)
    gains = one.promises(*weights) - other.promises(*weights)
    return float((gains > 0).mean() + (gains == 0).mean() / 2)


def probability_below(one: Judged, score: float, seed: int = 0) -> float:
    """How probable it is that its score is lower than this, in the same way."""
    return float((one.weighted(*random_weights(one, seed)) < score).mean())


def random_weights(one: Judged, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Of people (DRAWS, p) and of identities of strangers (DRAWS, q)."""
    rng = np.random.default_rng(seed)
    people = rng.exponential(size=(DRAWS, one.trial.scores.shape[1]))
    return people, rng.exponential(size=(DRAWS, int(one.others.max()) + 1))
