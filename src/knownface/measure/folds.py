"""Cross-validation, for few photos: every photo is tested once, by templates of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.dataset.portraits import Portraits
from knownface.dataset.split import split_folds
from knownface.files.values import Count, Interval, Share
from knownface.stats.intervals import clustered_interval
from knownface.stats.vectors import mean_templates


@dataclass(frozen=True)
class Folds:
    """Accuracy over all tested `photos`, and fold by fold."""

    accuracy: Share
    accuracy_ci95: Interval
    folds: list[Share]
    photos: Count


def cross_validate(portraits: Portraits, groups: np.ndarray, folds: int, seed: int = 0) -> Folds:
    """Test the network as it embedded `portraits`, with mean templates of the other folds.

    groups: (n,) photos that stay together. Give the embeddings of a frozen network: a tuned one has
    seen every photo. Photos of people who are in one fold only are not tested. The interval allows
    for photos of a group that go wrong together. Raises KnownfaceError for a wrong number of folds.
    """
    labels, embeddings = portraits.labels, portraits.embeddings
    numbers = split_folds(labels, groups, folds, seed)
    leads = np.full(len(labels), np.nan)  # own similarity above the best other
    for fold in range(folds):
        train, test = numbers != fold, numbers == fold
        present, index = np.unique(labels[train], return_inverse=True)
        templates = mean_templates(embeddings[train], index, len(present))
        rows = np.flatnonzero(test & np.isin(labels, present))
        scores = embeddings[rows] @ templates.T
        own = np.arange(len(rows)), np.searchsorted(present, labels[rows])
        similarity = scores[own]
        scores[own] = -1.0
        leads[rows] = similarity - scores.max(1)
    tested = np.isfinite(leads)
    correct, numbers = leads[tested] > 0, numbers[tested]
    return Folds(
        accuracy=float(correct.mean()),
        accuracy_ci95=clustered_interval(leads[tested], groups[tested], np.nextafter(0, 1)),
        folds=[float(correct[numbers == fold].mean()) for fold in np.unique(numbers)],
        photos=int(tested.sum()),
    )
