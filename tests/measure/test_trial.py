"""The one scoring, against scikit-learn and numbers made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, top_k_accuracy_score
from support import embeddings, gallery_of, portraits_of

from knownface.measure.trial import Trial
from knownface.recognition.comparison import Templates
from knownface.stats.vectors import mean_templates


def by_hand() -> Trial:
    """Four photos of three people, of whom the third photo is taken for another; five strangers."""
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.6, 0.1], [0.3, 0.5, 0.4], [0.1, 0.0, 0.4]])
    return Trial(scores, np.array([0, 1, 2, 2]), np.array([0.1, 0.45, 0.2, 0.7, 0.3]))


def made_up(strangers: int = 400) -> Trial:
    gallery, probes = gallery_of(8, 5, spread=0.4), gallery_of(8, 30, spread=0.4)
    others = embeddings(np.random.default_rng(7), np.zeros((strangers, 32)), 1.0)
    return Trial.of(gallery.scores, probes.embeddings, probes.labels, others)


def test_numbers_made_by_hand() -> None:
    trial = by_hand()
    assert trial.predicted.tolist() == [0, 1, 1, 2]
    assert trial.best.tolist() == [0.9, 0.6, 0.5, 0.4]
    assert trial.correct.tolist() == [True, True, False, True]
    assert trial.others.tolist() == [0.1, 0.2, 0.5, 0.1]
    np.testing.assert_allclose(trial.margins, [0.8, 0.4, -0.1, 0.3])
    assert trial.accuracy == 0.75
    low, high = trial.accuracy_ci95
    assert (low, high) == pytest.approx((0.3006, 0.9544), abs=1e-4)  # Wilson, 3 of 4
    assert [trial.top_k_accuracy(k) for k in (1, 2, 3, 9)] == [0.75, 1.0, 1.0, 1.0]
    assert trial.at(0.45) == (0.5, 0.4)  # a threshold is itself accepted
    assert trial.at(0.0) == (0.75, 1.0)
    assert trial.at(0.91) == (0.0, 0.0)
    assert [trial.dir_at_far(far) for far in (0.0, 0.2, 0.4, 0.6, 1.0)] == [
        0.25, 0.5, 0.75, 0.75, 0.75,
    ]  # fmt: skip


def test_scikit_learn_agrees() -> None:
    trial = made_up()
    assert 0.5 < trial.accuracy < 0.99
    assert trial.accuracy == accuracy_score(trial.truth, trial.predicted)
    for k in (1, 2, 5):
        expected = top_k_accuracy_score(trial.truth, trial.scores, k=k, labels=range(8))
        assert trial.top_k_accuracy(k) == pytest.approx(expected, abs=1e-12)


def test_what_is_found_at_a_rate_is_what_its_threshold_finds() -> None:
    trial = made_up()
    for far in (0.01, 0.1, 0.3):
        value = np.sort(trial.strangers)[::-1][int(far * 400)]
        found, accepted = trial.at(float(np.nextafter(value, np.float32(1))))
        assert accepted == far
        assert trial.dir_at_far(far) == found
        low, high = trial.dir_at_far_ci95(far, np.arange(400))
        assert 0 <= low < found < high <= 1
    fars, dirs = trial.open_set_curve()
    assert (np.diff(fars) >= 0).all()
    assert (np.diff(dirs) >= 0).all()
    assert (fars[-1], dirs[-1]) == (1.0, trial.at(-1.0)[0])


def test_without_strangers_each_person_in_turn_plays_one() -> None:
    trial = made_up(strangers=0)
    for i, person in enumerate(trial.truth):
        assert trial.strangers[i] == np.delete(trial.scores[i], person).max()
    assert len(trial.scores) == 240
    alone = Trial.of(
        Templates(np.eye(1, 3)).scores, np.eye(2, 3), np.zeros(2, int), np.zeros((0, 3))
    )
    assert len(alone.strangers) == 0
    assert alone.accuracy == 1
    assert alone.at(0.5) == (0.5, None)
    with pytest.raises(ValueError, match="at least one"):
        alone.dir_at_far(0.01)


def test_one_person_in_two_folders_is_no_stranger() -> None:
    templates = np.eye(4, dtype=np.float32)
    templates[3] = templates[0]
    none = templates[:0]
    compared = Templates(templates).scores
    assert Trial.of(compared, templates, np.arange(4), none).strangers.tolist() == [1, 0, 0, 1]
    told = Trial.of(compared, templates, np.arange(4), none, [(0, 3)])
    assert told.strangers.tolist() == [0, 0, 0, 0]


def test_a_split_is_tested_with_templates_of_its_training_rows() -> None:
    gallery = gallery_of(5, 6, spread=0.6)
    faces, labels = portraits_of(gallery).faces, gallery.labels
    rows = np.random.default_rng(0).permutation(30)
    train, test = rows[:18], rows[18:]
    trial, tested = Trial.of_split(faces, labels, train, test)
    templates = mean_templates(gallery.embeddings[train], labels[train], 5)
    np.testing.assert_array_equal(tested, test)
    np.testing.assert_array_equal(trial.scores, gallery.embeddings[test] @ templates.T)
    np.testing.assert_array_equal(trial.truth, labels[test])
    some = train[labels[train] != 2]  # nobody has a template of the third person
    trial, tested = Trial.of_split(faces, labels, some, test)
    np.testing.assert_array_equal(tested, test[labels[test] != 2])
    assert trial.scores.shape == (len(tested), 4)
    alone, tested = Trial.of_split(faces, labels, np.arange(6), np.arange(6, 30))
    assert len(tested) == len(alone.margins) == 0
    with pytest.raises(ValueError, match="no photo was tested"):
        _ = alone.accuracy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scores": np.zeros(4)}, r"scores must be \(n, p\)"),
        ({"scores": np.zeros((4, 0))}, r"scores must be \(n, p\)"),
        ({"scores": np.full((4, 3), np.nan)}, "finite"),
        ({"scores": np.full((4, 3), np.inf)}, "finite"),
        ({"truth": np.array([0, 1, 2])}, r"truth \(n,\)"),
        ({"truth": np.array([0, 1, 2, 3])}, "0 to 2"),
        ({"truth": np.array([0, 1, 2, -1])}, "0 to 2"),
        ({"truth": np.array([0.0, 1.0, 2.0, 2.0])}, "0 to 2"),
        ({"strangers": np.zeros((4, 3))}, r"\(m,\)"),
        ({"strangers": np.array([np.nan])}, "finite"),
    ],
)
def test_wrong_values_are_refused(changes: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(by_hand(), **changes)
