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


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) * Z95
    half = spread / (1 + z2 / trials)
    # Exactly 0 and 1, so that rounding does not leave out a truth that is just that.
    low = max(0.0, centre - half) if successes else 0.0
    high = min(1.0, centre + half) if successes < trials else 1.0
    return low, high


# ---------------------------------------------------------------- photos that go together
def clustered_interval(
    scores: np.ndarray, clusters: np.ndarray, threshold: float
) -> tuple[float, float]:
    """95 % interval of the share of scores (n,) at or above a threshold, for new clusters.

    clusters: (n,) which scores belong together, such as the photos of one stranger. Wilson's
    interval with as many trials as the scores are worth; see `effective_trials`.
    """
    accepted = int((scores >= threshold).sum())
    # Agresti and Coull's (1998) share, never 0 or 1, for the correlation alone.
    trials = effective_trials(scores, clusters, (accepted + 2) / (len(scores) + 4))
    share = accepted / len(scores) if len(scores) else 0.0
    return wilson_interval(share * trials, trials)


def effective_trials(scores: np.ndarray, clusters: np.ndarray, share: float) -> float:
    """How many independent scores tell as much about the highest `share` as these (n,).

    Kish's (1965) design effect 1 + (m - 1) r for clusters of mean size m. The correlation r of
    being among the highest is that of two normal values whose correlation is the intraclass one
    of the scores, so that it is known even where no score, or every one, is accepted. Few clusters
    count for less (Korn and Graybill, 1998).
    """
    from scipy.special import ndtri, stdtrit
    from scipy.stats import rankdata

    sizes = np.unique(clusters, return_counts=True)[1]
    if len(sizes) == len(scores):
        return float(len(scores))
    normal = ndtri((rankdata(scores) - 0.5) / len(scores))
    together = _tail_correlation(intraclass_correlation(normal, clusters), share)
    effect = 1 + ((sizes**2).sum() / sizes.sum() - 1) * together
    few = Z95 / stdtrit(max(1, len(sizes) - 1), 0.975)
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


# ---------------------------------------------------------------- DIR at FAR
def dir_interval(
    best: np.ndarray,
    correct: np.ndarray,
    strangers: np.ndarray,
    clusters: np.ndarray,
    far: float,
) -> tuple[float, float]:
    """95 % interval of DIR at a false-accept rate, whose threshold is known from few strangers.

    best: (n,) best similarity of known probes; correct: (n,) whether that was the person;
    strangers: (m,) their best similarities; clusters: (m,) whose photo each is.
    The true threshold lies between two stranger scores, by the binomial distribution of how many
    exceed it (Woodruff, 1952), or beyond the highest, where an exponential tail is fitted. Its
    interval and that of the probes are put together as Zou and Donner (2008) do (MOVER). Where the
    strangers are worth less than a tenth of 1 / far photos, the threshold may lie anywhere above
    them, and the interval starts at 0.
    """
    from scipy.stats import binom

    def found(threshold: float) -> float:
        return detection_and_identification_rate(best, correct, threshold)

    point = found(threshold_at_far(strangers, far))
    trials = max(1, round(effective_trials(strangers, clusters, far)))
    fewest, most = binom.ppf([0.025, 0.975], trials, far)
    rarest = fewest / trials or BEYOND_THE_HIGHEST * far * trials / len(strangers)
    resolved = REACH * trials * far >= 1
    lowest = found(_threshold_in_tail(strangers, rarest)) if resolved else 0.0
    highest = found(threshold_at_far(strangers, most / trials))
    low, high = wilson_interval(point * len(best), len(best))
    return (
        max(0.0, point - math.hypot(point - low, max(0.0, point - lowest))),
        min(1.0, point + math.hypot(high - point, max(0.0, highest - point))),
    )


def _threshold_in_tail(scores: np.ndarray, far: float) -> float:
    """Like `threshold_at_far`, and beyond the highest score by an exponential tail."""
    if far * len(scores) >= 1:
        return threshold_at_far(scores, far)
    return max(float(scores.max()), threshold_in_tail(scores, far))
