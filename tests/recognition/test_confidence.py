"""The confidence of an answer: what it means, where it comes from, and how far it is off."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import embeddings, gallery_of

from knownface.errors import KnownfaceError
from knownface.recognition.confidence import Confidence, one_person
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.threshold import Threshold
from knownface.stats import metrics

THRESHOLD = Threshold(0.4, 0.01, "")
SPREAD = 0.35


def drawn(people: int, photos: int, seed: int) -> tuple[Gallery, np.ndarray, np.ndarray]:
    """A gallery, and as many new photos of its people and of strangers: (n, d) each."""
    rng = np.random.default_rng(seed)
    centres = embeddings(rng, np.zeros((2 * people, 32)), 1.0)
    rows = np.repeat(np.arange(2 * people), photos + 20)
    photo = np.tile(np.arange(photos + 20), 2 * people)
    faces = embeddings(rng, centres[rows], SPREAD)
    train = (rows < people) & (photo < photos)
    names = [str(i) for i in range(train.sum())]
    gallery = Gallery.enroll(
        [f"person {i:02}" for i in range(people)], faces[train], rows[train], names, names
    )
    fresh = photo >= photos
    return gallery, faces[fresh & (rows < people)], faces[fresh & (rows >= people)]


@pytest.mark.parametrize(("people", "photos"), [(20, 20), (20, 6), (10, 10)])
def test_it_is_right_on_new_photos_and_strangers_together(people: int, photos: int) -> None:
    said, right = [], []
    for seed in range(5):
        gallery, known, strangers = drawn(people, photos, seed)
        confidence = Confidence.fit(gallery, THRESHOLD, np.zeros(0))
        person, best = gallery.match(np.concatenate([known, strangers]))
        said.append(confidence(best))
        right.append(np.append(person[: len(known)] == np.repeat(np.arange(people), 20),
                               np.zeros(len(strangers), bool)))  # fmt: skip
    assert metrics.expected_calibration_error(np.concatenate(said), np.concatenate(right)) <= 0.03


def test_given_strangers_count_and_people_need_not_play_them() -> None:
    gallery, _, strangers = drawn(10, 10, 0)
    best = gallery.match(strangers)[1]
    alone = Confidence.fit(gallery, THRESHOLD, best, use_people=False)
    assert alone.source == "100 training photos against 200 of strangers"
    higher = Confidence.fit(gallery, THRESHOLD, best + 0.2, use_people=False)
    assert higher.midpoint > alone.midpoint + 0.05
    assert Confidence.fit(gallery, THRESHOLD, best).source.endswith("against 300 of strangers")


def test_where_nothing_can_be_fitted_it_is_even_at_the_threshold() -> None:
    nobody = np.zeros(0)
    for gallery in (gallery_of(3, 1), gallery_of(1, 5)):
        confidence = Confidence.fit(gallery, THRESHOLD, nobody)
        assert confidence == Confidence.assumed(THRESHOLD)
        assert confidence(np.array([0.4]))[0] == pytest.approx(0.5)
    assert Confidence.fit(gallery_of(1, 5), THRESHOLD, np.full(50, 0.1)).midpoint > 0.1


def test_photos_that_part_completely_leave_a_finite_curve() -> None:
    confidence = Confidence.fit(gallery_of(5, 8, spread=0.01), THRESHOLD, np.full(40, 0.2))
    low, high = confidence(np.array([0.1, 0.99]))
    assert 0 <= low < 0.05 < 0.95 < high <= 1


@pytest.mark.parametrize("poisoned", [1, 2, 4])
def test_people_under_two_names_do_not_spoil_everybody_s(poisoned: int) -> None:
    gallery, known, strangers = drawn(20, 20, 0)
    clean = Confidence.fit(gallery, THRESHOLD, np.zeros(0))
    labels = gallery.labels.copy()
    for person in range(poisoned):  # half of their photos in a folder of their own
        labels[np.flatnonzero(gallery.labels == person)[::2]] = 20 + person
    names = [f"person {i:02}" for i in range(20 + poisoned)]
    twice = Gallery.enroll(names, gallery.embeddings, labels, gallery.photos, gallery.digests)
    found = Confidence.fit(twice, THRESHOLD, np.zeros(0))
    similarity = gallery.match(np.concatenate([known, strangers]))[1]
    assert abs(found(similarity) - clean(similarity)).mean() < 0.02
    pairs = np.argwhere(np.triu(one_person(twice), 1)).tolist()
    assert pairs == [[person, 20 + person] for person in range(poisoned)]


# ---------------------------------------------------------------- in a recogniser
def test_every_face_has_its_nearest_and_a_confidence(
    run_folder: Path, people: Path, strangers: Path
) -> None:
    recognizer = Recognizer.load(run_folder)
    photos = sorted(people.glob("*/*.jpg")) + sorted(strangers.glob("*/*.jpg"))
    faces = [face for each in recognizer.recognize_photos(photos) for face in each.faces]
    assert {face.nearest for face in faces} <= set(recognizer.people)
    assert all(0 <= face.confidence <= 1 for face in faces)
    named = [face for face in faces if face.name]
    assert all(face.nearest == face.name for face in named)
    unknown = [face.confidence for face in faces if not face.name]
    assert np.mean([face.confidence for face in named]) > 0.9
    assert 0 < np.mean(unknown) < 0.3
    document = next(recognizer.recognize_photos(photos[:1])).to_json()["faces"][0]
    assert (document["nearest"], document["confidence"] > 0.9) == (photos[0].parent.name, True)


def test_it_is_kept_in_the_artifact(run_folder: Path, tmp_path: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    assert recognizer.confidence is not None
    assert "training photos against" in recognizer.confidence.source
    recognizer.save(tmp_path)
    assert Recognizer.load(tmp_path).confidence == recognizer.confidence
    record = tmp_path / "recognizer.json"
    document = json.loads(record.read_text())
    record.write_text(json.dumps(document | {"confidence": {"slope": -1.0, "midpoint": 0.3,
                                                           "source": ""}}))  # fmt: skip
    with pytest.raises(KnownfaceError, match="not a usable recognizer"):
        Recognizer.load(tmp_path)
    del document["confidence"]  # made before there was one
    record.write_text(json.dumps(document))
    assert Recognizer.load(tmp_path).confidence == Confidence.assumed(recognizer.threshold)
    other = replace(recognizer, confidence=None)
    assert other.recognize(np.zeros((40, 40, 3), np.uint8)).faces == ()
