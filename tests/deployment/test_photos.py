"""A run's photos, and its recogniser, as another network sees them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knownface.deployment.photos import Run, RunPhotos, read_run_photos
from knownface.progress import silent
from knownface.recognition.recognizer import Recognizer


@pytest.fixture(scope="module")
def photos(small_run: Path) -> RunPhotos:
    return read_run_photos(Run.read(small_run), Recognizer.load(small_run), silent)


def test_the_split_is_that_of_the_run(photos: RunPhotos, small_run: Path) -> None:
    run = Run.read(small_run / "recognizer")
    assert run.folder == small_run
    assert set(photos.testing.photos) == run.testing
    gallery = photos.recognizer.gallery
    assert {gallery.photos[i] for i in photos.training} == run.training
    assert photos.enrolled.photos == gallery.photos
    assert photos.as_tested().gallery.photos == tuple(gallery.photos[i] for i in photos.training)
    assert not set(photos.for_threshold) & set(photos.untouched)


def test_the_same_network_gives_the_same_recogniser(photos: RunPhotos) -> None:
    before = photos.recognizer
    again = photos.seen_by(before.embedder, silent).recognizer
    assert np.allclose(again.gallery.templates, before.gallery.templates, atol=1e-5)
    assert again.threshold.value == pytest.approx(before.threshold.value, abs=1e-4)
    assert again.threshold.source == before.threshold.source
    assert again.confidence is not None
    assert before.confidence is not None
    assert again.confidence.midpoint == pytest.approx(before.confidence.midpoint, abs=1e-3)


def test_a_threshold_that_cannot_be_chosen_again_is_carried_over(photos: RunPhotos) -> None:
    """People whom the network was trained on are no strangers to it, and nobody else is there."""
    evaluation = replace(photos.run.evaluation, recipe="seed", chosen="seed", candidates=[])
    run = replace(photos.run, evaluation=evaluation)
    fitted = replace(photos, run=run, strangers=None)
    before = fitted.recognizer
    same = fitted.seen_by(before.embedder, silent).recognizer
    assert same.threshold.value == pytest.approx(before.threshold.value, abs=1e-4)
    # A network whose similarities lie lower: a direction that all embeddings have less of.
    gallery = before.gallery
    mean = gallery.embeddings.mean(0)
    less = gallery.embeddings - 0.5 * mean
    less /= np.linalg.norm(less, axis=1, keepdims=True)
    lower = gallery.seen_by(less.astype(np.float32), "other")
    threshold, _ = fitted.calibrated(lower, before.threshold, gallery)
    assert threshold.value < before.threshold.value
    assert threshold.source == before.threshold.source
