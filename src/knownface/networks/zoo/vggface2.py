"""The VGGFace2 networks (Cao et al., 2018): ResNet-50, with or without squeeze and excitation.

Layer names are those of keras-vggface, with `_` for the `/` in `conv1/7x7_s2`. Batch norm is
folded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.faces.face import Crop
from knownface.files.download import WeightFile
from knownface.networks.provenance import VGGFACE2
from knownface.networks.record import Backbone, Format, Pixels
from knownface.networks.strict import Norm
from knownface.networks.weight_formats import read_hdf5

if TYPE_CHECKING:
    import keras

# Stage: filters inside, filters out, blocks, stride of the first block's 1x1 convolutions.
STAGES = {2: (64, 256, 3, 1), 3: (128, 512, 4, 2), 4: (256, 1024, 6, 2), 5: (512, 2048, 3, 2)}
SE_RATIO = 16
FIRST = "conv1_7x7_s2"


def build(x: keras.KerasTensor, squeeze: bool) -> keras.KerasTensor:
    """(n, 224, 224, 3) to (n, 2048); squeeze: with squeeze and excitation (SE-ResNet-50)."""
    from keras import layers

    x = layers.Conv2D(64, 7, strides=2, padding="same", name=FIRST)(x)  # pads 2 before, 3 after
    x = layers.ReLU(name=f"{FIRST}_relu")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1_3x3_s2")(x)
    for stage, (inside, out, blocks, stride) in STAGES.items():
        for block in range(1, blocks + 1):
            name = f"conv{stage}_{block}"
            x = _block(x, name, inside, out, stride if block == 1 else 1, block == 1, squeeze)
    return layers.GlobalAveragePooling2D(name="avg_pool")(x)


def _block(
    x: keras.KerasTensor,
    name: str,
    inside: int,
    out: int,
    stride: int,
    project: bool,
    squeeze: bool,
) -> keras.KerasTensor:
    from keras import layers

    y = layers.Conv2D(inside, 1, strides=stride, name=f"{name}_1x1_reduce")(x)
    y = layers.ReLU(name=f"{name}_1x1_reduce_relu")(y)
    y = layers.Conv2D(inside, 3, padding="same", name=f"{name}_3x3")(y)
    y = layers.ReLU(name=f"{name}_3x3_relu")(y)
    y = layers.Conv2D(out, 1, name=f"{name}_1x1_increase")(y)
    if squeeze:
        gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(y)
        gate = layers.Conv2D(out // SE_RATIO, 1, activation="relu", name=f"{name}_1x1_down")(gate)
        gate = layers.Conv2D(out, 1, activation="sigmoid", name=f"{name}_1x1_up")(gate)
        y = layers.Multiply(name=f"{name}_gate")([y, gate])
    if project:
        x = layers.Conv2D(out, 1, strides=stride, name=f"{name}_1x1_proj")(x)
    y = layers.Add(name=f"{name}_add")([y, x])
    return layers.ReLU(name=f"{name}_relu")(y)


def read(
    path: Path, expected: Mapping[str, tuple[int, ...]], epsilon: float
) -> dict[str, np.ndarray]:
    """The `.h5` of keras-vggface: every convolution has a batch norm, those of the gates a bias."""
    stored = read_hdf5(path)
    arrays: dict[str, np.ndarray] = {}
    for key, shape in expected.items():
        name, kind = key.rsplit("/", 1)
        theirs = "conv1/7x7_s2" if name == FIRST else name
        if name.endswith(("_down", "_up")):
            arrays[key] = stored.take(f"{theirs}/{kind}:0", shape)
        elif kind == "kernel":
            kernel = stored.take(f"{theirs}/kernel:0", shape)
            parts = ("beta", "moving_mean", "moving_variance", "gamma")
            beta, mean, variance, gamma = (
                stored.take(f"{theirs}/bn/{part}:0", shape[-1:]) for part in parts
            )
            folded = Norm(beta, mean, variance, epsilon, gamma).fold(kernel)
            arrays[key], arrays[f"{name}/bias"] = folded
    stored.done()
    return arrays


def _record(name: str, network: str, squeeze: bool, parameters: int, epochs: int) -> Backbone:
    file = f"rcmalli_vggface_tf_notop_{'senet50' if squeeze else 'resnet50'}.h5"
    return Backbone(
        name=name,
        network=network,
        trained_on="VGGFace2, softmax",
        crop=Crop("box", 224, margin=0.3),  # Cao et al., 2018, section IV
        embedding_size=2048,
        parameters=parameters,
        seed_epochs=epochs,
        licence="research; see the VGGFace2 site",
        training_data="VGGFace2",
        disputed=VGGFACE2,
        noncommercial=True,
        weight_files=(
            WeightFile(
                name=file,
                url=f"https://github.com/rcmalli/keras-vggface/releases/download/v2.0/{file}",
                bytes=None,
                sha256=None,
                licence="research; see the VGGFace2 site",
                source="rcmalli/keras-vggface",
            ),
        ),
        formats={
            ".h5": Format(
                partial(read, epsilon=1e-4 if squeeze else 1e-3),
                Pixels((91.4953, 103.8827, 131.0912), (1.0, 1.0, 1.0), "BGR"),
            )
        },
        build=partial(build, squeeze=squeeze),
    )


BACKBONES = (
    _record("vggface2", "ResNet-50", False, 23_481_472, 20),
    _record("senet", "SE-ResNet-50", True, 26_012_464, 10),
)
