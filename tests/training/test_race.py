"""The race of recipe `best`: honest inner splits, a winner that is better, and frozen otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import comparison_of

from knownface.dataset.portraits import Faces
from knownface.measure.trial import Trial
from knownface.progress import silent
from knownface.training import candidates
from knownface.training import race as racing
from knownface.training.candidates import Candidate, Lesson, Method, TrainingContext, Tuned
from knownface.training.judging import Judged
from knownface.training.race import CandidateTrial, choose, race
from knownface.training.rounds import Ground

PEOPLE, PHOTOS, SIZE = 10, 12, 16


@pytest.fixture
def photos() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops (n, 16) that hold an embedding of their person, noisy; labels; groups of two."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)
    centres = rng.normal(size=(PEOPLE, SIZE))
    crops = centres[labels] + rng.normal(0, 1.2, (len(labels), SIZE))
    return crops, labels, np.arange(len(labels)) // 2


@dataclass
class Network:
    """An embedder that adds noise to what a crop holds."""

    noise: float

    def embed(self, crops: np.ndarray, *_: object, **__: object) -> np.ndarray:
        seen = crops + np.random.default_rng(1).normal(0, self.noise, crops.shape)
        return seen / np.linalg.norm(seen, axis=1, keepdims=True)


def seen(crops: np.ndarray, noise: float = 0.0) -> Faces:
    """Crops and what a frozen network with this noise makes of them."""
    return Faces(crops, Network(noise).embed(crops))


class Model:
    """Stands for the Keras model: only its weights and its width are asked for."""

    weights = (np.zeros(1),)
    output_shape = (None, SIZE)

    def set_weights(self, weights: Any) -> None:
        self.weights = weights


@pytest.fixture
def context() -> TrainingContext:
    return TrainingContext(
        Model(), Network(0.0), Path("nowhere"), "cpu", "float32", 0, None, None, silent,
    )  # type: ignore[arg-type] # fmt: skip


def method(noise: float, calls: list[str]) -> Method:
    def train(context: TrainingContext, lesson: Lesson) -> Candidate:
        calls.append(lesson.name)
        tuned = Tuned([np.full(1, noise)], Network(noise))  # type: ignore[arg-type]
        return Candidate(f"noise {noise}", ("means",), None, tuned)

    return train


def ground(faces: Faces, labels: np.ndarray, groups: np.ndarray, strangers: Any = ()) -> Ground:
    given = Faces(np.zeros((0, SIZE)), np.zeros((0, SIZE))) if not len(strangers) else strangers
    return Ground.of(faces, labels, groups, given, np.arange(len(given)) // 4, 0)


def test_a_better_network_wins_and_is_trained_on_everything(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "methods", lambda _: (method(0.0, calls), method(9.0, calls)))
    faces = seen(crops, noise=2.0)
    outcome = race(context, ground(faces, labels, groups))
    assert outcome.chosen == "noise 0.0"
    assert outcome.network is context.model
    assert "better with probability" in outcome.reason
    assert calls == ["race", "race-2", "race", "all"]
    assert context.model.weights == [np.zeros(1)]
    assert [each.name for each in outcome.candidates] == ["frozen", "noise 0.0", "noise 9.0"]
    assert "against" in outcome.reason


def test_nothing_worse_than_frozen_is_ever_shipped(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    monkeypatch.setattr(racing, "methods", lambda _: (method(9.0, []),))
    monkeypatch.setattr(racing, "enough", lambda _: False)
    faces = seen(crops)
    outcome = race(context, ground(faces, labels, groups))
    assert (outcome.chosen, outcome.network, outcome.templates) == ("frozen", None, None)
    assert "1 other candidates were not better" in outcome.reason


def test_a_network_that_is_good_enough_is_left_alone(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "methods", lambda _: (method(0.0, calls),))
    clear = seen(np.eye(PEOPLE, SIZE)[labels])
    outcome = race(context, ground(clear, labels, groups))
    assert not calls
    assert "good enough" in outcome.reason


def test_a_hopeless_network_is_trained_once(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "methods", lambda _: (method(9.0, calls), method(2.1, calls)))
    race(context, ground(seen(crops, noise=2.0), labels, groups))
    assert calls == ["race", "race", "race-2"]


def test_all_rounds_are_the_race_of_what_costs_little(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    names: list[str] = []

    def cheap(_: TrainingContext, lesson: Lesson) -> Candidate:
        names.append(lesson.name)
        return Candidate("equal", ("means",))

    monkeypatch.setattr(racing, "methods", lambda _: (cheap,))
    where = ground(seen(crops, noise=2.0), labels, groups)
    race(context, where)
    assert names[:4] == ["race", "race-2", "race-3", "race-4"]
    assert 80 <= sum(len(part.judged) for part in where.rounds) <= PEOPLE * PHOTOS


def test_what_is_chosen_is_the_best_of_those_that_are_surely_better() -> None:
    """A lead alone, and certainty alone, are not enough."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)

    def entrant(name: str, right: float, sure: float) -> CandidateTrial:
        scores = np.eye(PEOPLE)[np.where(rng.random(len(labels)) < right, labels, labels - 1)]
        judged = Judged(Trial(scores, labels, np.full(9, 0.1)), np.arange(9))
        return CandidateTrial(name, "means", judged, first, sure, 0.0)

    first = Judged(Trial(np.eye(PEOPLE)[labels - 1], labels, np.full(9, 0.1)), np.arange(9))
    frozen = CandidateTrial("frozen", "means", first, first, 0.5, 0.0)
    unsure, little, more, hardly = (
        entrant("unsure", 0.9, 0.6),
        entrant("little", 0.3, 0.95),
        entrant("more", 0.6, 0.9),
        entrant("hardly", 0.009, 0.99),
    )
    assert choose([frozen, unsure, little, more]) is more
    assert choose([frozen, unsure, hardly]) is frozen


