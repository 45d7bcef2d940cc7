"""Splitting photos of people without leaks."""

from __future__ import annotations

import numpy as np
import pytest
from support import gallery_of, portraits_of

from knownface.dataset.split import bursts, group_photos, halve_strangers, split
from knownface.errors import KnownfaceError
from knownface.faces.fingerprint import NEAR_DUPLICATE_BITS, near_duplicates


def marks(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 32), dtype=np.uint8)


def flipped(mark: np.ndarray, bits: int) -> np.ndarray:
    values = np.unpackbits(mark)
    values[:bits] ^= 1
    return np.packbits(values)


def test_near_duplicates_group_across_people() -> None:
    prints = marks(6)
    prints[1] = flipped(prints[0], NEAR_DUPLICATE_BITS)
    prints[3] = flipped(prints[2], NEAR_DUPLICATE_BITS + 1)
    groups = group_photos(near_duplicates(prints), 6)
    assert groups[0] == groups[1]
    assert len(set(groups)) == 5


def test_bursts_group_within_a_person() -> None:
    taken = [100.0, 102.5, 105.0, 109.0, 101.0, None]
    faces = np.ones((6, 1), np.float32)
    groups = group_photos(bursts(np.array([0, 0, 0, 0, 1, 0]), taken, faces, 0.9), 6)
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 4


def test_a_burst_is_alike() -> None:
    """Two scenes of three photos each, taken in turns, and one time written into all of them."""
    faces = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1]]
    labels = np.zeros(6, np.int64)
    groups = group_photos(bursts(labels, [7.0] * 6, faces, 0.9), 6)
    assert groups.tolist() == [0, 1, 0, 1, 0, 1]
    assert bursts(labels, [7.0] * 6, np.eye(6, dtype=np.float32), 0.9) == []
    assert bursts(labels[:0], [], faces[:0], 0.9) == []


@pytest.mark.parametrize("seed", range(20))
def test_split_never_leaks_and_keeps_the_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(8), rng.integers(2, 40, 8))
    groups = np.where(rng.random(len(labels)) < 0.2, labels * 1000, np.arange(len(labels)))
    train, held_out = split(labels, groups, 0.2, seed)
    assert sorted([*train, *held_out]) == list(range(len(labels)))
    assert not set(groups[train]) & set(groups[held_out])
    for person in range(8):
        count, out = (labels == person).sum(), (labels[held_out] == person).sum()
        assert (labels[train] == person).sum() >= 1
        if (groups[labels == person] == person * 1000).sum() <= 0.2 * count:
            assert out == max(1, np.floor(count * 0.2 + 0.5))
    again = split(labels, groups, 0.2, seed)
    assert (again[0] == train).all()
    assert (again[1] == held_out).all()


def test_split_depends_on_the_seed() -> None:
    labels, groups = np.repeat([0, 1], 50), np.arange(100)
    assert (split(labels, groups, seed=0)[1] != split(labels, groups, seed=1)[1]).any()


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 20])
def test_an_impossible_share(share: float) -> None:
    with pytest.raises(KnownfaceError, match="between 0 and 1"):
        split(np.array([0, 0]), np.array([0, 1]), share)


def test_strangers_are_halved_by_identity() -> None:
    gallery = gallery_of(6, 5)
    strangers = portraits_of(gallery)
    calibration, untouched = halve_strangers(strangers)
    assert set(calibration) | set(untouched) == set(range(30))
    assert not set(strangers.labels[calibration]) & set(strangers.labels[untouched])
    assert len(halve_strangers(None)[0]) == len(halve_strangers(None)[1]) == 0
