"""Grouping made-up faces: what belongs together, and what somebody has said."""

from __future__ import annotations

import numpy as np
import pytest
from support import embeddings

from knownface.cluster.agglomerate import FREE, grouped
from knownface.cluster.evidence import Evidence, newcomers
from knownface.networks.zoo import BACKBONES

EVIDENCE = Evidence(0.0, 0.11)


def faces(counts: list[int], seed: int = 0, width: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Two photos of one person have a cosine of about a half, of two people about none."""
    rng = np.random.default_rng(seed)
    centres = embeddings(rng, np.zeros((len(counts), width)), 1.0)
    people = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return embeddings(rng, centres[people], 1 / np.sqrt(width)), people


def same(labels: np.ndarray) -> np.ndarray:
    return labels[:, None] == labels


@pytest.mark.parametrize(
    "counts", [[30] * 10, [1] * 300, [200, 40, 9, 5, 2] + [1] * 100, [2] * 100, [500, 500]]
)
def test_people_are_found_however_many_there_are(counts: list[int]) -> None:
    """With no setting that would have to be another for few people than for many."""
    vectors, people = faces(counts)
    found = same(grouped(vectors, EVIDENCE))
    true = same(people)
    assert (found & ~true).sum() <= 0.01 * found.sum()
    assert (found & true).sum() >= 0.95 * true.sum()


def test_groups_are_numbered_from_nought() -> None:
    vectors, _ = faces([5, 3, 1])
    labels = grouped(vectors, EVIDENCE)
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
    assert grouped(vectors[:0], EVIDENCE).shape == (0,)
    assert grouped(vectors[:1], EVIDENCE).tolist() == [0]


def test_the_order_of_faces_does_not_matter() -> None:
    vectors, _ = faces([20, 10, 5] + [1] * 40)
    order = np.random.default_rng(1).permutation(len(vectors))
    assert np.array_equal(
        same(grouped(vectors, EVIDENCE))[np.ix_(order, order)],
        same(grouped(vectors[order], EVIDENCE)),
    )


def test_two_faces_of_one_photo_are_two_people() -> None:
    """Whatever they look like, and whichever way they would come together."""
    vectors, people = faces([40, 40])
    first, second = (np.flatnonzero(people == person) for person in (0, 1))
    twins = np.stack([first[:20], first[20:]], 1)
    labels = grouped(vectors, EVIDENCE, apart=twins)
    assert (labels[twins[:, 0]] != labels[twins[:, 1]]).all()
    assert len(np.unique(labels[second])) == 1


def test_what_somebody_said_holds() -> None:
    vectors, people = faces([30, 30, 30])
    said = np.full(len(vectors), FREE)
    one = np.flatnonzero(people == 0)
    said[one[:10]], said[one[10:15]] = 7, 8  # one person who is said to be two
    other = np.flatnonzero(people == 1)[:4]
    said[other] = 7  # and two who are said to be one
    labels = grouped(vectors, EVIDENCE, said)
    assert len({*labels[one[:10]].tolist(), *labels[other].tolist()}) == 1
    assert set(labels[one[10:15]].tolist()).isdisjoint(labels[one[:10]].tolist())
    third = labels[people == 2]
    assert len(set(third.tolist())) == 1
    assert third[0] not in labels[people != 2]


def test_the_evidence_is_the_tail_that_was_measured() -> None:
    impostors = BACKBONES["mobilefacenet"].impostors
    assert impostors is not None
    evidence = Evidence.of(impostors)
    assert evidence.least == pytest.approx(impostors.pairs[0][1], abs=0.03)
    one, many = np.array(1.0), np.array(1.4)
    cosines = np.linspace(0.3, 0.9, 7)
    assert (np.diff(evidence.log_ratio(cosines, one, one)) > 0).all()
    assert (
        evidence.log_ratio(cosines[:3], many, many) < evidence.log_ratio(cosines[:3], one, one)
    ).all()


def test_the_evidence_can_come_from_the_pile() -> None:
    vectors, _ = faces([20] * 15)
    measured = Evidence.of_pile(vectors)
    assert abs(measured.centre) < 0.03
    assert 0.05 < measured.spread < 0.2


def test_who_is_new_is_likely_where_many_are_alone() -> None:
    assert newcomers(100, 100) == 300
    assert newcomers(5749, 13233) > 1000
    assert newcomers(105, 6300) < 30
    for groups, all_of_them in ((50, 1000), (3, 10), (500, 1000)):
        theta = newcomers(groups, all_of_them)
        assert theta * np.log1p(all_of_them / theta) == pytest.approx(groups, rel=0.02)
