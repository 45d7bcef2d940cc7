"""How far a recogniser's confidence can be believed: temperature scaling, and what it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from knownface.files.values import Count, Positive, Share
from knownface.measure.trial import Trial
from knownface.recognition.gallery import Gallery
from knownface.stats import metrics

UNCALIBRATED = 1.0  # the plain softmax of cosines, which is unsure of everything
COLDEST, WARMEST = 1e-3, 10.0  # where a temperature is looked for; cosines differ by at most 2


@dataclass(frozen=True)
class Bin:
    """One row of the reliability diagram: photos of about the same confidence."""

    confidence: Share
    accuracy: Share
    photos: Count


@dataclass(frozen=True)
class Calibration:
    """Confidence is the highest softmax, over people, of cosine / temperature.

    ece: expected calibration error of `photos` test photos (15 bins of equal width); ece_before:
        the same at temperature 1; reliability: the bins that are not empty.
    """

    temperature: Positive
    ece: Share
    ece_before: Share
    photos: Count
    reliability: list[Bin]


def measure_calibration(gallery: Gallery, trial: Trial) -> Calibration | None:
    """Fit a temperature on the gallery's photos, each left out in turn, and test it.

    trial: of the test photos. None without any, for one person, or where nobody has two enrolled. A
    tuned network knows its training photos too well, so that its temperature comes out too cold;
    the error on test photos shows how much.
    """
    held_out, labels = gallery.scores_without_itself()
    if len(gallery.people) < 2 or not len(labels) or not len(trial.truth):
        return None
    temperature = fit_temperature(held_out, labels)
    correct = trial.correct
    before, after = (confidence(trial.scores, each) for each in (UNCALIBRATED, temperature))
    rows = zip(*(column.tolist() for column in metrics.reliability(after, correct)), strict=True)
    return Calibration(
        temperature=temperature,
        ece=metrics.expected_calibration_error(after, correct),
        ece_before=metrics.expected_calibration_error(before, correct),
        photos=len(correct),
        reliability=[Bin(*row) for row in rows],
    )


def confidence(scores: np.ndarray, temperature: float) -> np.ndarray:
    """The highest probability (n,) of cosines (n, p)."""
    from scipy.special import softmax

    return np.asarray(softmax(scores.astype(np.float64) / temperature, axis=1).max(1))


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least cross-entropy (Guo et al., 2017): scores (n, p), labels (n,).

    As Platt (1999) has it, n photos are believed by (n + 1) / (n + 2) each, and the best other
    person by the rest, for otherwise photos that are all named rightly would ask for zero.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows, doubt = np.arange(len(labels)), 1 / (len(labels) + 2)
    others = scores.copy()
    others[rows, labels] = -np.inf
    weights = np.zeros(scores.shape)
    weights[rows, labels] = 1 - doubt
    weights[rows, others.argmax(1)] = doubt

    def cross_entropy(logarithm: float) -> float:
        return -float((weights * log_softmax(scores / math.exp(logarithm), axis=1)).sum())

    bounds = math.log(COLDEST), math.log(WARMEST)
    return math.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x)
