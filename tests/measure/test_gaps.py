"""Gaps between groups: the surest is named, and chance is not taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from knownface.measure.gaps import GroupGap, measure_gaps
from knownface.measure.groups import Groups, Names
from knownface.measure.trial import Trial

PHOTOS = 6  # of each person


def drawn(
    rng: np.random.Generator, shares: dict[str, float], people: dict[str, int]
) -> tuple[Groups, Trial, Names]:
    """Known people of groups, of whom such shares of photos are named at 0; photos are alike."""
    groups = [group for group, count in people.items() for _ in range(count)]
    names = np.array([f"{group} {i}" for i, group in enumerate(groups)])
    limits = np.array([norm.isf(shares[group]) for group in groups])
    own = np.sqrt(0.3) * rng.normal(size=len(names)) - limits
    scores = own.repeat(PHOTOS) + np.sqrt(0.7) * rng.normal(size=len(names) * PHOTOS)
    of_both = np.stack([scores, np.full(len(scores), -9.0)], 1)
    trial = Trial(of_both, np.zeros(len(scores), int), np.zeros(0))
    members = Groups(Path("x"), {"age": dict(zip(names.tolist(), groups, strict=True))})
    nobody = np.zeros(0, np.str_)
    return members, trial, Names(names.repeat(PHOTOS), nobody, np.zeros(0, bool), True)


def gap_of(groups: Groups, trial: Trial, names: Names) -> GroupGap:
    (gap,) = measure_gaps(groups, trial, 0.0, names)
    return gap


@pytest.mark.parametrize("people", [
    {"a": 2, "b": 2}, {"a": 5, "b": 20}, {"a": 12, "b": 12, "c": 12, "d": 12},
])  # fmt: skip
def test_groups_that_do_not_differ_are_rarely_said_to(people: dict[str, int]) -> None:
    rng, shares = np.random.default_rng(1), dict.fromkeys(people, 0.9)
    wrong = [gap_of(*drawn(rng, shares, people)).more_than_chance for _ in range(150)]
    assert np.mean(wrong) <= 0.05


def test_groups_that_differ_are_told_apart() -> None:
    rng, people = np.random.default_rng(2), dict.fromkeys("abcd", 30)
    shares = {"a": 0.75, "b": 0.95, "c": 0.95, "d": 0.95}
    found = [gap_of(*drawn(rng, shares, people)) for _ in range(40)]
    assert np.mean([each.more_than_chance and each.worst == "a" for each in found]) > 0.9
    truth = [each.gap_ci95[0] <= 0.2 <= each.gap_ci95[1] for each in found if each.worst == "a"]
    assert np.mean(truth) > 0.9


def test_the_surest_gap_comes_before_a_larger_one_of_a_single_person() -> None:
    rng, people = np.random.default_rng(3), {"few": 1, "many": 40, "more": 40}
    groups, trial, names = drawn(rng, {"few": 0.01, "many": 0.7, "more": 0.97}, people)
    gap = gap_of(groups, trial, names)
    assert (gap.worst, gap.best, gap.more_than_chance) == ("many", "more", True)
    assert (gap.by, gap.rate) == ("age", "dir")


def test_people_of_no_group_are_compared_with_nobody() -> None:
    rng = np.random.default_rng(4)
    groups, trial, names = drawn(rng, {"a": 0.9, "b": 0.1}, {"a": 20, "b": 20})
    whose = {name: group for name, group in groups.members["age"].items() if group == "a"}
    assert measure_gaps(Groups(Path("x"), {"age": whose}), trial, 0.0, names) == []
    assert measure_gaps(None, trial, 0.0, names) == []


@pytest.mark.parametrize("given", [False, True])
def test_strangers_of_a_group_who_are_accepted_more_often(given: bool) -> None:
    rng = np.random.default_rng(5)
    others = np.array([f"{group} {i}" for group in "ab" for i in range(40)]).repeat(4)
    scores = rng.normal(size=len(others)) + np.where(np.char.startswith(others, "a"), 0.5, -2.5)
    trial = Trial(np.zeros((0, 2)), np.zeros(0, int), scores)
    groups = Groups(Path("x"), {"age": {name: name[0] for name in others.tolist()}})
    names = Names(np.zeros(0, np.str_), others, np.ones(len(others), bool), given)
    gap = gap_of(groups, trial, names)
    assert (gap.rate, gap.worst, gap.best) == ("far", "a", "b")
    assert gap.gap > 0.5
    assert gap.more_than_chance == given  # known people in their place prove nothing
