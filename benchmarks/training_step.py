"""Training steps of ResNet-50 at 224, batches of 32: ours against stock Keras in float32.

    python benchmarks/training_step.py [--seconds 60]

`keras.applications.ResNet50` is what a user would fine-tune instead: batch norm as published, the
whole network, float32. Ours is `vggface2` (the same network, batch norm folded) as recipes train
it: the whole network, and its last stage on activations that are computed once. Random weights; the
three take turns in one run, after warming up, and each line is a median over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from knownface.networks.layers import keras, last_stage
from knownface.networks.load import build_backbone
from knownface.networks.zoo import get_backbone
from knownface.training.precision import computing_in

BATCH, PEOPLE = 32, 20


def stock() -> keras.Model:
    network = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg")
    crops = keras.Input((224, 224, 3), dtype="uint8")
    pixels = keras.layers.Rescaling(1 / 255)(crops)
    return keras.Model(crops, keras.layers.Dense(PEOPLE)(network(pixels)))


def ours(model: keras.Model) -> keras.Model:
    inputs = keras.Input(model.input_shape[1:], dtype=model.input.dtype)
    return keras.Model(inputs, keras.layers.Dense(PEOPLE, dtype="float32")(model(inputs)))


def step(network: keras.Model, inputs: np.ndarray) -> Callable[[], None]:
    """A function that takes one step, the same batch every time."""
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(1e-4), loss, jit_compile=False)
    answers = np.eye(PEOPLE, dtype=np.float32)[np.arange(BATCH) % PEOPLE]
    return lambda: network.train_on_batch(inputs, answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="per contestant")
    arguments = parser.parse_args()
    crops = np.random.default_rng(0).integers(0, 256, (BATCH, 224, 224, 3), dtype=np.uint8)
    model = build_backbone(get_backbone("vggface2"), None)
    lower, upper = last_stage(model)
    activations = lower.predict(crops, verbose=0)
    with computing_in(model, "auto"):
        contestants = {
            "stock Keras, float32, whole network": step(stock(), crops),
            "knownface, whole network": step(ours(model), crops),
            "knownface, last stage": step(ours(upper), activations),
        }
        for take in contestants.values():
            for _ in range(2):
                take()
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        begin = time.perf_counter()
        while time.perf_counter() - begin < arguments.seconds * len(contestants):
            for name, take in contestants.items():
                start = time.perf_counter()
                take()
                rates[name].append(BATCH / (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    base = next(iter(medians.values()))
    for name, rate in medians.items():
        print(f"{name}: {rate:.1f} images/s, {rate / base:.2f} times stock")


if __name__ == "__main__":
    main()
