"""95 % intervals of shares, also where photos of one person go wrong together."""

from __future__ import annotations

import math

import numpy as np

from knownface.stats.metrics import (
    detection_and_identification_rate,
    threshold_at_far,
    threshold_in_tail,
)

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution
# Where the highest of n scores with an exponential tail is lower than expected, as it is 1 time in
# 40, the true threshold seems as rare as this share of the rate: exp of the 2.5 % quantile of the
# Gumbel distribution, 1 / ln 40.
BEYOND_THE_HIGHEST = 0.271
REACH = 10  # a tail is followed to rates so much rarer than one score in all; beyond, nobody knows


def wilson_interval(successes: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927); (0, 1) without trials. z: for another level."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, z**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) * z
    half = spread / (1 + z2 / trials)
    # Exactly 0 and 1, so that rounding does not leave out a truth that is just that.
    low = max(0.0, centre - half) if successes else 0.0
    high = min(1.0, centre + half) if successes < trials else 1.0
    return low, high


# ---------------------------------------------------------------- photos that go together
def clustered_interval(
    scores: np.ndarray, clusters: np.ndarray, threshold: float, z: float = Z95
) -> tuple[float, float]:
    """95 % interval of the share of scores (n,) at or above a threshold, for new clusters.

    clusters: (n,) which scores belong together, such as the photos of one stranger. Wilson's
    interval with as many trials as the scores are worth; see `effective_trials`. z: as there.
    """
    accepted = int((scores >= threshold).sum())
    # Agresti and Coull's (1998) share, never 0 or 1, for the correlation alone.
    trials = effective_trials(scores, clusters, (accepted + 2) / (len(scores) + 4), z)
    share = accepted / len(scores) if len(scores) else 0.0
    return wilson_interval(share * trials, trials, z)


def effective_trials(
    scores: np.ndarray, clusters: np.ndarray, share: float, z: float = Z95
) -> float:
    """How many independent scores tell as much about the highest `share` as these (n,).

    Kish's (1965) design effect 1 + (m - 1) r for clusters of mean size m. The correlation r of
    being among the highest is that of two normal values whose correlation is the intraclass one
    of the scores, so that it is known even where no score, or every one, is accepted. Few clusters
    count for less (Korn and Graybill, 1998), the more so the surer one wants to be, which is z.
    """
    from scipy.special import ndtr, ndtri, stdtrit
    from scipy.stats import rankdata

    sizes = np.unique(clusters, return_counts=True)[1]
    if len(sizes) == len(scores):
        return float(len(scores))
    normal = ndtri((rankdata(scores) - 0.5) / len(scores))
    together = _tail_correlation(intraclass_correlation(normal, clusters), share)
    effect = 1 + ((sizes**2).sum() / sizes.sum() - 1) * together
    few = z / stdtrit(max(1, len(sizes) - 1), ndtr(z))
    return float(len(scores) / effect * few**2)


def intraclass_correlation(values: np.ndarray, clusters: np.ndarray) -> float:
    """Correlation of two values (n,) of one cluster, 0 to 1: one-way ANOVA (Donner, 1986).

    One cluster alone says nothing and counts as 1; clusters of one value each count as 0.
    """
    _, index, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    count, groups = len(values), len(sizes)
    if groups in (1, count):
        return float(groups == 1)
    means = np.bincount(index, values) / sizes
    between = (sizes * (means - values.mean()) ** 2).sum() / (groups - 1)
    within = ((values - means[index]) ** 2).sum() / (count - groups)
    size = (count - (sizes**2).sum() / count) / (groups - 1)
    total = between + (size - 1) * within
    return float(np.clip((between - within) / total, 0, 1)) if total > 0 else 0.0


def _tail_correlation(correlation: float, share: float) -> float:
    """Of two normal values: the correlation of both being among the highest `share`.

    Plackett's (1954) integral of the bivariate density, with the correlation as a sine.
    """
    from scipy.special import ndtri

    limit = ndtri(1 - share)
    angles = np.linspace(0.0, math.asin(correlation), 65)
    density = np.exp(-(limit**2) / (1 + np.sin(angles))) / (2 * math.pi)
    return float(np.trapezoid(density, angles) / (share * (1 - share)))


def level_of_each(intervals: int) -> float:
    """The z at which so many intervals are all right at once in 95 of 100 cases (Bonferroni)."""
    from scipy.special import ndtri

    return float(ndtri(1 - 0.025 / max(1, intervals)))


def gap_interval(
    high: float, of_high: tuple[float, float], low: float, of_low: tuple[float, float]
) -> tuple[float, float]:
    """Interval of the gap between two shares, from their own intervals (Zou and Donner, 2008).

    Independent ones (MOVER); it starts below 0 where the lower share may be the higher one.
    """
    gap = high - low
    return (
        max(-1.0, gap - math.hypot(high - of_high[0], of_low[1] - low)),
        min(1.0, gap + math.hypot(of_high[1] - high, low - of_low[0])),
    )


# ---------------------------------------------------------------- DIR at FAR
def dir_interval(
    best: np.ndarray,
    correct: np.ndarray,
    strangers: np.ndarray,
    clusters: np.ndarray,
    far: float,
    people: np.ndarray | None = None,
) -> tuple[float, float]:
    """95 % interval of DIR at a false-accept rate, whose threshold is known from few strangers.

    best: (n,) best similarity of known probes; correct: (n,) whether that was the person;
    strangers: (m,) their best similarities; clusters: (m,) whose photo each is. people: (n,) whose
    photo each probe is, for an interval that is about other people than these.
    The true threshold lies between two stranger scores, by the binomial distribution of how many
    exceed it (Woodruff, 1952), or beyond the highest, where an exponential tail is fitted. Its
    interval and that of the probes are put together as Zou and Donner (2008) do (MOVER). Where the
    strangers are worth less than a tenth of 1 / far photos, the threshold may lie anywhere above
    them, and the interval starts at 0.
    """
    from scipy.stats import binom

    def found(threshold: float) -> float:
        return detection_and_identification_rate(best, correct, threshold)

    threshold = threshold_at_far(strangers, far)
    point = found(threshold)
    trials = max(1, round(effective_trials(strangers, clusters, far)))
    fewest, most = binom.ppf([0.025, 0.975], trials, far)
    rarest = fewest / trials or BEYOND_THE_HIGHEST * far * trials / len(strangers)
    resolved = REACH * trials * far >= 1
    lowest = found(_threshold_in_tail(strangers, rarest)) if resolved else 0.0
    highest = found(threshold_at_far(strangers, most / trials))
    if people is None:
        low, high = wilson_interval(point * len(best), len(best))
    else:
        low, high = clustered_interval(np.where(correct, best, -1.0), people, threshold)
    return (
        max(0.0, point - math.hypot(point - low, max(0.0, point - lowest))),
        min(1.0, point + math.hypot(high - point, max(0.0, highest - point))),
    )


def _threshold_in_tail(scores: np.ndarray, far: float) -> float:
    """Like `threshold_at_far`, and beyond the highest score by an exponential tail."""
    if far * len(scores) >= 1:
        return threshold_at_far(scores, far)
    return max(float(scores.max()), threshold_in_tail(scores, far))
