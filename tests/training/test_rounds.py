"""The rounds of a race: nobody and no group of photos on two sides, and photos enough."""

from __future__ import annotations

import numpy as np
import pytest

from knownface.dataset.portraits import Faces
from knownface.training.rounds import JUDGED, Ground, parted


def photos(people: int, each: int, together: int = 1) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(people), each)
    return labels, np.arange(len(labels)) // together


@pytest.mark.parametrize("given", [0, 60])
@pytest.mark.parametrize(("people", "each"), [(5, 4), (5, 20), (10, 8), (20, 3)])
def test_a_round_keeps_people_and_groups_apart(people: int, each: int, given: int) -> None:
    labels, groups = photos(people, each, together=2)
    for part in parted(labels, groups, given, seed=3):
        assert not set(groups[part.learned]) & set(groups[part.judged])
        enrolled = set(labels[part.learned])
        assert set(labels[part.judged]) <= enrolled
        assert not set(labels[part.left_out]) & enrolled
        assert bool(len(part.left_out)) == (not given)


def test_every_photo_is_judged_once_where_photos_are_few_and_strangers_given() -> None:
    labels, groups = photos(8, 6)
    rounds = parted(labels, groups, 50, seed=0)
    judged = np.concatenate([part.judged for part in rounds])
    np.testing.assert_array_equal(np.sort(judged), np.arange(len(labels)))


def test_other_people_play_strangers_in_every_round() -> None:
    labels, groups = photos(10, 8)
    rounds = parted(labels, groups, 0, seed=0)
    strange = np.concatenate([np.unique(labels[part.left_out]) for part in rounds])
    assert len(rounds) == 4
    assert len(strange) == len(set(strange)) == 8


def test_there_are_no_more_rounds_than_judge_enough_photos() -> None:
    counts = [len(part.judged) for part in parted(*photos(20, 10), 50, seed=0)]
    assert sum(counts) >= JUDGED
    assert sum(counts[:-1]) < JUDGED
    assert len(parted(*photos(20, 20), 50, seed=0)) == 1


def test_who_has_no_photo_to_spare_is_learned_and_never_judged() -> None:
    labels = np.array([0, 1, 1, 1, 2, 2])
    rounds = parted(labels, np.array([0, 1, 1, 1, 2, 3]), 50, seed=0)
    for part in rounds:
        assert set(labels[part.learned]) == {0, 1, 2}
        assert set(labels[part.judged]) == {2}


def test_one_photo_each_or_nobody_strange_is_no_race() -> None:
    assert parted(*photos(9, 1), 50, seed=0) == []
    assert parted(*photos(4, 9), 0, seed=0) == []


def test_a_stranger_is_one_person_in_all_rounds() -> None:
    labels, groups = photos(10, 4)
    faces, strangers = (Faces(np.zeros((n, 1)), np.zeros((n, 1))) for n in (40, 9))
    where = Ground.of(faces, labels, groups, strangers, np.arange(9) // 3, 0)
    first, second = (where.others(part) for part in where.rounds[:2])
    np.testing.assert_array_equal(first[:9], [10, 10, 10, 11, 11, 11, 12, 12, 12])
    np.testing.assert_array_equal(second[:9], first[:9])
    assert not set(first[9:]) & set(second[9:])
