"""Copies on pairs whose answers are known."""

from __future__ import annotations

import time

import numpy as np

from knownface.diagnosis.copies import Copies, first_of_each


def test_the_first_of_many_equal_ones_stands_for_all() -> None:
    marks = ["a", "b", "a", "c", "a", "b"]
    copies = Copies(first_of_each(marks), {(1, 3): False})
    assert sorted(copies.pairs()) == [(0, 2), (0, 4), (1, 3), (1, 5)]
    labels = np.zeros(6, np.int64)
    assert copies.replaced(labels, rank=lambda i: -i) == {0: 4, 2: 4, 1: 5, 3: 5}
    assert copies.replaced(labels, rank=lambda i: i) == {2: 0, 4: 0, 5: 1, 3: 1}
    assert list(copies.across(labels, {})) == []


def test_what_is_like_a_photo_that_goes_stays() -> None:
    """Of frames 0-1-2, where only neighbours are alike, both ends stay if the middle goes."""
    copies = Copies(np.arange(3), {(0, 1): False, (1, 2): False})
    labels = np.zeros(3, np.int64)
    assert copies.replaced(labels, rank=lambda i: i) == {1: 0}
    assert copies.replaced(labels, rank=lambda i: abs(i - 1)) == {0: 1, 2: 1}


def test_copies_under_other_labels() -> None:
    copies = Copies(first_of_each(["a", "a", "a", "b"]), {(0, 3): False})
    labels = np.array([0, 0, 1, 2])
    replaced = copies.replaced(labels, rank=lambda i: i)
    assert replaced == {1: 0}
    assert list(copies.across(labels, replaced)) == [[0, 2], [0, 3], [2, 3]]


def test_the_fewer_ones_are_mirrored() -> None:
    same = np.array([0, 1, 2, 3, 4, 4])
    copies = Copies(same, {(0, 1): True, (1, 2): True, (3, 4): True})
    assert copies.mirrored.tolist() == [False, True, False, True, False, False]
    undecided = Copies(np.arange(2), {(0, 1): True})
    assert undecided.mirrored.tolist() == [False, False]


def test_ten_thousand_copies_are_no_work() -> None:
    count = 10_000
    start = time.perf_counter()
    copies = Copies(first_of_each(["the same"] * count), {})
    assert len(list(copies.pairs())) == count - 1
    assert len(copies.replaced(np.zeros(count, np.int64), rank=lambda i: i)) == count - 1
    assert time.perf_counter() - start < 1
