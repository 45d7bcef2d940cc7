"""Twins are named, people who merely differ are not."""

from __future__ import annotations

import numpy as np
import pytest
from support import embeddings

from knownface.measure.look_alikes import find_look_alikes
from knownface.recognition.gallery import Gallery


def family(twins: int, people: int = 20, apart: float = 0.1, photos: int = 8) -> Gallery:
    """People of whom the first `twins` pairs (0 and 1, 2 and 3, ...) share a face."""
    rng = np.random.default_rng(0)
    centres = embeddings(rng, np.zeros((people, 64)), 1.0)
    for pair in range(twins):
        centres[2 * pair + 1] = embeddings(rng, centres[2 * pair : 2 * pair + 1], apart)[0]
    labels = np.repeat(np.arange(people), photos)
    names = [f"person {i:02d}" for i in range(people)]
    files = [f"{i}.jpg" for i in range(len(labels))]
    return Gallery.enroll(names, embeddings(rng, centres[labels], 0.05), labels, files, files)


def test_twins_are_named_with_their_margin() -> None:
    confusion = np.zeros((20, 20), int)
    confusion[0, 1], confusion[1, 0], confusion[0, 5] = 2, 1, 7
    gallery = family(2)
    found = find_look_alikes(gallery, confusion)
    assert {(each.first, each.second) for each in found} == {
        ("person 00", "person 01"), ("person 02", "person 03"),
    }  # fmt: skip
    by_name = {each.first: each for each in found}
    assert by_name["person 00"].confused == 3
    assert by_name["person 02"].confused == 0
    assert [each.similarity for each in found] == sorted(
        (e.similarity for e in found), reverse=True
    )
    for each in found:
        a, b = gallery.people.index(each.first), gallery.people.index(each.second)
        leads = []
        for own, other in ((a, b), (b, a)):
            rows = np.flatnonzero(gallery.labels == own)
            for row in rows:
                mean = gallery.embeddings[rows[rows != row]].mean(0)
                similarity = gallery.embeddings[row] @ mean / np.linalg.norm(mean)
                leads.append(similarity - gallery.embeddings[row] @ gallery.templates[other])
        assert each.margin == pytest.approx(min(leads), abs=1e-5)


def test_people_who_cannot_be_told_apart_lack_a_margin() -> None:
    found = find_look_alikes(family(1, apart=0.0), np.zeros((20, 20), int))
    assert len(found) == 1
    assert found[0].margin is not None
    assert found[0].margin < 0


def test_nobody_stands_out_among_strangers() -> None:
    false_alarms = 0
    for seed in range(100):
        templates = embeddings(np.random.default_rng(seed), np.zeros((20, 128)), 1.0)
        names, files = [f"{i:02d}" for i in range(20)], [str(i) for i in range(20)]
        gallery = Gallery.enroll(names, templates, np.arange(20), files, files)
        false_alarms += bool(find_look_alikes(gallery, np.zeros((20, 20), int)))
    assert false_alarms <= 10  # 5 are expected


def test_at_most_ten_pairs_and_none_of_three_people() -> None:
    assert len(find_look_alikes(family(12, people=80), np.zeros((80, 80), int))) == 10
    assert find_look_alikes(family(1, people=3), np.zeros((3, 3), int)) == []
    single = find_look_alikes(family(1, photos=1), np.zeros((20, 20), int))
    assert single[0].margin is None
