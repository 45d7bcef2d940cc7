"""Known people against strangers, on embeddings whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from support import embeddings, gallery_of, portraits_of

from knownface.measure.open_set import Strangers, measure_open_set
from knownface.measure.trial import Trial
from knownface.recognition.threshold import Threshold, choose_threshold


@pytest.mark.parametrize("people", [10, 20])
def test_the_rate_on_unseen_strangers_lies_within_its_stated_interval(people: int) -> None:
    """The threshold is set on training photos; the interval comes from a few strangers."""
    rng, inside = np.random.default_rng(people), []
    everybody = embeddings(rng, np.zeros((2_000, 32)), 1.0)
    for seed in range(100):
        gallery = gallery_of(people, 20, spread=0.3, seed=seed)
        threshold = choose_threshold(gallery, None, 0.01)
        faces = everybody[rng.integers(0, len(everybody), 15)]
        photos = embeddings(rng, np.repeat(faces, 12, axis=0), 0.1)
        few = Strangers(photos, np.repeat(np.arange(15), 12), np.ones(180, bool))
        trial = Trial.of(gallery.scores, gallery.embeddings, gallery.labels, photos)
        shown = measure_open_set(trial, threshold, few)
        assert shown is not None
        unseen = embeddings(rng, everybody, 0.1)
        realised = (gallery.match(unseen)[1] >= threshold.value).mean()
        inside.append(shown.far_ci95[0] <= realised <= shown.far_ci95[1])
    assert np.mean(inside) >= 0.93


@pytest.mark.parametrize("given", [0, 200])
def test_only_given_strangers_say_how_few_are_accepted_at_least(given: int) -> None:
    gallery = gallery_of(10, 20, spread=0.3)
    faces = embeddings(np.random.default_rng(1), np.zeros((given, 32)), 1.0)
    others = Strangers(faces, np.arange(given), np.ones(given, bool))
    threshold = Threshold(0.3, 0.01, "")
    trial = Trial.of(gallery.scores, gallery.embeddings, gallery.labels, faces)
    shown = measure_open_set(trial, threshold, others)
    assert shown is not None
    assert shown.far > 0.1
    assert (shown.far_ci95[0] > 0) == (given > 0)


def test_strangers_of_both_kinds_are_different_people() -> None:
    gallery = gallery_of(4, 3)
    names = ("person 0", "x", "person 2", "y")
    both = Strangers.among(
        portraits_of(gallery, names), gallery.people, portraits_of(gallery), np.arange(6)
    )
    assert len(both) == 18
    assert len(set(both.identities)) == 6
    assert both.untouched.sum() == 12
