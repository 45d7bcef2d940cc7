"""Cross-validation that never tests a photo on its own copies."""

from __future__ import annotations

import numpy as np
import pytest
from support import gallery_of, portraits_of

from knownface.dataset.split import split_folds
from knownface.errors import KnownfaceError
from knownface.measure.folds import cross_validate, random_split_accuracy
from knownface.stats.vectors import mean_templates


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("folds", [2, 5])
def test_folds_keep_groups_whole_and_people_even(seed: int, folds: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(8), rng.integers(2, 40, 8))
    labels = np.concatenate([labels, np.full(40, 8)])
    groups = np.where(rng.random(len(labels)) < 0.2, labels * 1000, np.arange(len(labels)) + 1)
    numbers = split_folds(labels, groups, folds, seed)
    assert set(numbers) == set(range(folds))
    for group in np.unique(groups):
        assert len(set(numbers[groups == group])) == 1
    for person in range(9):
        own = labels == person
        sizes = np.bincount(numbers[own], minlength=folds)
        largest = np.unique(groups[own], return_counts=True)[1].max()
        assert sizes.max() - sizes.min() <= max(1, largest)
        if len(np.unique(groups[own])) > 1:
            assert (sizes > 0).sum() >= 2
    assert (numbers == split_folds(labels, groups, folds, seed)).all()


@pytest.mark.parametrize("folds", [-1, 0, 1, 6])
def test_a_wrong_number_of_folds_is_one_sentence(folds: int) -> None:
    labels = np.repeat([0, 1], [5, 3])
    with pytest.raises(KnownfaceError, match=rf"folds={folds}: .* choose 2 to 5$"):
        split_folds(labels, np.arange(8), folds)


def test_every_photo_is_tested_by_templates_of_the_other_folds() -> None:
    gallery = gallery_of(6, 10, spread=0.5)
    portraits, groups = portraits_of(gallery), np.arange(60)
    result = cross_validate(portraits, groups, 5, seed=3)
    numbers, right = split_folds(gallery.labels, groups, 5, 3), np.zeros(60, bool)
    for row in range(60):
        rest = numbers != numbers[row]
        templates = mean_templates(gallery.embeddings[rest], gallery.labels[rest], 6)
        right[row] = (templates @ gallery.embeddings[row]).argmax() == gallery.labels[row]
    assert result.photos == 60
    assert result.accuracy == pytest.approx(right.mean(), abs=1e-9)
    assert result.folds == pytest.approx([right[numbers == fold].mean() for fold in range(5)])
    assert result.accuracy_ci95[0] < result.accuracy < result.accuracy_ci95[1]


def test_copies_say_less_and_people_of_one_group_are_not_tested() -> None:
    gallery = gallery_of(6, 12, spread=0.5)
    alone = cross_validate(portraits_of(gallery), np.arange(72), 3)
    rows = np.repeat(np.arange(0, 72, 3), 3)  # every photo three times
    copies = portraits_of(gallery).select(rows)
    same = cross_validate(copies, rows, 3)
    width = np.subtract(*same.accuracy_ci95[::-1])
    assert width > 1.3 * np.subtract(*alone.accuracy_ci95[::-1])
    lonely = cross_validate(
        portraits_of(gallery), np.where(gallery.labels == 0, 0, np.arange(72)), 3
    )
    assert lonely.photos == 60


def test_a_random_split_tests_with_what_is_left() -> None:
    portraits = portraits_of(gallery_of(6, 10, spread=0.5))
    embeddings, labels, shares = portraits.embeddings, portraits.labels, []
    rng = np.random.default_rng(2)
    for _ in range(5):
        order = rng.permutation(60)
        templates = mean_templates(embeddings[order[12:]], labels[order[12:]], 6)
        predicted = (embeddings[order[:12]] @ templates.T).argmax(1)
        shares.append(np.mean(predicted == labels[order[:12]]))
    assert random_split_accuracy(portraits, 12, seed=2) == np.mean(shares)
    pair = portraits.select(np.array([0, 10]))  # whose photo is tested has no other
    assert random_split_accuracy(pair, 1, seed=0) == 0
