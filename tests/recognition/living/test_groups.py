"""Groups to be looked through: the largest first, and who may be one person."""

from __future__ import annotations

import sqlite3
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from living_people import THRESHOLD, Cast, grouped, living, unit

from knownface.recognition.living import groups
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import Sorted

CAST = Cast(12)


@pytest.fixture
def gallery(tmp_path: Path) -> LivingGallery:
    """A to D are known; E has two faces, F four and G one."""
    gallery = living(tmp_path / "recognizer", CAST, 4, 3)
    grouped(gallery, CAST, [[(4, 0), (4, 1)], [(6, i) for i in range(4)], [(8, 0)]])
    return gallery


@pytest.fixture
def twins(gallery: LivingGallery) -> list[int]:
    """Somebody who looks like E, with three faces, and somebody who looks like F, with one."""
    return grouped(gallery, CAST, [[(5, i) for i in range(3)], [(7, 0)]])


def test_the_largest_come_first_and_those_seen_once_by_themselves(gallery: LivingGallery) -> None:
    first, second = gallery.groups(9)
    assert (first.person.photos, first.photos, len(first.faces)) == (4, 4, 4)
    assert second.person.photos == 2
    assert [each.person.id for each in gallery.groups(1, 1)] == [second.person.id]
    (once,) = gallery.groups(9, once=True)
    assert once.person.photos == 1
    best = [each.id for each in gallery.faces(first.person.id)]
    assert list(first.faces) == best
    assert gallery.groups_of([second.person.id, 999, first.person.id]) == [second, first]


def test_how_far_it_is_sorted(gallery: LivingGallery) -> None:
    assert gallery.sorted() == Sorted(4, 7, 12, 12 + 7, 1)
    first, second = gallery.groups(9)
    gallery.name(first.person.id, "F")
    gallery.not_a_face(second.person.id)
    assert gallery.sorted() == Sorted(5, 6, 18, 19, 1)


def test_faces_that_do_not_belong_come_first(gallery: LivingGallery) -> None:
    (first, second) = gallery.groups(9)
    gallery.merge(second.person.id, first.person.id)
    odd = {each.id for each in gallery.faces(first.person.id)} - set(first.faces)
    assert set(gallery.unlike_first(first.person.id, 2)) == odd
    assert gallery.unlike_first(first.person.id, 99)[:2] == gallery.unlike_first(first.person.id, 2)


def test_two_groups_of_one_person_are_suggested_until_it_is_said(
    gallery: LivingGallery, twins: list[int]
) -> None:
    likely = gallery.pairs()
    assert set(twins) <= {id for pair in likely for id in (pair.one, pair.other)}
    assert likely == sorted(likely, key=lambda pair: -pair.similarity)
    assert all(pair.similarity >= groups.FLOOR * THRESHOLD for pair in likely)
    first = likely[0]
    weights = [gallery.person(id).photos for id in (first.one, first.other)]
    assert weights[0] >= weights[1]
    gallery.never_same(first.one, first.other)
    assert (first.one, first.other) not in {(pair.one, pair.other) for pair in gallery.pairs()}
    gallery.undo()
    assert gallery.pairs() == likely
    assert len(gallery.pairs(limit=1)) == 1
    gallery.merge(first.other, first.one)
    assert first.other not in {id for pair in gallery.pairs() for id in (pair.one, pair.other)}


def test_who_was_taken_out_is_not_suggested_again(gallery: LivingGallery) -> None:
    first = gallery.groups(1)[0]
    gallery.part(first.person.id, first.faces[:1])
    new = max(each.id for each in gallery.people("unknown"))
    assert all({pair.one, pair.other} != {new, first.person.id} for pair in gallery.pairs())
    gallery.undo()


def test_two_who_are_in_one_photo_are_two(gallery: LivingGallery, twins: list[int]) -> None:
    before = gallery.pairs()
    first = before[0]
    with sqlite3.connect(gallery.path) as database:
        for id in (first.one, first.other):
            database.execute(
                "UPDATE faces SET digest = 'together' WHERE id = "
                "(SELECT min(id) FROM faces WHERE person = ?)", (id,)
            )  # fmt: skip
    assert gallery.pairs() == before[1:]


def test_whom_somebody_may_be_is_asked_however_little_they_are_alike(
    gallery: LivingGallery,
) -> None:
    first = gallery.groups(1)[0].person.id
    asked = gallery.pairs(99, first)
    assert {pair.one for pair in asked} | {pair.other for pair in asked} == {
        each.id for state in ("known", "unknown") for each in gallery.people(state)
    }
    assert all(first in (pair.one, pair.other) for pair in asked)
    assert gallery.pairs(99, 999) == []


@pytest.mark.parametrize("block", [3, 7, 1024])
def test_pairs_are_those_of_all_cosines(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "BLOCK", block)
    rng = np.random.default_rng(3)
    templates = unit(rng.normal(size=(40, 6)))
    known = rng.random(40) < 0.3
    apart = {(int(i), int(j)) for i, j in rng.integers(0, 40, (200, 2)) if i != j}
    never = {frozenset(pair) for pair in apart}
    every = [
        (i, j, float(templates[i] @ templates[j]))
        for i, j in combinations(range(40), 2)
        if not (known[i] and known[j]) and frozenset((i, j)) not in never
    ]
    wanted = sorted((each for each in every if each[2] >= 0.4), key=lambda each: -each[2])
    for most in (5, 10_000):
        found = groups.likely_pairs(templates, known, apart, 0.4, most)
        assert [each[:2] for each in found] == [each[:2] for each in wanted[:most]]
        np.testing.assert_allclose([e[2] for e in found], [e[2] for e in wanted[:most]], atol=1e-6)
    of_seven = sorted((each for each in every if 7 in each[:2]), key=lambda each: -each[2])
    found = groups.likely_pairs(templates, known, apart, -1.0, 6, 7)
    assert [each[:2] for each in found] == [each[:2] for each in of_seven[:6]]
