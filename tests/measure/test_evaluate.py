"""Evaluations, on embeddings whose answers are known."""

from __future__ import annotations

import json
import shutil
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
from support import as_tested, gallery_of, portraits_of

from knownface.dataset.folder import scan
from knownface.errors import KnownfaceError
from knownface.measure.evaluate import (
    SplitRecord,
    TrainingRecord,
    evaluate,
    read_and_evaluate,
)
from knownface.measure.evaluation import CandidateScore
from knownface.recognition.recognizer import Recognizer
from knownface.stats.intervals import wilson_interval


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


def test_enrolled_photos_are_never_tested_on(
    run_folder: Path, people: Path, caplog: pytest.LogCaptureFixture
) -> None:
    split = json.loads((run_folder / "split.json").read_text())
    caplog.set_level("WARNING", logger="knownface")
    result, *_ = read_and_evaluate(as_tested(run_folder), scan(people))
    assert "40 of 50 photos are enrolled already and left out" in caplog.text
    assert result.tested == len(split["validation"])
    with pytest.raises(KnownfaceError, match="is enrolled already, so that nothing is left"):
        read_and_evaluate(Recognizer.load(run_folder), scan(people))


@pytest.mark.parametrize("others", [0, 12])
def test_what_no_photo_was_tested_on_is_none(run_folder: Path, others: int) -> None:
    recognizer = Recognizer.load(run_folder)
    recognizer.gallery = gallery = gallery_of(7, 1)
    probes = portraits_of(gallery).select(np.arange(0))
    strangers = portraits_of(gallery_of(4, 3, seed=9)) if others else None
    result = evaluate(recognizer, probes, strangers)
    assert (result.tested, result.accuracy, result.open_set.dir) == (0, None, None)
    assert (result.open_set.far is None) == (not others)
    assert result.open_set.far_trials == others
    assert result.open_set.dir_at_far == {}


def test_of_one_person_alone_it_is_known_how_often_they_are_named(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    recognizer.gallery = gallery_of(1, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = evaluate(recognizer, portraits_of(gallery_of(1, 9, spread=0.1, seed=0)))
    assert result.confusion_matrix == [[9]]
    assert result.open_set.dir is not None
    assert result.open_set.far is None


def test_names_are_compared_before_any_photo_is_read(
    run_folder: Path, people: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    recognizer = Recognizer.load(run_folder)
    for name in ("Ann", "Bob"):
        shutil.copytree(people / "Megan_Fox", tmp_path / name)
    with monkeypatch.context() as patch:
        patch.setattr("knownface.measure.evaluate.collect_portraits", lambda *_: 1 / 0)
        with pytest.raises(KnownfaceError, match=r"none of its people \(Ann, Bob\) is.*Adriana_L"):
            read_and_evaluate(recognizer, scan(tmp_path))
        shutil.copytree(people / "Megan_Fox", tmp_path / "Megan_Fox")
        caplog.set_level("INFO", logger="knownface")
        with pytest.raises(ZeroDivisionError):
            read_and_evaluate(recognizer, scan(tmp_path))
    assert "not enrolled, so they count as strangers: Ann, Bob" in caplog.text