def test_what_promises_more_and_counts_less_is_not_chosen() -> None:
    labels = np.arange(100) % PEOPLE
    mistaken = np.where(np.arange(100) == 0, 1, labels)
    leads = np.linspace(0.01, 0.4, 100)[:, None]
    narrow, wide = (
        Judged(Trial(scores, labels, np.linspace(-0.1, 0.0, 9)), np.arange(9))
        for scores in (leads * np.eye(PEOPLE)[labels], np.eye(PEOPLE)[mistaken])
    )
    tried = [
        CandidateTrial(name, "means", judged, narrow, sure, 0.0)
        for name, judged, sure in (("frozen", narrow, 0.5), ("wide", wide, 0.99))
    ]
    assert tried[1].gain > 0.02
    assert wide.score < narrow.score
    assert choose(tried) is tried[0]


def test_what_all_photos_have_in_common_is_whitened_away(
    context: TrainingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People differ in the last directions; the first are louder, and say nothing of them."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)
    noise = rng.normal(size=(len(labels), SIZE)) * np.where(np.arange(SIZE) < 6, 4.0, 0.3)
    centres = rng.normal(size=(PEOPLE, SIZE)) * (np.arange(SIZE) >= 6)
    faces = seen(centres[labels] + noise)
    monkeypatch.setattr(racing, "methods", lambda _: (candidates.whitened,))
    outcome = race(context, ground(faces, labels, np.arange(len(labels))))
    assert (outcome.chosen, outcome.network, outcome.changed) == ("frozen, whitened", None, True)
    assert outcome.whitening is not None
    frozen, white = outcome.candidates
    assert white.accuracy > frozen.accuracy + 0.2


def test_the_frozen_network_that_stays_is_compared_as_it_raced(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as the same network was, whitened, in vain, after it."""
    crops, labels, groups = photos
    known = replace(context, comparison=comparison_of(SIZE))
    monkeypatch.setattr(racing, "methods", lambda _: (candidates.whitened,))
    monkeypatch.setattr(racing, "SURE", 1.1)
    outcome = race(known, ground(seen(crops, noise=2.0), labels, groups))
    assert [each.name for each in outcome.candidates] == ["frozen", "frozen, whitened"]
    assert (outcome.chosen, outcome.whitening) == ("frozen", None)
    assert outcome.comparison is known.comparison


def interrupted(*_: Any) -> Candidate:
    raise KeyboardInterrupt


def test_ctrl_c_before_anything_better_ends_with_frozen(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    monkeypatch.setattr(racing, "methods", lambda _: (interrupted,))
    faces = seen(crops, noise=2.0)
    outcome = race(context, ground(faces, labels, groups))
    assert (outcome.chosen, outcome.changed, outcome.stopped) == ("frozen", False, True)


def test_ctrl_c_keeps_what_stands(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "methods", lambda _: (method(0.0, calls), interrupted))
    faces = seen(crops, noise=2.0)
    outcome = race(context, ground(faces, labels, groups))
    assert (outcome.chosen, outcome.changed, outcome.stopped) == ("noise 0.0", True, True)
    assert calls == ["race", "race-2"]
    assert context.model.weights == [np.zeros(1)]
    assert outcome.reason.startswith("interrupted; ")


def test_ctrl_c_ships_no_columns_of_only_some_people(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos

    def columns(_: TrainingContext, lesson: Lesson) -> Candidate:
        tuned = Tuned([np.zeros(1)], Network(0.0))  # type: ignore[arg-type]
        known = seen(lesson.faces.crops).embeddings
        means = candidates.mean_templates(known, lesson.labels, len(lesson.people))
        return Candidate("whole", ("columns",), means, tuned)

    faces = seen(crops, noise=2.0)
    for strangers, chosen in ((crops[:0], "frozen"), (crops[:60] + 1, "whole, columns")):
        monkeypatch.setattr(racing, "methods", lambda _: (columns, interrupted))
        outcome = race(context, ground(faces, labels, groups, seen(strangers, 2.0)))
        assert (outcome.chosen, outcome.stopped) == (chosen, True)
