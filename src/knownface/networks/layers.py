"""The few layers that all backbones share, and the model around them. Imports Keras.

Whatever needs Keras imports this module first, which keeps TensorFlow's start-up messages quiet and
lets it use oneDNN, which by itself it does only where the CPU has AVX512 instructions for networks.
Measured with AVX2: MobileFaceNet trains 1.4 times as fast with it, `mini` 1.07 times.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from knownface.networks.record import Pixels


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Turn file descriptor 2 away: C++ writes there before any log level applies."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Ctrl-C meanwhile is raised at the end: TensorFlow's imports lose it, one time in thirty."""
    asked: list[int] = []
    try:
        handler = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    except ValueError:  # only the main thread may, and only it is interrupted
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if asked:
        signal.raise_signal(signal.SIGINT)


os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Where it may not write there, Keras would obey whatever somebody else has put into /tmp/.keras.
os.environ.setdefault("KERAS_HOME", os.path.join(os.path.expanduser("~"), ".keras"))
with _interrupted_afterwards(), _quiet_stderr():
    import keras
    from keras import layers

if TYPE_CHECKING:
    from knownface.networks.record import Backbone
    from knownface.stats.whitening import Whitening


def forget_models() -> None:
    """Free what Keras remembers of earlier models."""
    keras.backend.clear_session()


def assemble(backbone: Backbone, pixels: Pixels) -> keras.Model:
    """Preprocessing, network and a float32 output, as one functional model."""
    size = backbone.crop.size
    crops = keras.Input((size, size, 3), dtype="uint8", name="crops")
    embeddings = backbone.build(Normalise(pixels)(crops))
    output = layers.Activation("linear", dtype="float32", name="embedding")(embeddings)
    return keras.Model(crops, output, name=backbone.name)


@keras.saving.register_keras_serializable("knownface")
class Normalise(layers.Layer):
    """Pixels as a backbone was trained on them: uint8 RGB (n, h, w, 3) to float32.

    Always in float32: eight bits of mantissa would lose what a photo has.
    """

    def __init__(self, pixels: Pixels | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**{"name": "normalise", **kwargs, "dtype": "float32"})
        self.pixels = pixels if isinstance(pixels, Pixels) else Pixels(**pixels)

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.smallest_std = float(np.prod(input_shape[1:])) ** -0.5

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        x = keras.ops.cast(x, "float32")
        if self.pixels.colour == "BGR":
            x = keras.ops.flip(x, axis=-1)
        if not self.pixels.per_image:
            mean, std = (np.array(v, np.float32) for v in (self.pixels.mean, self.pixels.std))
            return keras.ops.divide(keras.ops.subtract(x, mean), std)
        mean = keras.ops.mean(x, (1, 2, 3), keepdims=True)
        std = keras.ops.std(x, (1, 2, 3), keepdims=True)
        return (x - mean) / keras.ops.maximum(std, self.smallest_std)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pixels": asdict(self.pixels)}


@keras.saving.register_keras_serializable("knownface")
class ScaleShift(layers.Layer):
    """`x * scale + shift` per channel: a batch norm at rest that cannot be folded."""

    def build(self, input_shape: tuple[int, ...]) -> None:
        channels = input_shape[-1:]
        self.scale = self.add_weight(shape=channels, initializer="ones", name="scale")
        self.shift = self.add_weight(shape=channels, initializer="zeros", name="shift")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x * self.scale + self.shift


def with_whitening(model: keras.Model, whitening: Whitening) -> keras.Model:
    """The model followed by a whitening, which is a dense layer behind unit length."""
    unit = layers.UnitNormalization(name="unit_length")(model.output)
    dense = layers.Dense(len(whitening.centre), name="whitening")
    whole = keras.Model(model.input, dense(unit), name=model.name)
    dense.set_weights([whitening.matrix, -whitening.centre @ whitening.matrix])
    return whole


def beside(model: keras.Model, weights: list[np.ndarray]) -> keras.Model:
    """The model, and a second one that has these weights: embeddings (n, 2d), one after the other.

    Each has unit length, so that both count the same.
    """
    crops = keras.Input(model.input_shape[1:], dtype=model.input.dtype, name=model.input.name)
    halves = []
    for name, values in (("first", model.get_weights()), ("second", weights)):

        def renamed(layer: keras.Layer, name: str = name) -> keras.Layer:
            return type(layer).from_config(layer.get_config() | {"name": f"{name}_{layer.name}"})

        half = keras.models.clone_model(model, input_tensors=crops, clone_function=renamed)
        half.set_weights(values)
        halves.append(layers.UnitNormalization(name=f"{name}_unit_length")(half.output))
    return keras.Model(crops, layers.Concatenate(name="embedding")(halves), name=model.name)


def convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel: int,
    *,
    name: str,
    stride: int = 1,
    activation: keras.layers.Layer | None = None,
    padding: int = 0,
) -> keras.KerasTensor:
    """Convolution with bias; `padding` zeros on every side, as PyTorch counts them."""
    x = _padded(x, padding, name)
    x = layers.Conv2D(filters, kernel, strides=stride, name=name)(x)
    return activation(x) if activation else x


def depthwise(
    x: keras.KerasTensor,
    kernel: int,
    *,
    name: str,
    stride: int = 1,
    activation: keras.layers.Layer | None = None,
    padding: int = 0,
) -> keras.KerasTensor:
    """Depthwise convolution with bias; `padding` as in `convolution`."""
    x = _padded(x, padding, name)
    x = layers.DepthwiseConv2D(kernel, strides=stride, name=name)(x)
    return activation(x) if activation else x


def _padded(x: keras.KerasTensor, padding: int, name: str) -> keras.KerasTensor:
    return layers.ZeroPadding2D(padding, name=f"{name}_pad")(x) if padding else x


def last_stage(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """A functional model in two that share its layers: below its last resolution, and the rest.

    The cut is the last single tensor (n, h, w, c) through which everything passes and that is
    larger than the smallest feature map.
    """
    order = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    needed = [{id(x) for x in keras.tree.flatten(layer.input)} for layer in order]
    maps = [
        (place, layer.output)
        for place, layer in enumerate(order)
        if len(layer.output.shape) == 4 and layer.output.shape[1] > 1
    ]
    smallest = min(output.shape[1] for _, output in maps)
    made = {id(model.input)} | {id(layer.output) for layer in order}
    for place, output in reversed(maps):
        above = {id(layer.output) for layer in order[place + 1 :]}
        passing = set().union(*needed[place + 1 :]) & made - above
        if passing == {id(output)} and output.shape[1] > smallest:
            return keras.Model(model.input, output), keras.Model(output, model.output)
    raise ValueError(f"{model.name} has no single tensor to cut at")
