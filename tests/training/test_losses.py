"""The margin losses against their formulas, and where they count."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from knownface.networks.layers import keras
from knownface.training.head import Classifier, CosineHead, adacos_scale, unit_length
from knownface.training.losses import LOSSES, with_margin

pytestmark = pytest.mark.backends
ops = keras.ops
RNG = np.random.default_rng(11)
CLASSES = 5


def batch(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (n, c) over the whole range, and one-hot answers."""
    cosines = RNG.uniform(-1, 1, (count, CLASSES)).astype(np.float32)
    return cosines, np.eye(CLASSES, dtype=np.float32)[RNG.integers(0, CLASSES, count)]


def test_adacos_scale() -> None:
    assert adacos_scale(20) == pytest.approx(math.sqrt(2) * math.log(19))
    assert adacos_scale(2) == adacos_scale(4) > 1  # ln(1) would forget the scale altogether


def harder(kind: str, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cosines (n, c), which of them are of the true class, and what a loss makes of them."""
    cosines, answers = batch()
    found = ops.convert_to_numpy(with_margin(8 * cosines, answers, kind, 8.0, strength)) / 8
    return cosines, answers > 0, found


FORMULAS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "softmax": lambda cosine, _: cosine,
    "arcface": lambda cosine, margin: np.cos(np.minimum(np.arccos(cosine) + margin, np.pi)),
    "cosface": lambda cosine, margin: cosine - margin,
}


@pytest.mark.parametrize("kind", FORMULAS)
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_margin_by_its_formula(kind: str, strength: float) -> None:
    cosines, true, found = harder(kind, strength)
    expected = cosines.astype(np.float64)
    expected[true] = FORMULAS[kind](expected[true], LOSSES[kind].margin * strength)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_a_margin_makes_only_the_true_class_harder(kind: str, strength: float) -> None:
    cosines, true, found = harder(kind, strength)
    assert (found[~true] == cosines[~true]).all()
    assert (found[true] <= cosines[true] + 2e-3).all()
    if LOSSES[kind].margin and strength:
        assert found[true].mean() < cosines[true].mean() - 0.01


def test_unit_length_is_that_of_keras() -> None:
    points = np.vstack([RNG.normal(size=(6, 8)), np.full((1, 8), 1e-9), np.zeros((1, 8))])
    found = ops.convert_to_numpy(unit_length(ops.convert_to_tensor(points, "float32"), -1))
    expected = ops.convert_to_numpy(ops.normalize(ops.convert_to_tensor(points, "float32"), -1))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found[-1] == 0).all()


def test_what_a_dead_embedding_learns_is_the_same_on_every_backend() -> None:
    """One step of plain gradient descent from an embedding of zeros, against its formula.

    With all logits 0 the probabilities are equal, and `x / max(length, 1e-7)` has slope 1e7.
    """
    head, rate = CosineHead(CLASSES), 1e-7
    network = classifier("softmax", head)
    network.compile(keras.optimizers.SGD(rate), loss=keras.losses.CategoricalCrossentropy(True))
    templates, answer = head.templates(), np.eye(CLASSES)[2]
    assert network.train_on_batch(np.zeros((1, 8)), answer[None]) == pytest.approx(math.log(5))
    kernel, bias = network.layers[1].get_weights()
    wanted = -rate * 1e7 * head.scale * (np.full(CLASSES, 1 / CLASSES) - answer) @ templates
    np.testing.assert_allclose(bias, wanted, rtol=1e-4, atol=1e-6)
    assert np.isfinite(kernel).all()
    np.testing.assert_allclose(head.templates(), templates, atol=1e-6)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_never_nan_even_at_the_ends(kind: str, dtype: str) -> None:
    """A face exactly at its template, exactly opposite, and a dead embedding of zeros."""
    head = CosineHead(CLASSES)
    head.build((None, 8))
    column = head.templates()[0]
    points = np.stack([column, -column, np.zeros(8)]).astype(np.float32)
    network = classifier(kind, head)
    network.compile(keras.optimizers.SGD(0.1), loss=keras.losses.CategoricalCrossentropy(True))
    points = ops.convert_to_numpy(ops.cast(ops.cast(points, dtype), "float32"))
    for _ in range(3):
        loss = network.train_on_batch(points, np.eye(CLASSES)[[0, 0, 0]])
        assert np.isfinite(loss)
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


def classifier(kind: str, head: CosineHead, warm_up: int = 1) -> Classifier:
    inputs = keras.Input((8,))
    return Classifier(inputs, head, keras.layers.Dense(8)(inputs), kind, warm_up)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [kind for kind, loss in LOSSES.items() if loss.margin])
def test_the_margin_warms_up_and_is_off_in_validation(kind: str) -> None:
    network = classifier(kind, CosineHead(CLASSES), warm_up=4)
    network.compile(
        keras.optimizers.SGD(0.0), loss=keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    points = RNG.normal(size=(16, 8)).astype(np.float32)
    answers = np.eye(CLASSES)[RNG.integers(0, CLASSES, 16)]
    plain = network.evaluate(points, answers, verbose=0)

    def step() -> float:
        network.reset_metrics()
        return float(network.train_on_batch(points, answers))

    losses = [step() for _ in range(6)]
    assert plain < losses[0] < losses[1] < losses[2] < losses[3]
    assert losses[3:] == pytest.approx([losses[3]] * 3, abs=1e-5)
    assert network.evaluate(points, answers, verbose=0) == pytest.approx(plain, abs=1e-5)


def test_columns_are_templates() -> None:
    head = CosineHead(CLASSES)
    points = RNG.normal(size=(3, 8)).astype(np.float32)
    logits = ops.convert_to_numpy(head(points))
    cosines = points / np.linalg.norm(points, axis=1, keepdims=True) @ head.templates().T
    np.testing.assert_allclose(logits, adacos_scale(CLASSES) * cosines, atol=1e-5)
