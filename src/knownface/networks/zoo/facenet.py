"""FaceNet: Inception-ResNet-v1 (Szegedy et al., 2016) as D. Sandberg trained it.

Layer names are those of keras-facenet. Batch norm has epsilon 1e-3 and is folded, and so is the
scale of every residual branch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.faces.face import Crop
from knownface.files.download import WeightFile
from knownface.networks.provenance import CASIA_WEBFACE, MS_CELEB_1M, VGGFACE2
from knownface.networks.record import Backbone, Format, Pixels
from knownface.networks.strict import Norm
from knownface.networks.weight_formats import read_hdf5, read_state_dict

if TYPE_CHECKING:
    import keras

EPSILON = 1e-3
# Scale of the residual branch by kind of block; the last Block8 has 1.0, and no ReLU.
BRANCH_SCALE = {"Block35": 0.17, "Block17": 0.10, "Block8": 0.20}
LAST = "Block8_6"
# Convolutions of each branch by kind of block: suffix, filters, kernel.
BLOCKS = {
    "Block35": (
        (("Conv2d_1x1", 32, 1),),
        (("Conv2d_0a_1x1", 32, 1), ("Conv2d_0b_3x3", 32, 3)),
        (("Conv2d_0a_1x1", 32, 1), ("Conv2d_0b_3x3", 32, 3), ("Conv2d_0c_3x3", 32, 3)),
    ),
    "Block17": (
        (("Conv2d_1x1", 128, 1),),
        (("Conv2d_0a_1x1", 128, 1), ("Conv2d_0b_1x7", 128, (1, 7)), ("Conv2d_0c_7x1", 128, (7, 1))),
    ),
    "Block8": (
        (("Conv2d_1x1", 192, 1),),
        (("Conv2d_0a_1x1", 192, 1), ("Conv2d_0b_1x3", 192, (1, 3)), ("Conv2d_0c_3x1", 192, (3, 1))),
    ),
}


# ---------------------------------------------------------------- network
def build(x: keras.KerasTensor, embedding_size: int) -> keras.KerasTensor:
    """(n, 160, 160, 3) to (n, embedding_size)."""
    from keras import layers

    x = _convolution(x, "Conv2d_1a_3x3", 32, 3, stride=2, padding="valid")
    x = _convolution(x, "Conv2d_2a_3x3", 32, 3, padding="valid")
    x = _convolution(x, "Conv2d_2b_3x3", 64, 3)
    x = layers.MaxPooling2D(3, 2, name="MaxPool_3a_3x3")(x)
    x = _convolution(x, "Conv2d_3b_1x1", 80, 1, padding="valid")
    x = _convolution(x, "Conv2d_4a_3x3", 192, 3, padding="valid")
    x = _convolution(x, "Conv2d_4b_3x3", 256, 3, stride=2, padding="valid")
    x = _residuals(x, "Block35", 5)
    x = _reduction_6a(x)
    x = _residuals(x, "Block17", 10)
    x = _reduction_7a(x)
    x = _residuals(x, "Block8", 6)
    x = layers.GlobalAveragePooling2D(name="AvgPool")(x)
    return layers.Dense(embedding_size, name="Bottleneck")(x)


def _convolution(
    x: keras.KerasTensor,
    name: str,
    filters: int,
    kernel: int | tuple[int, int],
    stride: int = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(filters, kernel, strides=stride, padding=padding, name=name)(x)
    return layers.ReLU(name=f"{name}_Activation")(x)


def _residuals(x: keras.KerasTensor, kind: str, count: int) -> keras.KerasTensor:
    from keras import layers

    for number in range(1, count + 1):
        name = f"{kind}_{number}"
        branches = []
        for index, convolutions in enumerate(BLOCKS[kind]):
            branch = x
            for suffix, filters, kernel in convolutions:
                branch = _convolution(branch, f"{name}_Branch_{index}_{suffix}", filters, kernel)
            branches.append(branch)
        mixed = layers.Concatenate(name=f"{name}_Concatenate")(branches)
        residual = layers.Conv2D(x.shape[-1], 1, name=f"{name}_Conv2d_1x1")(mixed)
        x = layers.Add(name=f"{name}_Add")([x, residual])
        if name != LAST:
            x = layers.ReLU(name=f"{name}_Activation")(x)
    return x


def _reduction_6a(x: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    name = "Mixed_6a_Branch_"
    first = _convolution(x, f"{name}0_Conv2d_1a_3x3", 384, 3, 2, "valid")
    second = _convolution(x, f"{name}1_Conv2d_0a_1x1", 192, 1)
    second = _convolution(second, f"{name}1_Conv2d_0b_3x3", 192, 3)
    second = _convolution(second, f"{name}1_Conv2d_1a_3x3", 256, 3, 2, "valid")
    pooled = layers.MaxPooling2D(3, 2, name=f"{name}2_MaxPool_1a_3x3")(x)
    return layers.Concatenate(name="Mixed_6a")([first, second, pooled])


def _reduction_7a(x: keras.KerasTensor) -> keras.KerasTensor:
    from keras import layers

    name = "Mixed_7a_Branch_"
    parts = []
    for branch, filters in enumerate((384, 256, 256)):
        part = _convolution(x, f"{name}{branch}_Conv2d_0a_1x1", 256, 1)
        if branch == 2:
            part = _convolution(part, f"{name}2_Conv2d_0b_3x3", 256, 3)
        parts.append(_convolution(part, f"{name}{branch}_Conv2d_1a_3x3", filters, 3, 2, "valid"))
    parts.append(layers.MaxPooling2D(3, 2, name=f"{name}3_MaxPool_1a_3x3")(x))
    return layers.Concatenate(name="Mixed_7a")(parts)


# ---------------------------------------------------------------- weights
def read_keras_facenet(
    path: Path, expected: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """The `.h5` of keras-facenet: batch norm without gamma, closing 1x1 with a bias."""
    stored = read_hdf5(path)
    arrays: dict[str, np.ndarray] = {}
    for name, shape in _kernels(expected):
        kernel = stored.take(f"{name}/kernel:0", shape)
        if _closes_block(name):
            bias = stored.take(f"{name}/bias:0", shape[-1:])
            arrays |= _scaled(name, kernel, bias)
        else:
            parts = ("beta:0", "moving_mean:0", "moving_variance:0")
            beta, mean, variance = (
                stored.take(f"{name}_BatchNorm/{part}", shape[-1:]) for part in parts
            )
            arrays |= _pair(name, *Norm(beta, mean, variance, EPSILON).fold(kernel))
    stored.done()
    return arrays


def read_facenet_pytorch(
    path: Path, expected: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    """The `.pt` of facenet-pytorch: the same network with gamma; its classifier is not used."""
    stored = read_state_dict(path, expected)
    arrays: dict[str, np.ndarray] = {}
    for name, shape in _kernels(expected):
        theirs = "" if name == "Bottleneck" else torch_name(name)
        if not theirs:
            kernel = stored.torch_kernel("last_linear", shape)
            norm = stored.torch_norm("last_bn", shape[-1], EPSILON)
            arrays |= _pair(name, *norm.fold(kernel))
        elif _closes_block(name):
            kernel = stored.torch_kernel(theirs, shape)
            arrays |= _scaled(name, kernel, stored.take(f"{theirs}.bias", shape[-1:]))
        else:
            kernel = stored.torch_kernel(f"{theirs}.conv", shape)
            norm = stored.torch_norm(f"{theirs}.bn", shape[-1], EPSILON)
            arrays |= _pair(name, *norm.fold(kernel))
    stored.done(unused=("logits.",))
    return arrays


def torch_name(name: str) -> str:
    """facenet-pytorch's name of a layer: `Block35_2_Branch_1_Conv2d_0b_3x3` is
    `repeat_1.1.branch1.1`.
    """
    repeat = {"Block35": "repeat_1", "Block17": "repeat_2", "Block8": "repeat_3"}
    if match := re.fullmatch(r"Conv2d_(\d[ab])_\dx\d", name):
        return f"conv2d_{match[1]}"
    prefix, rest = re.fullmatch(r"((?:Block\d+|Mixed)_\w+?)_(Branch.*|Conv2d_1x1)", name).groups()  # type: ignore[union-attr]
    kind, number = prefix.split("_")
    if kind == "Mixed":
        prefix = f"mixed_{number}"
    else:
        prefix = "block8" if prefix == LAST else f"{repeat[kind]}.{int(number) - 1}"
    if rest == "Conv2d_1x1":
        return f"{prefix}.conv2d"
    branch, suffix = re.fullmatch(r"Branch_(\d)_Conv2d_(\w+)", rest).groups()  # type: ignore[union-attr]
    if suffix == "1x1" or (prefix == "mixed_6a" and branch == "0"):
        return f"{prefix}.branch{branch}"
    # The strided convolution of a reduction, 1a, comes last in its branch.
    last = {"mixed_6a1": 2, "mixed_7a0": 1, "mixed_7a1": 1, "mixed_7a2": 2}
    index = last[prefix + branch] if suffix.startswith("1a") else "abc".index(suffix[1])
    return f"{prefix}.branch{branch}.{index}"


def _kernels(expected: Mapping[str, tuple[int, ...]]) -> list[tuple[str, tuple[int, ...]]]:
    suffix = "/kernel"
    return [(k.removesuffix(suffix), shape) for k, shape in expected.items() if k.endswith(suffix)]


def _closes_block(name: str) -> bool:
    return name.startswith("Block") and "_Branch_" not in name


def _scaled(name: str, kernel: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    scale = 1.0 if name.startswith(LAST) else BRANCH_SCALE[name.split("_")[0]]
    return _pair(name, kernel * scale, bias * scale)


def _pair(name: str, kernel: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}/kernel": kernel, f"{name}/bias": bias}


# ---------------------------------------------------------------- records
def _file(name: str, release: str, sha256: str | None = None) -> WeightFile:
    return WeightFile(
        name=name,
        url=f"https://github.com/{release}/{name}",
        bytes=None,
        sha256=sha256,
        licence="not stated",
        source="/".join(release.split("/")[:2]),
    )


KERAS_RELEASE = "faustomorales/keras-facenet/releases/download/v0.3.1"
TORCH_RELEASE = "timesler/facenet-pytorch/releases/download/v2.2.9"
DIVIDED_BY_127 = Pixels((127.5,) * 3, (127.5,) * 3)
DIVIDED_BY_128 = Pixels((127.5,) * 3, (128.0,) * 3)
STANDARDISED = Pixels((0.0,) * 3, (1.0,) * 3, per_image=True)


def _record(
    name: str,
    data: str,
    disputed: str,
    size: int,
    files: tuple[WeightFile, ...],
    formats: dict[str, Format],
    lfw: float,
) -> Backbone:
    return Backbone(
        name=name,
        network="Inception-ResNet-v1",
        trained_on=f"{data}, softmax",
        training_data=data,
        disputed=disputed,
        # 32 of 160 pixels are margin (davidsandberg/facenet, align_dataset_mtcnn.py).
        crop=Crop("box", 160, margin=0.25),
        embedding_size=size,
        parameters={128: 22_779_312, 512: 23_467_824}[size],
        seed_epochs=20,
        licence="MIT (code); weights: not stated",
        weight_files=files,
        formats=formats,
        build=lambda x: build(x, size),
        published={"lfw": lfw},  # davidsandberg/facenet, README.md, of the original checkpoints
    )


_PT = Format(read_facenet_pytorch, DIVIDED_BY_128)
BACKBONES = (
    _record(
        "facenet",
        "VGGFace2",
        VGGFACE2,
        512,
        (
            _file(
                "20180402-114759-weights.h5",
                KERAS_RELEASE,
                "8b71e7045497e841c00ee568f031d1a4d30908fceadf6884aef2dec4d545202b",
            ),
            _file("20180402-114759-vggface2.pt", TORCH_RELEASE),
        ),
        {".h5": Format(read_keras_facenet, DIVIDED_BY_127), ".pt": _PT},
        lfw=0.9965,
    ),
    _record(
        "facenet-casia",
        "CASIA-WebFace",
        CASIA_WEBFACE,
        512,
        (_file("20180408-102900-casia-webface.pt", TORCH_RELEASE),),
        {".pt": _PT},
        lfw=0.9905,
    ),
    _record(
        "facenet-128",
        "MS-Celeb-1M",
        MS_CELEB_1M,
        128,
        (_file("20170512-110547-weights.h5", KERAS_RELEASE),),
        {".h5": Format(read_keras_facenet, STANDARDISED)},
        lfw=0.992,
    ),
)
