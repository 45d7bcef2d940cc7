"""The threshold, on embeddings whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from support import embeddings, gallery_of

from knownface.networks.record import Impostors
from knownface.recognition.threshold import choose_threshold


def test_threshold_keeps_unseen_strangers_near_the_target() -> None:
    rng = np.random.default_rng(1)
    gallery = gallery_of(20, 20)
    threshold = choose_threshold(gallery, None, 0.01)
    strangers = embeddings(rng, np.zeros((20_000, 32)), 1.0)
    rate = (gallery.match(strangers)[1] >= threshold.value).mean()
    assert 0.001 < rate < 0.03
    assert threshold.source == "each person in turn as the stranger (400 training photos)"


def test_few_people_do_not_stand_for_all_strangers() -> None:
    measured = Impostors(((0.01, 0.4), (0.001, 0.5)), ((0.01, 0.45), (0.001, 0.6)), 100)
    gallery = gallery_of(2, 3)
    assert choose_threshold(gallery, None, 0.01).value < 0.4
    threshold = choose_threshold(gallery, None, 0.01, impostors=measured)
    assert threshold.value == pytest.approx(0.45 + 0.15 * np.log10(2))
    assert "100 other people" in threshold.source
