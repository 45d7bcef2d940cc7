"""The margin losses against their formulas, and where they count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from knownface.networks.layers import keras
from knownface.training.head import Classifier, CosineHead, adacos_scale
from knownface.training.losses import LOSSES, with_margin

RNG = np.random.default_rng(11)
CLASSES = 5


def batch(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (n, c) over the whole range, and one-hot answers."""
    cosines = RNG.uniform(-1, 1, (count, CLASSES)).astype(np.float32)
    return cosines, np.eye(CLASSES, dtype=np.float32)[RNG.integers(0, CLASSES, count)]


def test_adacos_scale() -> None:
    assert adacos_scale(20) == pytest.approx(math.sqrt(2) * math.log(19))
    assert adacos_scale(2) == adacos_scale(4) > 1  # ln(1) would forget the scale altogether


@pytest.mark.parametrize("kind", ["softmax", "arcface", "cosface"])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_margin_by_its_formula(kind: str, strength: float) -> None:
    cosines, answers = batch()
    found = np.asarray(with_margin(8 * cosines, answers, kind, 8.0, strength)) / 8
    margin = LOSSES[kind].margin * strength
    expected = cosines.astype(np.float64)
    true = answers > 0
    if kind == "arcface":
        expected[true] = np.cos(np.minimum(np.arccos(cosines[true]) + margin, np.pi))
    else:
        expected[true] -= margin
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert (found[~true] == cosines[~true]).all()
    assert (found[true] <= cosines[true] + 2e-3).all()


@pytest.mark.parametrize("kind", ["softmax", "arcface", "cosface"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_never_nan_even_at_the_ends(kind: str, dtype: str) -> None:
    """A face exactly at its template, exactly opposite, and a dead embedding of zeros."""
    head = CosineHead(CLASSES)
    head.build((None, 8))
    column = np.asarray(head.templates()[0])
    points = np.stack([column, -column, np.zeros(8)]).astype(np.float32)
    network = classifier(kind, head)
    network.compile(keras.optimizers.SGD(0.1), loss=keras.losses.CategoricalCrossentropy(True))
    points = keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.cast(points, dtype), "float32"))
    for _ in range(3):
        loss = network.train_on_batch(points, np.eye(CLASSES)[[0, 0, 0]])
        assert np.isfinite(loss)
    assert all(np.isfinite(np.asarray(weight)).all() for weight in network.get_weights())


def classifier(kind: str, head: CosineHead, warm_up: int = 1) -> Classifier:
    inputs = keras.Input((8,))
    return Classifier(inputs, head, keras.layers.Dense(8)(inputs), kind, warm_up)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
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
    logits = np.asarray(head(points))
    cosines = points / np.linalg.norm(points, axis=1, keepdims=True) @ head.templates().T
    np.testing.assert_allclose(logits, adacos_scale(CLASSES) * cosines, atol=1e-5)
