"""Thresholds and evaluations, on embeddings whose answers are known."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)
from support import embeddings, gallery_of, portraits_of

from knownface.dataset.split import halve_strangers
from knownface.errors import KnownfaceError
from knownface.measure.evaluate import (
    SplitRecord,
    TrainingRecord,
    evaluate,
    evaluate_folder,
)
from knownface.measure.evaluation import CandidateScore
from knownface.measure.open_set import Strangers, measure_open_set
from knownface.measure.trial import Trial
from knownface.networks.record import Impostors
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.threshold import Threshold, choose_threshold
from knownface.stats.intervals import wilson_interval


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


def test_strangers_are_halved_by_identity() -> None:
    gallery = gallery_of(6, 5)
    strangers = portraits_of(gallery)
    calibration, untouched = halve_strangers(strangers)
    assert set(calibration) | set(untouched) == set(range(30))
    assert not set(strangers.labels[calibration]) & set(strangers.labels[untouched])
    assert len(halve_strangers(None)[0]) == len(halve_strangers(None)[1]) == 0


@pytest.mark.parametrize("kind", ["random", "one person's photos", "all alike"])
def test_closed_set_numbers_are_those_of_scikit_learn(run_folder: Path, kind: str) -> None:
    recognizer = Recognizer.load(run_folder)
    recognizer.gallery = gallery = gallery_of(7, 4)
    probes = portraits_of(gallery_of(7, 9, spread=0.6, seed=0))
    if kind == "one person's photos":
        probes = probes.select(np.flatnonzero(probes.labels == 2))
    if kind == "all alike":
        probes = replace(probes, embeddings=np.repeat(probes.embeddings[:1], 63, axis=0))
    result = evaluate(recognizer, probes)
    truth, (predicted, _) = probes.labels, gallery.match(probes.embeddings)
    people = range(7)
    assert result.accuracy == pytest.approx(accuracy_score(truth, predicted), abs=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected = balanced_accuracy_score(truth, predicted)
    assert result.balanced_accuracy == pytest.approx(expected, abs=1e-9)
    expected = confusion_matrix(truth, predicted, labels=people)
    np.testing.assert_array_equal(result.confusion_matrix, expected)
    expected = precision_recall_fscore_support(truth, predicted, labels=people, zero_division=0)
    found = [(p.precision, p.recall, p.f1, p.support) for p in result.per_person]
    np.testing.assert_allclose(found, np.transpose(expected), atol=1e-9)
    scores = gallery.scores(probes.embeddings)
    expected = top_k_accuracy_score(truth, scores, k=5, labels=people)
    assert result.top5_accuracy == pytest.approx(expected, abs=1e-9)
    assert len(result.errors) == len(truth) - np.trace(result.confusion_matrix)
    assert result.accuracy_ci95[0] < result.accuracy < result.accuracy_ci95[1]
    json.dumps(result.to_json(), allow_nan=False)


def test_the_interval_covers_what_a_recogniser_does_on_very_many_photos(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    recognizer.gallery = gallery = gallery_of(10, 5)
    everything = gallery_of(10, 4000, spread=0.35, seed=0)
    right = gallery.match(everything.embeddings)[0] == everything.labels
    truth, rng = right.mean(), np.random.default_rng(1)
    assert 0.8 < truth < 0.97
    rows = np.arange(10)[:, None] * 4000 + rng.integers(0, 4000, (500, 10, 16))
    bounds = [wilson_interval(int(right[photos].sum()), 160) for photos in rows]
    covered = np.mean([low <= truth <= high for low, high in bounds])
    assert 0.93 <= covered <= 0.97
    probes = portraits_of(everything).select(rows[0].ravel())
    assert evaluate(recognizer, probes).accuracy_ci95 == pytest.approx(bounds[0])


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
        trial = Trial.of(gallery.templates, gallery.embeddings, gallery.labels, photos)
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
    trial = Trial.of(gallery.templates, gallery.embeddings, gallery.labels, faces)
    shown = measure_open_set(trial, threshold, others)
    assert shown is not None
    assert shown.far > 0.1
    assert (shown.far_ci95[0] > 0) == (given > 0)


def test_what_training_knows_is_in_the_evaluation(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    recognizer.gallery = gallery_of(4, 4)
    probes = portraits_of(recognizer.gallery)
    raced = [CandidateScore("frozen", 0.8, None, 1.0, "photos"),
             CandidateScore("head, columns", 0.9, 0.7, 2.0, "photos")]  # fmt: skip
    split = SplitRecord(groups=14, seed=3, random_split_accuracy=0.99)
    record = TrainingRecord(split, "head, columns", "better", raced, images_per_second=50.0)
    result = evaluate(recognizer, probes, training=record, started=time.perf_counter() - 60)
    assert result.split == {
        "train": 16, "validation": 16, "groups": 14, "seed": 3, "random_split_accuracy": 0.99,
    }  # fmt: skip
    assert (result.chosen, result.reason, result.candidates) == ("head, columns", "better", raced)
    assert result.images_per_second == 50.0
    assert 60 < result.seconds < 120
    assert list(result.to_json()["candidates"][1].items()) == [
        ("name", "head, columns"), ("accuracy", 0.9), ("dir_at_far_0.01", 0.7), ("seconds", 2.0),
        ("measured_on", "photos"),
    ]  # fmt: skip
    alone = evaluate(recognizer, probes, training=TrainingRecord(split, "frozen", "as asked"))
    (only,) = alone.candidates
    assert (only.name, only.accuracy, only.measured_on) == ("frozen", alone.accuracy, "test")
    assert only.dir_at_1_percent == alone.dir_at_1_percent
    assert evaluate(recognizer, probes).candidates == []


def test_a_record_of_training_that_cannot_be_is_refused() -> None:
    raced = [CandidateScore("frozen", 0.8, None, 1.0, "photos")]
    with pytest.raises(ValueError, match="'head' was chosen, and is not one of"):
        TrainingRecord(chosen="head", candidates=raced)
    for groups, seed, claimed in ((0, 0, None), (5, -1, None), (5, 0, 1.5), (5, 0, np.nan)):
        with pytest.raises(ValueError, match="not a split of photos"):
            SplitRecord(groups, seed, claimed)


def test_people_who_are_not_enrolled_are_strangers(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    recognizer.gallery = gallery_of(4, 4)
    names = ("person 0", "person 1", "nobody", "somebody")
    result = evaluate(recognizer, portraits_of(recognizer.gallery, names))
    assert result.tested == 8
    assert result.open_set is not None
    assert result.open_set.strangers == 8
    assert result.open_set.strangers_source == "given strangers"
    assert result.open_set.far_trials == 8
    for far, (low, high) in result.open_set.dir_at_far_ci95.items():
        assert low <= result.open_set.dir_at_far[far] <= high
    assert len(result.open_set.curve["far"]) == len(result.open_set.curve["dir"])
    assert result.open_set.curve["far"][-1] == 1
    assert result.calibration is not None
    assert [point.photos for point in result.learning_curve] == [1, 2, 3, 4]


def test_strangers_of_both_kinds_are_different_people() -> None:
    gallery = gallery_of(4, 3)
    names = ("person 0", "x", "person 2", "y")
    both = Strangers.among(
        portraits_of(gallery, names), gallery.people, portraits_of(gallery), np.arange(6)
    )
    assert len(both) == 18
    assert len(set(both.identities)) == 6
    assert both.untouched.sum() == 12


def test_enrolled_photos_are_never_tested_on(run_folder: Path, people: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    trained = json.loads((run_folder / "split.json").read_text())
    result = evaluate_folder(recognizer, people)
    assert result.tested == len(trained["validation"])
    copies = replace(portraits_of(recognizer.gallery), digests=recognizer.gallery.digests)
    with pytest.raises(KnownfaceError, match="no photo left to test on"):
        evaluate(recognizer, copies)
