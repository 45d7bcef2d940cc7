"""Intervals contain the truth as often as they say, by simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom, multivariate_normal, norm

from knownface.stats.intervals import (
    clustered_interval,
    dir_interval,
    effective_trials,
    gap_interval,
    intraclass_correlation,
    level_of_each,
    wilson_interval,
)
from knownface.stats.metrics import dir_at_far

EVALUATIONS = 500


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0), (0, 0, 0.0, 1.0)],
)  # 81 of 263: the worked example of Newcombe (1998), method 3
def test_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("trials", [3, 3.7, 7, 12, 25, 160])
def test_none_and_all_reach_exactly_0_and_1(trials: float) -> None:
    assert wilson_interval(0, trials)[0] == 0
    assert wilson_interval(trials, trials)[1] == 1


def coverage_of_wilson(share: float, trials: int) -> float:
    """How often the interval contains the true share: exact, over every possible outcome."""
    counts = np.arange(trials + 1)
    low, high = np.array([wilson_interval(int(k), trials) for k in counts]).T
    return float(binom.pmf(counts, trials, share)[(low <= share) & (share <= high)].sum())


@pytest.mark.parametrize("accuracy", [0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98])
def test_accuracy_interval_covers_each_truth(accuracy: float) -> None:
    assert 0.93 <= coverage_of_wilson(accuracy, 160) <= 0.97


@pytest.mark.parametrize(("high", "low", "expected"), [
    ((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090)),
    ((10, 10), (0, 20), (0.6791, 1.0)),
])  # fmt: skip
def test_gap_interval(
    high: tuple[int, int], low: tuple[int, int], expected: tuple[float, float]
) -> None:
    """Worked examples of Newcombe (1998, Interval estimation for the difference), method 10."""
    parts = [part for k, n in (high, low) for part in (k / n, wilson_interval(k, n))]
    assert gap_interval(*parts) == pytest.approx(expected, abs=1e-4)  # type: ignore[arg-type]


def test_several_intervals_at_once_are_wider() -> None:
    assert level_of_each(1) == pytest.approx(norm.isf(0.025))
    assert level_of_each(6) == pytest.approx(norm.isf(0.025 / 6))
    scores, labels = stranger_scores(np.random.default_rng(8), 20, 5, 0.5)
    one, six = (clustered_interval(scores, labels, 0.5, level_of_each(n)) for n in (1, 6))
    assert six[0] < one[0] < one[1] < six[1]


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


Evaluated = tuple[float, float, tuple[float, float]]  # the truth, what was found, its interval


def evaluate_accuracy(rng: np.random.Generator) -> Evaluated:
    truth, photos = rng.uniform(0.8, 0.99), rng.choice([40, 80, 160])
    right = int(rng.binomial(photos, truth))
    return truth, right / photos, wilson_interval(right, photos)


def few_strangers(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores of 10 to 30 strangers with 1 to 12 photos each, and whose they are."""
    scores, labels = stranger_scores(rng, rng.integers(10, 31), 12, rng.uniform(0.2, 0.6))
    kept = np.arange(len(labels)) % 12 < rng.integers(1, 13, labels[-1] + 1)[labels]
    return scores[kept], labels[kept]


def evaluate_far(rng: np.random.Generator) -> Evaluated:
    truth, (scores, labels) = rng.uniform(0.05, 0.2), few_strangers(rng)
    threshold = norm.isf(truth)
    found = float((scores >= threshold).mean())
    return truth, found, clustered_interval(scores, labels, threshold)


def evaluate_dir(rng: np.random.Generator, far: float = 0.01) -> Evaluated:
    mean, spread, right, photos = rng.uniform(3, 4), 1.5, 0.97, rng.choice([40, 80, 160])
    best, correct = mean + spread * rng.normal(size=photos), rng.random(photos) < right
    truth = right * norm.sf((norm.isf(far) - mean) / spread)
    scores, labels = few_strangers(rng)
    found = dir_at_far(best, correct, scores, far)
    return truth, found, dir_interval(best, correct, scores, labels, far)


@pytest.mark.parametrize(
    ("evaluate", "least", "most"),
    [(evaluate_accuracy, 0.94, 0.97), (evaluate_far, 0.945, 0.97), (evaluate_dir, 0.93, 0.96)],
)
def test_intervals_are_as_wide_as_they_have_to_be(
    evaluate: Callable[[np.random.Generator], Evaluated], least: float, most: float
) -> None:
    rng = np.random.default_rng(0)
    truths, found, bounds = zip(*(evaluate(rng) for _ in range(4 * EVALUATIONS)), strict=True)
    truth, middle, (low, high) = np.array(truths), np.array(found), np.array(bounds).T

    def covered(width: float) -> np.ndarray:
        inside = (middle - width * (middle - low) <= truth) & (
            truth <= middle + width * (high - middle)
        )
        return inside.reshape(4, EVALUATIONS).mean(1)

    assert covered(1).min() >= 0.93
    assert covered(1).max() <= 0.97
    assert covered(0.9).mean() < least < covered(1).mean() < most < covered(1.1).mean()


@pytest.mark.parametrize(
    ("strangers", "photos", "alike", "far"),
    [(15, 12, 0.5, 0.1), (40, 6, 0.5, 0.01), (200, 5, 0.2, 0.01), (200, 1, 0.0, 0.001)],
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
        assert low > 0
    assert 0.93 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize(("strangers", "photos"), [(5, 12), (15, 6), (90, 1)])
def test_too_few_strangers_leave_the_interval_open(strangers: int, photos: int) -> None:
    rng = np.random.default_rng(7)
    scores, labels = stranger_scores(rng, strangers, photos, 0.5)
    best, correct = 3.5 + rng.normal(size=160), np.ones(160, bool)
    low, high = dir_interval(best, correct, scores, labels, 0.001)
    assert low == 0
    assert dir_at_far(best, correct, scores, 0.001) <= high <= 1
    assert dir_interval(best, correct, scores, labels, 0.1)[0] > 0.5


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
