"""How many photos per person are enough: the frozen templates of fewer photos, tested alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knownface.files.values import Count, Interval, Share
from knownface.measure.trial import Trial
from knownface.recognition.gallery import Gallery
from knownface.stats.intervals import wilson_interval

STEPS = (1, 2, 3, 5, 10, 20, 50, 100)
DRAWS = 10
FAR = 0.01
WORTH_IT = 0.01  # a gain in accuracy or DIR for which people take more photos
# Test photos of which one would go right that went wrong in 95 % of tests, if as many as two in a
# hundred did: 3 / 0.02, by the rule of three (Hanley and Lippman-Hand, 1983).
ENOUGH = 150


@dataclass(frozen=True)
class LearningPoint:
    """Templates of at most `photos` training photos per person, averaged over random draws.

    accuracy_ci95: for other test photos (Wilson); dir: at FAR 1 %, None without strangers.
    """

    photos: Count
    accuracy: Share
    accuracy_ci95: Interval
    dir: Share | None


def measure_learning_curve(
    gallery: Gallery, probes: np.ndarray, truth: np.ndarray, strangers: np.ndarray
) -> list[LearningPoint]:
    """Accuracy and DIR with 1, 2, 3, 5, ... enrolled photos per person, up to what is there.

    probes: (n, d) test photos of people `truth` (n,); strangers: (m, d), or none of them, when
    each person in turn is one. Mean templates, whatever the gallery's own are: of a tuned network,
    which has learned from all the photos, the curve starts too high. Empty without test photos.
    """
    if not len(truth):
        return []
    counts = np.bincount(gallery.labels)
    steps = [step for step in STEPS if step < counts.max()] + [int(counts.max())]
    rng = np.random.default_rng(0)
    results = np.array(
        [
            [_test(gallery, ranks < step, probes, truth, strangers) for step in steps]
            for ranks in (_ranks(gallery.labels, rng) for _ in range(DRAWS))
        ],
        float,
    ).mean(0)  # (steps, 2)
    return [
        LearningPoint(
            photos=step,
            accuracy=float(accuracy),
            accuracy_ci95=wilson_interval(accuracy * len(truth), len(truth)),
            dir=float(found) if np.isfinite(found) else None,
        )
        for step, (accuracy, found) in zip(steps, results, strict=True)
    ]


def _ranks(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every photo's place (n,) in a random order of its own person's photos, from 0."""
    order = np.lexsort((rng.random(len(labels)), labels))  # by person, shuffled within
    starts = np.searchsorted(labels[order], labels[order])
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - starts
    return ranks


def _test(
    gallery: Gallery,
    chosen: np.ndarray,
    probes: np.ndarray,
    truth: np.ndarray,
    strangers: np.ndarray,
) -> tuple[float, float]:
    """Accuracy and DIR (NaN where nobody is a stranger) with the templates of chosen photos."""
    trial = Trial.of(gallery.of_photos(chosen).scores, probes, truth, strangers)
    return trial.accuracy, trial.dir_at_far(FAR) if len(trial.strangers) else np.nan


def would_more_photos_help(curve: Sequence[LearningPoint], tested: int) -> str:
    """One sentence: what the last half or third of the photos brought, which the next may bring.

    tested: photos behind each point of the curve; so few that a gain might not show say nothing.
    """
    if len(curve) < 2:
        return "One photo per person says nothing about what more photos would bring."
    now = curve[-1]
    before = next(point for point in curve[-2::-1] if 1.5 * point.photos <= now.photos)
    what, low, high = max(
        ("accuracy", before.accuracy, now.accuracy),
        ("DIR at FAR 1 %", before.dir or 0.0, now.dir or 0.0),
        key=lambda each: each[2] - each[1],
    )
    went = (
        f"from {before.photos} to {now.photos} per person, {what} went from {low:.3f} to {high:.3f}"
    )
    if high - low >= WORTH_IT:
        return f"More photos would probably help: {went}."
    if tested < ENOUGH:
        return f"Whether more photos would help, {tested} test photos cannot tell: {went}."
    return f"More photos would hardly help: {went}."
