"""Thresholds and evaluations, on embeddings whose answers are known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from knownface.backbones.backbone import Impostors
from knownface.errors import KnownfaceError
from knownface.evaluation import evaluate, evaluate_folder
from knownface.gallery import Gallery
from knownface.open_set import calibrate, halve_strangers
from knownface.portraits import Portraits
from knownface.recognizer import Recognizer


def embeddings(rng: np.random.Generator, centres: np.ndarray, spread: float) -> np.ndarray:
    values = centres + spread * rng.normal(size=centres.shape)
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def gallery_of(people: int, photos: int, spread: float = 0.1, seed: int = 0) -> Gallery:
    rng = np.random.default_rng(seed)
    centres = embeddings(rng, np.zeros((people, 32)), 1.0)
    labels = np.repeat(np.arange(people), photos)
    names = [f"person {i}" for i in range(people)]
    files = [f"{i}.jpg" for i in range(len(labels))]
    return Gallery.enroll(names, embeddings(rng, centres[labels], spread), labels, files, files)


def test_threshold_keeps_unseen_strangers_near_the_target() -> None:
    rng = np.random.default_rng(1)
    gallery = gallery_of(20, 20)
    threshold = calibrate(gallery, None, 0.01)
    strangers = embeddings(rng, np.zeros((20_000, 32)), 1.0)
    rate = (gallery.match(strangers)[1] >= threshold.value).mean()
    assert 0.001 < rate < 0.03
    assert threshold.source == "each person in turn as the stranger (400 training photos)"


def test_few_people_do_not_stand_for_all_strangers() -> None:
    measured = Impostors(((0.01, 0.4), (0.001, 0.5)), ((0.01, 0.45), (0.001, 0.6)), 100)
    gallery = gallery_of(2, 3)
    assert calibrate(gallery, None, 0.01).value < 0.4
    threshold = calibrate(gallery, None, 0.01, impostors=measured)
    assert threshold.value == pytest.approx(0.45 + 0.15 * np.log10(2))
    assert "100 other people" in threshold.source


def test_strangers_are_halved_by_identity() -> None:
    gallery = gallery_of(6, 5)
    strangers = portraits_of(gallery)
    calibration, untouched = halve_strangers(strangers)
    assert set(calibration) | set(untouched) == set(range(30))
    assert not set(strangers.labels[calibration]) & set(strangers.labels[untouched])
    assert len(halve_strangers(None)[0]) == len(halve_strangers(None)[1]) == 0


def portraits_of(gallery: Gallery, names: tuple[str, ...] | None = None) -> Portraits:
    count = len(gallery.labels)
    return Portraits(
        root=Path("probes"),
        people=names or gallery.people,
        labels=gallery.labels,
        photos=gallery.photos,
        crops=np.zeros((count, 2, 2, 3), np.uint8),
        embeddings=gallery.embeddings,
        digests=tuple(f"probe {i}" for i in range(count)),
        fingerprints=np.zeros((count, 32), np.uint8),
        taken=(None,) * count,
        notes=(),
    )


def test_closed_set_numbers_are_those_of_scikit_learn(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    gallery = gallery_of(7, 4)
    probes = portraits_of(gallery_of(7, 9, spread=0.6, seed=0))
    recognizer.gallery = gallery
    result = evaluate(recognizer, probes)
    predicted, _ = gallery.match(probes.embeddings)
    assert 0.3 < result.accuracy < 1
    assert result.accuracy == pytest.approx(accuracy_score(probes.labels, predicted), abs=1e-12)
    expected = balanced_accuracy_score(probes.labels, predicted)
    assert result.balanced_accuracy == pytest.approx(expected, abs=1e-12)
    assert np.trace(result.confusion_matrix) == round(result.accuracy * 63)
    assert len(result.errors) == 63 - np.trace(result.confusion_matrix)
    assert result.accuracy_ci95[0] < result.accuracy < result.accuracy_ci95[1]
    assert result.top5_accuracy >= result.accuracy
    json.dumps(result.to_json(), allow_nan=False)


def test_people_who_are_not_enrolled_are_strangers(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    recognizer.gallery = gallery_of(4, 4)
    names = ("person 0", "person 1", "nobody", "somebody")
    result = evaluate(recognizer, portraits_of(recognizer.gallery, names))
    assert result.tested == 8
    assert result.open_set is not None
    assert result.open_set.strangers == 8
    assert result.open_set.strangers_source == "given strangers"


def test_enrolled_photos_are_never_tested_on(run_folder: Path, people: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    trained = json.loads((run_folder / "split.json").read_text())
    result = evaluate_folder(recognizer, people)
    assert result.tested == len(trained["validation"])
    copies = replace(portraits_of(recognizer.gallery), digests=recognizer.gallery.digests)
    with pytest.raises(KnownfaceError, match="no photo left to test on"):
        evaluate(recognizer, copies)
