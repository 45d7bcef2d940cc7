"""The race of recipe `best`: honest courses, a winner that is better, and frozen otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knownface import candidates
from knownface import race as racing
from knownface.candidates import Candidate, Workshop
from knownface.race import lay_out, race

PEOPLE, PHOTOS, SIZE = 10, 12, 16


@pytest.fixture
def photos() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crops (n, 1, 1, 16) that hold an embedding of their person, noisy; labels; groups of two."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)
    centres = rng.normal(size=(PEOPLE, SIZE))
    crops = centres[labels] + rng.normal(0, 1.2, (len(labels), SIZE))
    return crops[:, None, None], labels, np.arange(len(labels)) // 2


@dataclass
class Network:
    """An embedder that keeps a share of what the photo's noise hides."""

    noise: float

    def embed(self, crops: np.ndarray) -> np.ndarray:
        flat = crops.reshape(len(crops), -1).copy()
        flat += np.random.default_rng(1).normal(0, self.noise, flat.shape) if self.noise else 0.0
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)


class Model:
    """Stands for the Keras model: only its weights are asked for."""

    weights = (np.zeros(1),)

    def set_weights(self, weights: Any) -> None:
        self.weights = weights


def workshop(noise: float) -> Workshop:
    return Workshop(
        Model(), Network(noise), Path("nowhere"), "cpu", "float32", 0, None, None, iter,
    )  # type: ignore[arg-type] # fmt: skip


def rung(noise: float, calls: list[str]) -> candidates.Rung:
    def train(shop: Workshop, crops: np.ndarray, labels: np.ndarray, part: str) -> Candidate:
        calls.append(part)
        network, weights = Network(noise), [np.full(1, noise)]
        return Candidate(f"noise {noise}", network, ("means",), None, weights)  # type: ignore[arg-type]

    return train


def test_a_course_keeps_people_and_groups_apart(photos: Any) -> None:
    crops, labels, groups = photos
    course = lay_out(crops, labels, groups, crops[:0], seed=0)
    assert course is not None
    kept = {tuple(crop.ravel()) for crop in course.crops}
    assert not kept & {tuple(crop.ravel()) for crop in np.concatenate(course.strangers)}
    assert len(np.concatenate(course.strangers)) == 2 * PHOTOS
    assert not set(course.fit) & set(course.check)
    where = {tuple(crop.ravel()): group for crop, group in zip(crops, groups, strict=True)}
    sides = [{where[tuple(course.crops[i].ravel())] for i in rows}
             for rows in (course.fit, course.check)]  # fmt: skip
    assert not sides[0] & sides[1]


def test_nobody_is_left_out_where_strangers_are_given(photos: Any) -> None:
    crops, labels, groups = photos
    course = lay_out(crops, labels, groups, crops[:60] + 1, seed=0)
    assert course is not None
    assert len(course.crops) == len(crops)
    np.testing.assert_array_equal(*course.strangers, crops[:60] + 1)


def test_one_photo_each_is_no_course(photos: Any) -> None:
    crops, labels, groups = photos
    first = np.arange(0, len(labels), PHOTOS)
    assert lay_out(crops[first], labels[first], groups[first], crops[:0], seed=0) is None


def test_a_better_network_wins_and_is_trained_on_everything(
    photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "rungs", lambda _: (rung(0.0, calls), rung(9.0, calls)))
    shop = workshop(noise=2.0)
    outcome = race(shop, crops, labels, lay_out(crops, labels, groups, crops[:0], 0))
    assert outcome.chosen == "noise 0.0"
    assert outcome.tuned
    assert calls == ["race", "race", "all"]
    assert shop.model.weights == [np.zeros(1)]
    assert [lap.name for lap in outcome.laps] == ["frozen", "noise 0.0", "noise 9.0"]
    assert "against" in outcome.reason


def test_nothing_worse_than_frozen_is_ever_shipped(
    photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    monkeypatch.setattr(racing, "rungs", lambda _: (rung(9.0, []),))
    monkeypatch.setattr(racing, "ENOUGH", 1.01)
    outcome = race(workshop(0.0), crops, labels, lay_out(crops, labels, groups, crops[:0], 0))
    assert (outcome.chosen, outcome.tuned, outcome.templates) == ("frozen", False, None)
    assert "1 other candidates were not better" in outcome.reason


def test_a_network_that_is_good_enough_is_left_alone(
    photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "rungs", lambda _: (rung(0.0, calls),))
    clear = np.eye(PEOPLE, SIZE)[labels][:, None, None]
    outcome = race(workshop(0.0), clear, labels, lay_out(clear, labels, groups, crops[:0], 0))
    assert not calls
    assert "good enough" in outcome.reason


def test_what_all_photos_have_in_common_is_whitened_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """People differ in the last directions; the first are louder, and say nothing of them."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)
    noise = rng.normal(size=(len(labels), SIZE)) * np.where(np.arange(SIZE) < 6, 4.0, 0.3)
    centres = rng.normal(size=(PEOPLE, SIZE)) * (np.arange(SIZE) >= 6)
    crops = (centres[labels] + noise)[:, None, None]
    course = lay_out(crops, labels, np.arange(len(labels)), crops[:0], 0)
    monkeypatch.setattr(racing, "rungs", lambda _: (candidates.whitened,))
    outcome = race(workshop(0.0), crops, labels, course)
    assert (outcome.chosen, outcome.tuned, outcome.fitted) == ("frozen, whitened", False, True)
    assert outcome.whitening is not None
    frozen, white = outcome.laps
    assert white.accuracy > frozen.accuracy + 0.2


def interrupted(*_: Any) -> Candidate:
    raise KeyboardInterrupt


def test_ctrl_c_before_anything_better_ends_with_frozen(
    photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos
    monkeypatch.setattr(racing, "rungs", lambda _: (interrupted,))
    outcome = race(workshop(2.0), crops, labels, lay_out(crops, labels, groups, crops[:0], 0))
    assert (outcome.chosen, outcome.fitted, outcome.stopped) == ("frozen", False, True)


def test_ctrl_c_keeps_what_stands(photos: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    crops, labels, groups = photos
    calls: list[str] = []
    monkeypatch.setattr(racing, "rungs", lambda _: (rung(0.0, calls), interrupted))
    shop = workshop(2.0)
    outcome = race(shop, crops, labels, lay_out(crops, labels, groups, crops[:0], 0))
    assert (outcome.chosen, outcome.tuned, outcome.stopped) == ("noise 0.0", True, True)
    assert calls == ["race"]
    assert shop.model.weights == [np.zeros(1)]
    assert outcome.reason.startswith("interrupted; ")


def test_ctrl_c_ships_no_columns_of_only_some_people(
    photos: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops, labels, groups = photos

    def columns(_: Workshop, crops: np.ndarray, labels: np.ndarray, __: str) -> Candidate:
        network = Network(0.0)
        means = candidates.mean_templates(network.embed(crops), labels, int(labels.max()) + 1)
        return Candidate("head", network, ("columns",), means)  # type: ignore[arg-type]

    for strangers, chosen in ((crops[:0], "frozen"), (crops[:60] + 1, "head, columns")):
        monkeypatch.setattr(racing, "rungs", lambda _: (columns, interrupted))
        course = lay_out(crops, labels, groups, strangers, 0)
        outcome = race(workshop(2.0), crops, labels, course)
        assert (outcome.chosen, outcome.stopped) == (chosen, True)
