"""Intervals contain the truth as often as they say, by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, multivariate_normal, norm

from knownface.intervals import (
    clustered_interval,
    dir_interval,
    effective_trials,
    intraclass_correlation,
    wilson_interval,
)

EVALUATIONS = 500


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0), (0, 0, 0.0, 1.0)],
)  # 81 of 263: the worked example of Newcombe (1998), method 3
def test_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def coverage_of_wilson(share: float, trials: int) -> float:
    """How often the interval contains the true share: exact, over every possible outcome."""
    counts = np.arange(trials + 1)
    low, high = np.array([wilson_interval(int(k), trials) for k in counts]).T
    return float(binom.pmf(counts, trials, share)[(low <= share) & (share <= high)].sum())


@pytest.mark.parametrize("accuracy", [0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98])
def test_accuracy_interval_covers_each_truth(accuracy: float) -> None:
    assert 0.93 <= coverage_of_wilson(accuracy, 160) <= 0.97


def test_accuracy_interval_covers_the_truth_of_simulated_evaluations() -> None:
    rng = np.random.default_rng(3)
    truths = rng.uniform(0.8, 0.99, EVALUATIONS)
    bounds = (wilson_interval(int(rng.binomial(160, truth)), 160) for truth in truths)
    covered = [low <= truth <= high for truth, (low, high) in zip(truths, bounds, strict=True)]
    assert 0.93 <= np.mean(covered) <= 0.97


# ---------------------------------------------------------------- strangers with several photos
def stranger_scores(
    rng: np.random.Generator, strangers: int, photos: int, alike: float
) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores, whose correlation within a stranger is `alike`, and whose they are."""
    own, each = rng.normal(size=strangers), rng.normal(size=strangers * photos)
    labels = np.repeat(np.arange(strangers), photos)
    return np.sqrt(alike) * own[labels] + np.sqrt(1 - alike) * each, labels


@pytest.mark.parametrize(
    ("strangers", "photos", "alike", "far"),
    [(15, 12, 0.5, 0.1), (40, 6, 0.2, 0.05), (40, 6, 0.5, 0.05), (200, 5, 0.5, 0.01),
     (300, 1, 0.0, 0.05)],
)  # fmt: skip
def test_far_interval_covers_the_truth(
    strangers: int, photos: int, alike: float, far: float
) -> None:
    rng, threshold = np.random.default_rng(4), norm.isf(far)
    covered, naive = [], []
    for _ in range(4 * EVALUATIONS):
        scores, labels = stranger_scores(rng, strangers, photos, alike)
        low, high = clustered_interval(scores, labels, threshold)
        covered.append(low <= far <= high)
        low, high = wilson_interval(int((scores >= threshold).sum()), len(scores))
        naive.append(low <= far <= high)
    assert 0.93 <= np.mean(covered) <= 0.97
    if alike >= 0.5:
        assert np.mean(naive) < 0.93  # photos counted as if they were strangers of their own


@pytest.mark.parametrize(
    ("strangers", "photos", "alike", "far"),
    [(15, 12, 0.5, 0.1), (15, 12, 0.5, 0.001), (40, 6, 0.5, 0.01), (200, 5, 0.2, 0.01)],
)
def test_dir_interval_covers_the_truth(
    strangers: int, photos: int, alike: float, far: float
) -> None:
    rng, mean, spread, right = np.random.default_rng(5), 3.5, 1.5, 0.97
    truth = right * norm.sf((norm.isf(far) - mean) / spread)
    covered = []
    for _ in range(EVALUATIONS):
        scores, labels = stranger_scores(rng, strangers, photos, alike)
        best = mean + spread * rng.normal(size=160)
        low, high = dir_interval(best, rng.random(160) < right, scores, labels, far)
        covered.append(low <= truth <= high)
    assert 0.93 <= np.mean(covered) <= 0.985  # what lies beyond the highest score is guarded


def test_as_many_trials_as_the_photos_are_worth() -> None:
    rng = np.random.default_rng(6)
    scores, labels = stranger_scores(rng, 2000, 4, 0.5)
    assert intraclass_correlation(scores, labels) == pytest.approx(0.5, abs=0.03)
    both = multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]]).cdf([norm.ppf(0.05)] * 2)
    effect = 1 + 3 * (both - 0.05**2) / (0.05 * 0.95)
    assert effective_trials(scores, labels, 0.05) == pytest.approx(8000 / effect, rel=0.03)
    assert effective_trials(scores, np.arange(8000), 0.05) == 8000
    assert effective_trials(labels.astype(float), labels, 0.05) == pytest.approx(2000, rel=0.1)


def test_degenerate_scores() -> None:
    one, same = np.zeros(5, int), np.full(5, 0.3)
    assert clustered_interval(np.zeros(0), np.zeros(0, int), 0.5) == (0.0, 1.0)
    for scores in (same, np.arange(5.0)):
        low, high = clustered_interval(scores, one, 9.0)  # one stranger says next to nothing
        assert low < 1e-9
        assert high > 0.9
    tied = clustered_interval(np.full(6, 0.3), np.repeat([0, 1, 2], 2), 0.3)
    assert 0 < tied[0] < 0.999 < tied[1] <= 1
    for strangers in (np.array([0.1]), np.full(4, 0.2)):
        labels = np.arange(len(strangers))
        low, high = dir_interval(np.array([0.5, 0.6]), np.ones(2, bool), strangers, labels, 0.01)
        assert 0 <= low < 0.999 < high <= 1
