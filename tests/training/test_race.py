"""The race of recipe `best`: honest inner splits, a winner that is better, and frozen otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knownface.dataset.portraits import Faces
from knownface.progress import silent
from knownface.training import candidates
from knownface.training import race as racing
from knownface.training.candidates import Candidate, Method, TrainingContext, Tuned
from knownface.training.race import inner_split, race

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

    def embed(self, crops: np.ndarray, *_: object) -> np.ndarray:
        seen = crops + np.random.default_rng(1).normal(0, self.noise, crops.shape)
        return seen / np.linalg.norm(seen, axis=1, keepdims=True)


def seen(crops: np.ndarray, noise: float = 0.0) -> Faces:
    """Crops and what a frozen network with this noise makes of them."""
    return Faces(crops, Network(noise).embed(crops))


class Model:
    """Stands for the Keras model: only its weights are asked for."""

    weights = (np.zeros(1),)

    def set_weights(self, weights: Any) -> None:
        self.weights = weights


@pytest.fixture
def context() -> TrainingContext:
    return TrainingContext(
        Model(), Network(0.0), Path("nowhere"), "cpu", "float32", 0, None, None, silent,
    )  # type: ignore[arg-type] # fmt: skip


def method(noise: float, calls: list[str]) -> Method:
    def train(context: TrainingContext, faces: Faces, labels: np.ndarray, part: str) -> Candidate:
        calls.append(part)
        tuned = Tuned([np.full(1, noise)], Network(noise))  # type: ignore[arg-type]
        return Candidate(f"noise {noise}", ("means",), None, tuned)

    return train


def test_an_inner_split_keeps_people_and_groups_apart(photos: Any) -> None:
    crops, labels, groups = photos
    inner = inner_split(seen(crops), labels, groups, seen(crops[:0]), seed=0)
    assert inner is not None
    kept = {tuple(crop) for crop in inner.faces.crops}
    strangers = np.concatenate([some.crops for some in inner.strangers])
    assert not kept & {tuple(crop) for crop in strangers}
    assert len(strangers) == 2 * PHOTOS
    assert not set(inner.fit) & set(inner.check)
    where = {tuple(crop): group for crop, group in zip(crops, groups, strict=True)}
    sides = [{where[tuple(inner.faces.crops[i])] for i in rows}
             for rows in (inner.fit, inner.check)]  # fmt: skip
    assert not sides[0] & sides[1]


def test_nobody_is_left_out_where_strangers_are_given(photos: Any) -> None:
    crops, labels, groups = photos
    inner = inner_split(seen(crops), labels, groups, seen(crops[:60] + 1), seed=0)
    assert inner is not None
    assert len(inner.faces) == len(crops)
    (strangers,) = inner.strangers
    np.testing.assert_array_equal(strangers.crops, crops[:60] + 1)


def test_one_photo_each_is_no_inner_split(photos: Any) -> None:
    crops, labels, groups = photos
    first = np.arange(0, len(labels), PHOTOS)
    assert inner_split(seen(crops[first]), labels[first], groups[first], seen(crops[:0]), 0) is None


def test_a_better_network_wins_and_is_trained_on_everything(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "methods", lambda _: (method(0.0, calls), method(9.0, calls)))
    faces = seen(crops, noise=2.0)
    outcome = race(context, faces, labels, inner_split(faces, labels, groups, faces[:0], 0))
    assert outcome.chosen == "noise 0.0"
    assert outcome.tuned
    assert calls == ["race", "race", "all"]
    assert context.model.weights == [np.zeros(1)]
    assert [each.name for each in outcome.candidates] == ["frozen", "noise 0.0", "noise 9.0"]
    assert "against" in outcome.reason


def test_nothing_worse_than_frozen_is_ever_shipped(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    monkeypatch.setattr(racing, "methods", lambda _: (method(9.0, []),))
    monkeypatch.setattr(racing, "ENOUGH", 1.01)
    faces = seen(crops)
    outcome = race(context, faces, labels, inner_split(faces, labels, groups, faces[:0], 0))
    assert (outcome.chosen, outcome.tuned, outcome.templates) == ("frozen", False, None)
    assert "1 other candidates were not better" in outcome.reason


def test_a_network_that_is_good_enough_is_left_alone(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "methods", lambda _: (method(0.0, calls),))
    clear = seen(np.eye(PEOPLE, SIZE)[labels])
    outcome = race(context, clear, labels, inner_split(clear, labels, groups, clear[:0], 0))
    assert not calls
    assert "good enough" in outcome.reason


def test_what_all_photos_have_in_common_is_whitened_away(
    context: TrainingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People differ in the last directions; the first are louder, and say nothing of them."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)
    noise = rng.normal(size=(len(labels), SIZE)) * np.where(np.arange(SIZE) < 6, 4.0, 0.3)
    centres = rng.normal(size=(PEOPLE, SIZE)) * (np.arange(SIZE) >= 6)
    faces = seen(centres[labels] + noise)
    inner = inner_split(faces, labels, np.arange(len(labels)), faces[:0], 0)
    monkeypatch.setattr(racing, "methods", lambda _: (candidates.whitened,))
    outcome = race(context, faces, labels, inner)
    assert (outcome.chosen, outcome.tuned, outcome.fitted) == ("frozen, whitened", False, True)
    assert outcome.whitening is not None
    frozen, white = outcome.candidates
    assert white.accuracy > frozen.accuracy + 0.2


def interrupted(*_: Any) -> Candidate:
    raise KeyboardInterrupt


def test_ctrl_c_before_anything_better_ends_with_frozen(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    monkeypatch.setattr(racing, "methods", lambda _: (interrupted,))
    faces = seen(crops, noise=2.0)
    outcome = race(context, faces, labels, inner_split(faces, labels, groups, faces[:0], 0))
    assert (outcome.chosen, outcome.fitted, outcome.stopped) == ("frozen", False, True)


def test_ctrl_c_keeps_what_stands(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "methods", lambda _: (method(0.0, calls), interrupted))
    faces = seen(crops, noise=2.0)
    outcome = race(context, faces, labels, inner_split(faces, labels, groups, faces[:0], 0))
    assert (outcome.chosen, outcome.tuned, outcome.stopped) == ("noise 0.0", True, True)
    assert calls == ["race"]
    assert context.model.weights == [np.zeros(1)]
    assert outcome.reason.startswith("interrupted; ")


def test_ctrl_c_ships_no_columns_of_only_some_people(
    context: TrainingContext, photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos

    def columns(_: TrainingContext, faces: Faces, labels: np.ndarray, __: str) -> Candidate:
        tuned = Tuned([np.zeros(1)], Network(0.0))  # type: ignore[arg-type]
        means = candidates.mean_templates(seen(faces.crops).embeddings, labels, labels.max() + 1)
        return Candidate("whole", ("columns",), means, tuned)

    faces = seen(crops, noise=2.0)
    for strangers, chosen in ((crops[:0], "frozen"), (crops[:60] + 1, "whole, columns")):
        monkeypatch.setattr(racing, "methods", lambda _: (columns, interrupted))
        inner = inner_split(faces, labels, groups, seen(strangers, 2.0), 0)
        outcome = race(context, faces, labels, inner)
        assert (outcome.chosen, outcome.stopped) == (chosen, True)
