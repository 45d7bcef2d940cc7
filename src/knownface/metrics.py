"""Pure functions over arrays: what the numbers in an evaluation mean."""

from __future__ import annotations

import math

import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) * Z95
    half = spread / (1 + z2 / trials)
    return max(0.0, centre - half), min(1.0, centre + half)


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of rows whose true column is among the k best: scores (n, p), labels (n,).

    Ties count against: a true column must beat all but k - 1 others.
    """
    true = scores[np.arange(len(labels)), labels]
    return float(((scores >= true[:, None]).sum(1) <= k).mean())


# ---------------------------------------------------------------- open set
def threshold_at_far(impostor_scores: np.ndarray, far: float) -> float:
    """The lowest threshold at which at most a share `far` of impostor scores is accepted (>=)."""
    scores = _finite(impostor_scores, "impostor scores")
    allowed = math.floor(far * len(scores) + 1e-9)
    if allowed >= len(scores):
        return float(scores.min())
    highest_refused = np.sort(scores)[::-1][allowed]
    return float(np.nextafter(highest_refused, np.inf, dtype=scores.dtype))


def detection_and_identification_rate(
    scores: np.ndarray, correct: np.ndarray, threshold: float
) -> float:
    """DIR: share of known probes that are ranked first correctly and at or above the threshold.

    scores: (n,) best similarity of each known probe; correct: (n,) whether that was the person.
    (Phillips, Grother and Micheals, Handbook of Face Recognition, open-set identification.)
    """
    return float((np.asarray(correct, bool) & (_finite(scores, "scores") >= threshold)).mean())


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
    scores, same = _finite(scores, "scores"), np.asarray(same, bool)
    if same.all() or not same.any():
        raise ValueError("verification needs pairs of one person and pairs of two")
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    accepted_same = np.cumsum(same[order])[last]
    accepted_other = last + 1 - accepted_same
    far = np.concatenate([[0.0], accepted_other / (~same).sum()])
    tar = np.concatenate([[0.0], accepted_same / same.sum()])
    return far, tar, np.concatenate([[np.inf], ordered[last]])


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
