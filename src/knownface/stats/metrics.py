"""Pure functions over arrays: what the numbers in an evaluation mean."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

BINS = 15  # of the reliability diagram (Guo et al., 2017)
TAIL = 0.1  # the share of highest scores that an exponential tail is fitted to
FEWEST_IN_TAIL = 5


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of rows whose true column is among the k best: scores (n, p), labels (n,).

    Ties count against: a true column must beat all but k - 1 others.
    """
    scores = _finite(scores, "scores")
    true = scores[np.arange(len(labels)), labels]
    return float(((scores >= true[:, None]).sum(1) <= k).mean())


def best_of_others(
    scores: np.ndarray, labels: np.ndarray, same: Iterable[tuple[int, int]] = ()
) -> np.ndarray:
    """The highest score (n,) with anybody but a row's own column: scores (n, p), labels (n,).

    As if each person in turn were a stranger; -1, the least cosine, where nobody else is there.
    same: pairs of columns that are one person, no strangers to each other.
    """
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -1.0
    for a, b in same:
        others[labels == a, b] = others[labels == b, a] = -1.0
    return np.asarray(others.max(1))


# ---------------------------------------------------------------- confidence
def reliability(
    confidence: np.ndarray, correct: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean confidence, accuracy and count of every bin of equal width that is not empty.

    confidence: (n,) in 0..1; a bin holds its upper edge (Guo et al., 2017, On Calibration of Modern
    Neural Networks, whose 15 bins are the default).
    """
    confidence = _finite(confidence, "confidences")
    if confidence.min() < 0 or confidence.max() > 1 + 1e-9:
        raise ValueError("confidences must lie between 0 and 1")
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    filled = counts > 0
    sums = (np.bincount(index, each, bins)[filled] for each in (confidence, correct))
    mean, accuracy = (each / counts[filled] for each in sums)
    return mean, accuracy, counts[filled]


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """ECE: how far confidence and accuracy lie apart, averaged over photos, bin by bin."""
    mean, accuracy, counts = reliability(confidence, correct)
    return float((counts * np.abs(mean - accuracy)).sum() / counts.sum())


# ---------------------------------------------------------------- open set
def threshold_at_far(impostor_scores: np.ndarray, far: float) -> float:
    """The lowest threshold at which at most a share `far` of impostor scores is accepted (>=)."""
    scores = _finite(impostor_scores, "impostor scores")
    allowed = math.floor(far * len(scores) + 1e-9)
    if allowed >= len(scores):
        return float(scores.min())
    highest_refused = np.sort(scores)[::-1][allowed]
    return float(np.nextafter(highest_refused, np.inf, dtype=scores.dtype))


def threshold_in_tail(impostor_scores: np.ndarray, far: float) -> float:
    """The threshold at a false-accept rate by an exponential tail, from the highest tenth on.

    Steadier than a single score of few, and not drawn by the many low ones as a normal fit is.
    """
    falling = np.sort(_finite(impostor_scores, "impostor scores").astype(np.float64))[::-1]
    tail = min(max(FEWEST_IN_TAIL, int(TAIL * len(falling))), len(falling) - 1)
    if tail < 1:
        return math.inf
    excess = (falling[:tail] - falling[tail]).mean()
    return float(falling[tail] + excess * math.log(tail / len(falling) / far))


def detection_and_identification_rate(
    scores: np.ndarray, correct: np.ndarray, threshold: float
) -> float:
    """DIR: share of known probes that are ranked first correctly and at or above the threshold.

    scores: (n,) best similarity of each known probe; correct: (n,) whether that was the person.
    (Phillips, Grother and Micheals, Handbook of Face Recognition, open-set identification.)
    """
    return float((np.asarray(correct, bool) & (_finite(scores, "scores") >= threshold)).mean())


def open_set_curve(
    scores: np.ndarray, correct: np.ndarray, stranger_scores: np.ndarray, points: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """FAR and DIR, both rising, at no more than `points` thresholds that fall.

    The thresholds lie just above stranger scores, close together where few strangers are accepted;
    the first accepts none and the last accepts all. FAR against 1 - DIR is the DET curve.
    """
    strangers = np.sort(_finite(stranger_scores, "stranger scores"))
    spaced = np.geomspace(1, len(strangers), points - 1).round().astype(int)
    accepted = np.unique(np.concatenate([[0], spaced]))
    above = np.nextafter(strangers[::-1], np.inf, dtype=strangers.dtype)
    thresholds = np.append(above, strangers[0])[accepted]
    far = 1 - np.searchsorted(strangers, thresholds) / len(strangers)
    found = np.sort(_finite(scores, "scores")[np.asarray(correct, bool)])
    hits = (len(found) - np.searchsorted(found, thresholds)) / len(scores)
    return far, hits


def dir_at_far(
    scores: np.ndarray, correct: np.ndarray, stranger_scores: np.ndarray, far: float
) -> float:
    """DIR at the lowest threshold that keeps the false-accept rate on strangers at `far`."""
    threshold = threshold_at_far(stranger_scores, far)
    return detection_and_identification_rate(scores, correct, threshold)


# ---------------------------------------------------------------- verification
def roc(scores: np.ndarray, same: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False-accept rate, true-accept rate and threshold at every distinct score, falling.

    scores: (n,) similarities; same: (n,) whether a pair is one person. A pair is accepted at or
    above the threshold. The first point accepts nothing.
    """
    from sklearn.metrics import roc_curve

    scores, same = _finite(scores, "scores"), np.asarray(same, bool)
    if same.all() or not same.any():
        raise ValueError("verification needs pairs of one person and pairs of two")
    far, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    return far, tar, thresholds


def tar_at_far(scores: np.ndarray, same: np.ndarray, far: float) -> float:
    """The highest true-accept rate among thresholds whose false-accept rate is at most `far`."""
    fars, tars, _ = roc(scores, same)
    return float(tars[fars <= far].max())


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """Where false accepts equal false rejects, interpolated between the neighbouring points."""
    far, tar, _ = roc(scores, same)
    difference = far - (1 - tar)  # rises from -1 to 1
    after = int(np.argmax(difference >= 0))
    before = after - 1
    span = difference[after] - difference[before]
    weight = -difference[before] / span
    return float(far[before] + weight * (far[after] - far[before]))


def best_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """The threshold of highest accuracy; the middle between the two scores that it parts."""
    far, tar, thresholds = roc(scores, same)
    right = tar * same.sum() + (1 - far) * (~np.asarray(same, bool)).sum()
    best = int(np.argmax(right))
    if best == 0:
        return float(np.nextafter(thresholds[1], np.inf))
    below = thresholds[best + 1] if best + 1 < len(thresholds) else thresholds[best]
    return float((thresholds[best] + below) / 2)


def cross_validated_accuracy(
    scores: np.ndarray, same: np.ndarray, folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy and threshold per fold, the threshold chosen on the other folds.

    folds: (n,) fold number of each pair (Huang et al., 2007, the LFW protocol).
    """
    accuracies, thresholds = [], []
    for fold in np.unique(folds):
        test = folds == fold
        threshold = best_threshold(scores[~test], same[~test])
        accuracies.append(float(((scores[test] >= threshold) == same[test]).mean()))
        thresholds.append(threshold)
    return np.array(accuracies), np.array(thresholds)


def _finite(values: np.ndarray, what: str) -> np.ndarray:
    values = np.asarray(values)
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(f"{what} must be finite numbers, at least one")
    return values
