"""Confidence that can be believed, on scores whose probabilities are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss
from support import gallery_of

from knownface.measure.confidence import confidence, fit_temperature, measure_calibration
from knownface.measure.trial import Trial
from knownface.recognition.gallery import Gallery
from knownface.stats.vectors import mean_templates


def drawn(
    rng: np.random.Generator, photos: int, people: int, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cosines whose softmax at `temperature` is how often each person is the true one."""
    scores = rng.normal(0.2, 0.1, (photos, people))
    powers = np.exp(scores / temperature)
    shares = (powers / powers.sum(1, keepdims=True)).cumsum(1)
    return scores, (rng.random((photos, 1)) > shares).sum(1).clip(0, people - 1)


@pytest.mark.parametrize("temperature", [0.02, 0.05, 0.2])
def test_the_temperature_is_found_again(temperature: float) -> None:
    scores, labels = drawn(np.random.default_rng(0), 20_000, 10, temperature)
    assert fit_temperature(scores, labels) == pytest.approx(temperature, rel=0.05)


def test_no_other_temperature_has_a_lower_log_loss() -> None:
    scores, labels = drawn(np.random.default_rng(1), 5_000, 6, 0.05)

    def loss(temperature: float) -> float:
        powers = np.exp(scores / temperature)
        return log_loss(labels, powers / powers.sum(1, keepdims=True), labels=range(6))

    fitted = loss(fit_temperature(scores, labels))
    assert fitted <= min(loss(each) for each in np.geomspace(0.02, 0.2, 60)) + 1e-4


def test_photos_that_are_all_named_rightly_do_not_ask_for_zero() -> None:
    scores = np.where(np.eye(4, dtype=bool), 0.8, 0.1)[np.arange(40) % 4]
    temperature = fit_temperature(scores, np.arange(40) % 4)
    # Of 40 right answers the next is believed by 41 / 42: the odds are exp(0.7 / temperature).
    assert 0.7 / np.log(41 * 3) <= temperature <= 0.7 / np.log(41)


def test_calibration_lowers_the_error_on_photos_that_it_was_not_fitted_on() -> None:
    gallery, probes = gallery_of(10, 20, spread=0.5), gallery_of(10, 60, spread=0.5)
    scores = gallery.scores(probes.embeddings)
    found = measure_calibration(gallery, Trial(scores, probes.labels, scores[:0, 0]))
    assert found is not None
    assert found.ece < 0.05 < found.ece_before
    assert found.photos == sum(each.photos for each in found.reliability) == 600
    mean = np.average([r.accuracy for r in found.reliability],
                      weights=[r.photos for r in found.reliability])  # fmt: skip
    assert mean == pytest.approx((scores.argmax(1) == probes.labels).mean(), abs=1e-9)
    assert (confidence(scores, 1e-3) <= 1).all()


def test_a_photo_takes_no_part_in_the_template_that_it_is_compared_with() -> None:
    gallery = gallery_of(4, 5, spread=0.3)
    scores, labels = gallery.scores_without_itself()
    for row in range(len(labels)):
        rest = np.arange(20) != row
        templates = mean_templates(gallery.embeddings[rest], gallery.labels[rest], 4)
        np.testing.assert_allclose(scores[row], gallery.embeddings[row] @ templates.T, atol=1e-6)


def test_nothing_to_calibrate_with() -> None:
    alone, single = gallery_of(1, 5), gallery_of(3, 1)
    for gallery in (alone, single):
        scores = gallery.scores(gallery.embeddings)
        trial = Trial(scores, gallery.labels, scores[:0, 0])
        assert measure_calibration(gallery, trial) is None
    mixed = Gallery.enroll(
        ("a", "b"), gallery_of(3, 1).embeddings, np.array([0, 1, 1]), "123", "123"
    )
    assert len(mixed.scores_without_itself()[1]) == 2
