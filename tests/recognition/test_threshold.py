"""The threshold, on embeddings whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from support import embeddings, gallery_of

from knownface.errors import KnownfaceError
from knownface.networks.record import Impostors
from knownface.recognition.gallery import Gallery
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


def real_gallery(people: int, photos: int) -> Gallery:
    """Similarities as a network gives them: strangers spread by 0.09, a person reaches 0.8."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(people), photos)
    centres = embeddings(rng, np.zeros((people, 128)), 1.0)
    files = [f"{i}.jpg" for i in range(len(labels))]
    names = [f"person {i}" for i in range(people)]
    return Gallery.enroll(names, embeddings(rng, centres[labels], 0.07), labels, files, files)


@pytest.mark.parametrize("wrong", [4, 8])
def test_a_few_photos_do_not_decide_for_everybody(wrong: int) -> None:
    clean = real_gallery(20, 10)
    labels = clean.labels.copy()
    first = np.arange(wrong) * 10
    labels[first] += 1  # the first photo of each lies in the next folder
    ill = Gallery.enroll(clean.people, clean.embeddings, labels, clean.photos, clean.digests)
    expected = choose_threshold(clean, None, 0.01).value
    assert choose_threshold(ill, None, 0.01).value == pytest.approx(expected, abs=0.05)


def test_no_pair_decides_for_everybody() -> None:
    """Half of one folder is somebody else: too many photos to be far above all others."""
    clean = real_gallery(20, 10)
    labels = clean.labels.copy()
    labels[:5] = 1
    labels[10:13] = 0
    ill = Gallery.enroll(clean.people, clean.embeddings, labels, clean.photos, clean.digests)
    expected = choose_threshold(clean, None, 0.01).value
    assert choose_threshold(ill, None, 0.01).value == pytest.approx(expected, abs=0.05)


def test_one_person_is_no_stranger_to_himself() -> None:
    """Even where everybody lies in two folders."""
    clean = real_gallery(4, 10)
    names = [f"person {i}" for i in range(8)]
    labels = clean.labels * 2 + np.arange(40) % 2
    twice = Gallery.enroll(names, clean.embeddings, labels, clean.photos, clean.digests)
    expected = choose_threshold(clean, None, 0.01).value
    assert choose_threshold(twice, None, 0.01).value == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(("given", "alone"), [(99, False), (100, True), (400, True)])
def test_many_strangers_alone_decide(given: int, alone: bool) -> None:
    rng = np.random.default_rng(3)
    gallery = gallery_of(20, 20)
    aside, others = (embeddings(rng, np.zeros((n, 32)), 1.0) for n in (given, 20_000))
    threshold = choose_threshold(gallery, aside, 0.01)
    assert ("in turn" not in threshold.source) == alone
    assert 0.003 < (gallery.match(others)[1] >= threshold.value).mean() < 0.03


def test_one_person_alone_needs_to_know_strangers() -> None:
    with pytest.raises(KnownfaceError, match=r"person 0 is alone.*strangers="):
        choose_threshold(gallery_of(1, 5), None, 0.01)
