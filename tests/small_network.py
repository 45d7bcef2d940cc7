"""A network that trains in a second, for tests of the training loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from knownface.networks.layers import keras
from knownface.training.views import Changes

from knownface.training.finetune import Examples, Plan, Trained, finetune  # isort: skip - quiet Keras first

PLAN = Plan(epochs=3, learning_rate=1e-2, batch_size=8, falling=True, changes=Changes(), seed=3)


def network() -> keras.Model:
    """uint8 crops (n, 16, 16, 3) to float32 embeddings (n, 8); the same on every back end."""
    crops = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(crops)
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(crops, keras.layers.Dense(8, dtype="float32")(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    return model


def coloured_people() -> Examples:
    """Three people with twelve crops each, which have colours of their own."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 12)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])
    crops = colours[labels][:, None, None] + rng.integers(-50, 50, (36, 16, 16, 3))
    return Examples(crops.astype(np.uint8), labels, 3)


def run(
    examples: Examples, folder: Path, plan: Plan = PLAN, **options: Any
) -> tuple[Trained, tuple[list[np.ndarray], list[Any]]]:
    """Train the network: what came of it, its weights, and the history."""
    rows: list[Any] = []
    model = network()
    watch = options.pop("watch", lambda seen: rows.__setitem__(slice(None), seen))
    trained = finetune(model, examples, plan, folder / "small", watch=watch, **options)
    return trained, (model.get_weights(), rows)


def end(folder: Path) -> np.ndarray:
    """Templates (3, 8) after training in float32, with nothing drawn but by NumPy."""
    plan = replace(PLAN, precision="float32", loss="arcface")
    start = np.random.default_rng(1).normal(size=(3, 8))
    return run(coloured_people(), folder, plan, start=start)[0].templates
