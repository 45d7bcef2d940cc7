"""The few layers that all backbones share, and the model around them. Imports Keras.

Whatever needs Keras imports this module first, which keeps TensorFlow's start-up messages quiet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np


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


with _quiet_stderr():
    import keras
    from keras import layers

if TYPE_CHECKING:
    from knownface.backbones.backbone import Backbone, Pixels


def assemble(backbone: Backbone) -> keras.Model:
    """Preprocessing, network and a float32 output, as one functional model."""
    size = backbone.crop.size
    crops = keras.Input((size, size, 3), dtype="uint8", name="crops")
    embeddings = backbone.build(normalise(crops, backbone.pixels))
    output = layers.Activation("linear", dtype="float32", name="embedding")(embeddings)
    return keras.Model(crops, output, name=backbone.name)


def normalise(crops: keras.KerasTensor, pixels: Pixels) -> keras.KerasTensor:
    """uint8 RGB (n, size, size, 3) to `(x - mean) / std`; BGR networks get their own order."""
    mean, std = np.array(pixels.mean), np.array(pixels.std)
    if pixels.colour == "BGR":
        crops = crops[..., ::-1]
    return layers.Rescaling((1 / std).tolist(), (-mean / std).tolist(), name="normalise")(crops)


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
