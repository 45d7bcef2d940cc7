"""Other splits of the same photos: cross-validation, for few of them, and a random split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.dataset.portraits import Portraits
from knownface.dataset.split import split_folds
from knownface.files.values import Count, Interval, Share
from knownface.measure.trial import Trial
from knownface.recognition.comparison import Comparison
from knownface.stats.intervals import clustered_interval


@dataclass(frozen=True)
class Folds:
    """Accuracy over all tested `photos`, and fold by fold."""

    accuracy: Share
    accuracy_ci95: Interval
    folds: list[Share]
    photos: Count


def cross_validate(
    portraits: Portraits,
    groups: np.ndarray,
    folds: int,
    seed: int = 0,
    comparison: Comparison | None = None,
) -> Folds:
    """Test the network as it embedded `portraits`, with mean templates of the other folds.

    groups: (n,) photos that stay together. Give the embeddings of a frozen network: a tuned one has
    seen every photo. Photos of people who are in one fold only are not tested. The interval allows
    for photos of a group that go wrong together. Raises KnownfaceError for a wrong number of folds.
    """
    labels, faces = portraits.labels, portraits.faces
    numbers = split_folds(labels, groups, folds, seed)
    margins = np.full(len(labels), np.nan)
    for fold in range(folds):
        train, test = np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)
        trial, rows = Trial.of_split(faces, labels, train, test, comparison)
        margins[rows] = trial.margins
    tested = np.isfinite(margins)
    correct, numbers = margins[tested] > 0, numbers[tested]
    return Folds(
        accuracy=float(correct.mean()),
        accuracy_ci95=clustered_interval(margins[tested], groups[tested], np.nextafter(0, 1)),
        folds=[float(correct[numbers == fold].mean()) for fold in np.unique(numbers)],
        photos=int(tested.sum()),
    )


def random_split_accuracy(
    portraits: Portraits,
    validation: int,
    seed: int,
    comparison: Comparison | None = None,
    repeats: int = 5,
) -> float:
    """What a random split of the same size would have claimed, with mean templates.

    A photo whose person has no other counts as wrong.
    """
    rng = np.random.default_rng(seed)
    shares = []
    for _ in range(repeats):
        order = rng.permutation(len(portraits))
        test, train = order[:validation], order[validation:]
        trial, _ = Trial.of_split(portraits.faces, portraits.labels, train, test, comparison)
        shares.append(trial.correct.sum() / validation)
    return float(np.mean(shares))
