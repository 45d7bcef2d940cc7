"""How many photos are enough."""

from __future__ import annotations

import numpy as np
import pytest
from support import embeddings, gallery_of

from knownface.measure.learning_curve import (
    LearningPoint,
    measure_learning_curve,
    would_more_photos_help,
)


def test_more_photos_are_better_and_the_last_point_is_the_gallery() -> None:
    gallery, probes = gallery_of(12, 32, spread=0.5), gallery_of(12, 20, spread=0.5)
    strangers = embeddings(np.random.default_rng(9), np.zeros((300, 32)), 1.0)
    curve = measure_learning_curve(gallery, probes.embeddings, probes.labels, strangers)
    assert [point.photos for point in curve] == [1, 2, 3, 5, 10, 20, 32]
    predicted, best = gallery.match(probes.embeddings)
    correct = predicted == probes.labels
    assert curve[-1].accuracy == pytest.approx(correct.mean(), abs=1e-9)
    scores = np.sort(gallery.match(strangers)[1])[::-1]
    assert curve[-1].dir == pytest.approx((correct & (best > scores[3])).mean(), abs=1e-9)
    assert curve[0].accuracy < curve[2].accuracy < curve[-1].accuracy
    for point in curve:
        assert point.accuracy_ci95[0] < point.accuracy < point.accuracy_ci95[1]


def test_one_photo_is_that_of_a_random_draw() -> None:
    gallery, probes = gallery_of(6, 4, spread=0.6), gallery_of(6, 50, spread=0.6)
    curve = measure_learning_curve(
        gallery, probes.embeddings, probes.labels, np.zeros((0, 32), np.float32)
    )
    expected = [
        (gallery.embeddings[rng.integers(0, 4, 6) + np.arange(6) * 4] @ probes.embeddings.T)
        .argmax(0) == probes.labels
        for rng in map(np.random.default_rng, range(300))
    ]  # fmt: skip
    assert curve[0].accuracy == pytest.approx(np.mean(expected), abs=0.05)
    assert curve[0].dir is not None


def test_people_with_few_photos_give_what_they_have() -> None:
    gallery = gallery_of(3, 6)
    rows = np.array([0, 6, 7, 12, 13, 14, 15, 16, 17])
    few = type(gallery).enroll(
        gallery.people, gallery.embeddings[rows], gallery.labels[rows], rows.astype(str),
        rows.astype(str),
    )  # fmt: skip
    curve = measure_learning_curve(few, few.embeddings, few.labels, few.embeddings[:0])
    assert [point.photos for point in curve] == [1, 2, 3, 5, 6]
    alone = measure_learning_curve(gallery_of(1, 3), few.embeddings[:1], few.labels[:1] * 0,
                                   few.embeddings[:0])  # fmt: skip
    assert [point.dir for point in alone] == [None, None, None]


def test_one_sentence_says_whether_more_would_help() -> None:
    def curve(*points: tuple[int, float, float | None]) -> list[LearningPoint]:
        return [LearningPoint(n, accuracy, (0.0, 1.0), found) for n, accuracy, found in points]

    full = curve((1, 0.5, 0.2), (10, 0.99, 0.95), (20, 0.99, 0.955))
    flat = would_more_photos_help(full, 150)
    assert flat.startswith("More photos would hardly help: from 10 to 20 per person, DIR")
    assert would_more_photos_help(full, 149).startswith("Whether more photos would help, 149 test")
    steep = would_more_photos_help(curve((2, 0.5, None), (3, 0.9, None)), 20)
    assert steep.startswith("More photos would probably help: from 2 to 3 per person, accuracy")
    assert steep.endswith("from 0.500 to 0.900.")
    close = would_more_photos_help(curve((10, 0.8, 0.7), (20, 0.9, 0.8), (21, 0.9, 0.8)), 20)
    assert "from 10 to 21" in close
    assert "says nothing" in would_more_photos_help(curve((1, 0.9, 0.8)), 500)
