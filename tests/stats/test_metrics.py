"""Metrics against scikit-learn and against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from knownface.stats import metrics

RNG = np.random.default_rng(7)


def pairs(count: int, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    same = RNG.random(count) < 0.5
    scores = RNG.normal(same * 1.5, 1.0)
    return (np.round(scores, 1) if ties else scores), same


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_accuracy(k: int) -> None:
    scores, labels = RNG.normal(size=(200, 8)), RNG.integers(0, 8, 200)
    expected = top_k_accuracy_score(labels, scores, k=k, labels=range(8))
    assert metrics.top_k_accuracy(scores, labels, k) == pytest.approx(expected, abs=1e-12)


def test_ties_do_not_count_as_right() -> None:
    assert metrics.top_k_accuracy(np.ones((4, 3)), np.array([0, 1, 2, 0]), 1) == 0.0


def test_roc_by_hand() -> None:
    points = metrics.roc(np.array([0.8, 0.9, 0.1, 0.8]), np.array([False, True, False, True]))
    np.testing.assert_allclose(points, [[0, 0, 0.5, 1], [0, 0.5, 1, 1], [np.inf, 0.9, 0.8, 0.1]])


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("far", [0.0, 0.01, 0.1, 1.0])
def test_tar_at_far_by_trying_every_threshold(ties: bool, far: float) -> None:
    scores, same = pairs(300, ties)
    best = 0.0
    for threshold in [*np.unique(scores), np.inf]:
        accepted = scores >= threshold
        if accepted[~same].mean() <= far:
            best = max(best, accepted[same].mean())
    assert metrics.tar_at_far(scores, same, far) == pytest.approx(best, abs=1e-12)


def test_equal_error_rate_lies_between_the_two_errors() -> None:
    scores, same = pairs(2000)
    rates = [((scores[~same] >= t).mean(), (scores[same] < t).mean()) for t in np.sort(scores)]
    far, frr = min(rates, key=lambda rate: abs(rate[0] - rate[1]))
    found = metrics.equal_error_rate(scores, same)
    assert min(far, frr) - 1e-3 <= found <= max(far, frr) + 1e-3
    assert metrics.equal_error_rate(np.array([1.0, 0.9, 0.1]), np.array([True, True, False])) == 0.0


@pytest.mark.parametrize("ties", [False, True])
def test_best_threshold_by_trying_every_one(ties: bool) -> None:
    scores, same = pairs(300, ties)
    best = max(((scores >= t) == same).mean() for t in [*np.unique(scores), np.inf])
    found = metrics.best_threshold(scores, same)
    assert ((scores >= found) == same).mean() == pytest.approx(best, abs=1e-12)


def test_cross_validation_never_sees_its_test_fold() -> None:
    scores, same = pairs(400)
    folds = np.repeat(np.arange(10), 40)
    accuracies, thresholds = metrics.cross_validated_accuracy(scores, same, folds)
    for fold in range(10):
        other = folds != fold
        assert thresholds[fold] == metrics.best_threshold(scores[other], same[other])
        expected = ((scores[~other] >= thresholds[fold]) == same[~other]).mean()
        assert accuracies[fold] == pytest.approx(expected)


@pytest.mark.parametrize("far", [0.0, 0.001, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("ties", [False, True])
def test_threshold_at_far_is_the_lowest_that_holds(far: float, ties: bool) -> None:
    scores = pairs(999, ties)[0].astype(np.float32)
    threshold = metrics.threshold_at_far(scores, far)
    assert (scores >= threshold).mean() <= far
    lower = scores[scores < threshold]
    if len(lower):
        assert (scores >= lower.max()).mean() > far


def test_dir_at_far_by_hand() -> None:
    strangers = np.linspace(0, 1, 101)[:-1]  # a threshold just above 0.98 accepts 1 of 100
    scores, correct = np.array([0.5, 0.985, 0.99, 0.995]), np.array([True, True, False, True])
    assert metrics.dir_at_far(scores, correct, strangers, 0.01) == 0.5
    assert metrics.detection_and_identification_rate(scores, correct, 0.4) == 0.75


@pytest.mark.parametrize("ties", [False, True])
def test_open_set_curve_by_counting(ties: bool) -> None:
    known, correct = pairs(300, ties)
    strangers = pairs(2000, ties)[0]
    far, found = metrics.open_set_curve(known, correct, strangers)
    assert len(far) <= 200
    assert far[0] == 0
    assert far[-1] == 1
    assert (np.diff(far) >= 0).all()
    assert (np.diff(found) >= 0).all()
    for rate, share in zip(far, found, strict=True):
        threshold = strangers[np.argsort(-strangers)][: round(rate * 2000)].min(initial=np.inf)
        lower = strangers[strangers < threshold].max(initial=-np.inf)
        sure = (correct & (known >= threshold)).mean()
        possible = (correct & (known > lower)).mean()
        assert sure - 1e-12 <= share <= possible + 1e-12
    one = metrics.open_set_curve(np.array([0.5]), np.array([True]), np.array([0.4]))
    np.testing.assert_array_equal(one, [[0, 1], [1, 1]])


# ---------------------------------------------------------------- confidence
def counted_ece(confidence: np.ndarray, correct: np.ndarray, bins: int) -> float:
    """Guo et al. (2017), equation 3, photo by photo."""
    total = 0.0
    for edge in range(bins):
        inside = [
            (c, r)
            for c, r in zip(confidence, correct, strict=True)
            if edge / bins < c <= (edge + 1) / bins or (edge == 0 and c == 0)
        ]
        if inside:
            mean, right = np.mean(inside, axis=0)
            total += len(inside) / len(confidence) * abs(mean - right)
    return total


@pytest.mark.parametrize("kind", ["random", "ties", "all right", "all wrong"])
def test_calibration_error_by_counting(kind: str) -> None:
    confidence = RNG.random(500)
    if kind == "ties":
        confidence = np.round(confidence * 15) / 15  # every value is an edge
    correct = {"all right": np.ones(500), "all wrong": np.zeros(500)}.get(
        kind, RNG.random(500) < confidence
    )
    expected = counted_ece(confidence, correct, 15)
    found = metrics.expected_calibration_error(confidence, correct)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("bad", [[], [np.nan, 0.5], [1.2, 0.1], [-0.1, 0.2]])
def test_what_is_not_a_confidence_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="confidences must"):
        metrics.expected_calibration_error(np.array(bad), np.zeros(len(bad)))


@pytest.mark.parametrize("bad", [[], [np.nan, 0.5], [np.inf, 0.1]])
def test_what_is_not_a_number_is_refused(bad: list[float]) -> None:
    scores = np.array(bad)
    with pytest.raises(ValueError, match="finite"):
        metrics.threshold_at_far(scores, 0.1)
    with pytest.raises(ValueError, match="finite"):
        metrics.top_k_accuracy(scores.reshape(-1, 1), np.zeros(len(bad), int), 1)
    with pytest.raises(ValueError, match="finite"):
        metrics.open_set_curve(np.ones(2), np.ones(2, bool), scores)
    with pytest.raises(ValueError, match="finite"):
        metrics.open_set_curve(scores, np.ones(len(bad), bool), np.ones(2))
    with pytest.raises(ValueError, match="finite"):
        metrics.roc(scores, np.arange(len(bad)) % 2 == 0)


@pytest.mark.parametrize("same", [True, False])
def test_one_class_is_refused(same: bool) -> None:
    with pytest.raises(ValueError, match="pairs of one person and pairs of two"):
        metrics.equal_error_rate(np.array([0.1, 0.2]), np.array([same, same]))
