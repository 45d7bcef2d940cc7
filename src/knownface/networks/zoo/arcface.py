"""ArcFace (Deng et al., 2019): the IResNets of insightface.

Layer names are those of `arcface_torch`, with `_` for `.`. The norm before a zero-padded
convolution cannot be folded, because the padding comes after it, and stays as scale and shift; all
others are folded, and the tail (norm, flatten, linear, norm) is one dense layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.faces.face import Crop
from knownface.files.download import WeightError, WeightFile
from knownface.networks.record import Backbone, Format, Pixels
from knownface.networks.strict import Norm
from knownface.networks.weight_formats import read_state_dict
from knownface.networks.weight_onnx import Step, read_steps

if TYPE_CHECKING:
    import keras

EPSILON = 1e-5
CHANNELS = (64, 128, 256, 512)
DEPTHS = {50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
GRID = 7  # side of the last feature map


# ---------------------------------------------------------------- network
def build(x: keras.KerasTensor, depth: int) -> keras.KerasTensor:
    """(n, 112, 112, 3) to (n, 512)."""
    from keras import layers

    from knownface.networks.layers import ScaleShift, convolution

    x = convolution(x, 64, 3, padding=1, name="conv1")
    x = layers.PReLU(shared_axes=[1, 2], name="prelu")(x)
    for name, channels, stride, first in blocks(depth):
        y = ScaleShift(name=f"{name}_bn1")(x)
        y = convolution(y, channels, 3, padding=1, name=f"{name}_conv1")
        y = layers.PReLU(shared_axes=[1, 2], name=f"{name}_prelu")(y)
        y = convolution(y, channels, 3, stride=stride, padding=1, name=f"{name}_conv2")
        if first:
            x = convolution(x, channels, 1, stride=stride, name=f"{name}_downsample")
        x = layers.Add(name=f"{name}_add")([y, x])
    x = layers.Flatten(name="flatten")(x)
    return layers.Dense(512, name="fc")(x)


def blocks(depth: int) -> Iterator[tuple[str, int, int, bool]]:
    """Name, channels, stride, and whether it is the first of its stage."""
    for stage, (channels, count) in enumerate(zip(CHANNELS, DEPTHS[depth], strict=True), 1):
        for block in range(count):
            yield f"layer{stage}_{block}", channels, 2 if block == 0 else 1, block == 0


# ---------------------------------------------------------------- weights
def read_pth(
    path: Path, expected: Mapping[str, tuple[int, ...]], depth: int
) -> dict[str, np.ndarray]:
    """The `backbone.pth` of insightface."""
    stored = read_state_dict(path, expected)
    arrays: dict[str, np.ndarray] = {}

    def convolution(name: str, kernel: str, norm: str) -> None:
        shape = expected[f"{name}/kernel"]
        folded = stored.torch_norm(norm, shape[-1], EPSILON).fold(
            stored.torch_kernel(kernel, shape)
        )
        arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = folded

    def slope(name: str, theirs: str) -> None:
        shape = expected[f"{name}/alpha"]
        arrays[f"{name}/alpha"] = stored.take(f"{theirs}.weight", shape[-1:]).reshape(shape)

    convolution("conv1", "conv1", "bn1")
    slope("prelu", "prelu")
    for name, _, _, first in blocks(depth):
        theirs = name.replace("_", ".")
        before = stored.torch_norm(f"{theirs}.bn1", expected[f"{name}_bn1/scale"][-1], EPSILON)
        arrays[f"{name}_bn1/scale"], arrays[f"{name}_bn1/shift"] = before.scale, before.shift
        convolution(f"{name}_conv1", f"{theirs}.conv1", f"{theirs}.bn2")
        slope(f"{name}_prelu", f"{theirs}.prelu")
        convolution(f"{name}_conv2", f"{theirs}.conv2", f"{theirs}.bn3")
        if first:
            convolution(f"{name}_downsample", f"{theirs}.downsample.0", f"{theirs}.downsample.1")
    linear = stored.take("fc.weight", (512, CHANNELS[-1] * GRID**2)), stored.take("fc.bias", (512,))
    norms = [stored.torch_norm(n, 512, EPSILON) for n in ("bn2", "features")]
    arrays["fc/kernel"], arrays["fc/bias"] = _tail(norms[0], *linear, norms[1])
    stored.done()
    return arrays


def read_onnx(
    path: Path, expected: Mapping[str, tuple[int, ...]], depth: int
) -> dict[str, np.ndarray]:
    """An exported `.onnx`, whose fused arrays have no meaningful names: by order, kind, shape."""
    steps = read_steps(path)
    arrays: dict[str, np.ndarray] = {}

    def take(op: str, name: str) -> Step:
        step = next(steps, None)
        if step is None or step.op != op:
            found = f"{step.op} {step.name}" if step else "the end of the graph"
            raise WeightError(f"{path}: expected a {op} for {name} and found {found}")
        return step

    def convolution(name: str) -> None:
        kernel, arrays[f"{name}/bias"] = take("Conv", name).arrays
        arrays[f"{name}/kernel"] = kernel.transpose(2, 3, 1, 0)

    def slope(name: str) -> None:
        arrays[f"{name}/alpha"] = take("PRelu", name).arrays[0].reshape(1, 1, -1)

    convolution("conv1")
    slope("prelu")
    for name, _, _, first in blocks(depth):
        norm = take("BatchNormalization", f"{name}_bn1").norm()
        arrays[f"{name}_bn1/scale"], arrays[f"{name}_bn1/shift"] = norm.scale, norm.shift
        convolution(f"{name}_conv1")
        slope(f"{name}_prelu")
        convolution(f"{name}_conv2")
        if first:
            convolution(f"{name}_downsample")
    before, linear = take("BatchNormalization", "bn2"), take("Gemm", "fc")
    after = take("BatchNormalization", "features")
    if (shape := linear.arrays[0].shape) != (512, CHANNELS[-1] * GRID**2):
        raise WeightError(f"{path}: Gemm {linear.name} is {shape} and should be (512, 25088)")
    weight, bias = linear.arrays
    arrays["fc/kernel"], arrays["fc/bias"] = _tail(before.norm(), weight, bias, after.norm())
    if extra := next(steps, None):
        raise WeightError(f"{path}: {extra.op} {extra.name} comes after the end of this network")
    return arrays


def _tail(
    before: Norm, weight: np.ndarray, bias: np.ndarray, after: Norm
) -> tuple[np.ndarray, np.ndarray]:
    """Norm, flatten channel by channel, linear (512, 25088), norm: one dense layer in HWC order."""
    grid = weight.astype(np.float64).reshape(len(bias), CHANNELS[-1], GRID, GRID)
    kernel = grid.transpose(2, 3, 1, 0)  # (h, w, channel, out)
    shifted = bias + np.einsum("hwco,c->o", kernel, before.shift)
    kernel = (kernel * before.scale[:, None]).reshape(-1, len(bias))
    return after.fold(kernel, shifted)


# ---------------------------------------------------------------- records
def _record(
    name: str,
    depth: int,
    trained_on: str,
    parameters: int,
    files: tuple[WeightFile, ...] = (),
    published: Mapping[str, float] | None = None,
) -> Backbone:
    pixels = Pixels((127.5,) * 3, (127.5,) * 3)
    return Backbone(
        name=name,
        network=f"IResNet-{depth}",
        trained_on=trained_on,
        crop=Crop("five_point", 112),
        embedding_size=512,
        parameters=parameters,
        seed_epochs=10,
        licence="non-commercial research",
        noncommercial=True,
        loss="arcface",
        weight_files=files,
        formats={
            ".onnx": Format(partial(read_onnx, depth=depth), pixels),
            ".pth": Format(partial(read_pth, depth=depth), pixels),
            ".pt": Format(partial(read_pth, depth=depth), pixels),
        },
        build=partial(build, depth=depth),
        published=published or {},
    )


BACKBONES = (
    _record(
        "arcface",
        50,
        "WebFace600K, ArcFace",
        43_576_128,
        (
            WeightFile(
                name="w600k_r50.onnx",
                url="https://github.com/yakhyo/uniface/releases/download/weights/w600k_r50.onnx",
                bytes=174_383_860,
                sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
                licence="non-commercial research",
                source="deepinsight/insightface",
            ),
        ),
        # buffalo_l in python-package/README.md of deepinsight/insightface.
        {"lfw": 0.9983, "cfp_fp": 0.9933, "agedb_30": 0.9823},
    ),
    _record("arcface-r100", 100, "a file of yours", 65_130_944),
)
