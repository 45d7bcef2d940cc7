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
from knownface.files.download import WeightFile
from knownface.networks.provenance import WEBFACE260M
from knownface.networks.record import Backbone, Format, Pixels
from knownface.networks.strict import dense_between
from knownface.networks.weight_formats import read_state_dict
from knownface.networks.weight_onnx import Steps

if TYPE_CHECKING:
    import keras

EPSILON = 1e-5
CHANNELS = (64, 128, 256, 512)
DEPTHS = {50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
GRID = 7  # side of the last feature map
PIXELS = Pixels((127.5,) * 3, (127.5,) * 3)


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
    arrays["fc/kernel"], arrays["fc/bias"] = dense_between(norms[0], *linear, norms[1])
    stored.done()
    return arrays


def read_onnx(
    path: Path, expected: Mapping[str, tuple[int, ...]], depth: int
) -> dict[str, np.ndarray]:
    """An exported `.onnx`, whose fused arrays have no meaningful names: by order, kind, shape."""
    steps = Steps(path, PIXELS)
    arrays: dict[str, np.ndarray] = {}

    def convolution(name: str) -> None:
        kernel, bias = steps.kernel(name, expected[f"{name}/kernel"], bias=True)
        arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = kernel, bias

    def slope(name: str) -> None:
        arrays[f"{name}/alpha"] = steps.slope(name, expected[f"{name}/alpha"][-1])

    convolution("conv1")
    slope("prelu")
    for name, _, _, first in blocks(depth):
        norm = steps.norm(f"{name}_bn1", expected[f"{name}_bn1/scale"][-1])
        arrays[f"{name}_bn1/scale"], arrays[f"{name}_bn1/shift"] = norm.scale, norm.shift
        convolution(f"{name}_conv1")
        slope(f"{name}_prelu")
        convolution(f"{name}_conv2")
        if first:
            convolution(f"{name}_downsample")
    before = steps.norm("bn2", CHANNELS[-1])
    weight, bias = steps.take("Gemm", "fc", (512, CHANNELS[-1] * GRID**2), (512,)).arrays
    after = steps.norm("features", 512)
    arrays["fc/kernel"], arrays["fc/bias"] = dense_between(before, weight, bias, after)
    steps.done()
    return arrays


# ---------------------------------------------------------------- records
def _record(
    name: str,
    depth: int,
    *,
    trained_on: str,
    licence: str,
    training_data: str,
    disputed: str,
    noncommercial: bool,
    files: tuple[WeightFile, ...] = (),
    published: Mapping[str, float] | None = None,
) -> Backbone:
    return Backbone(
        name=name,
        network=f"IResNet-{depth}",
        crop=Crop("five_point", 112),
        embedding_size=512,
        parameters={50: 43_576_128, 100: 65_130_944}[depth],
        seed_epochs=10,
        loss="arcface",
        formats={
            ".onnx": Format(partial(read_onnx, depth=depth), PIXELS),
            ".pth": Format(partial(read_pth, depth=depth), PIXELS),
            ".pt": Format(partial(read_pth, depth=depth), PIXELS),
        },
        build=partial(build, depth=depth),
        trained_on=trained_on,
        licence=licence,
        training_data=training_data,
        disputed=disputed,
        noncommercial=noncommercial,
        weight_files=files,
        published=published or {},
    )


RESEARCH = "non-commercial research"
BACKBONES = (
    _record(
        "arcface",
        50,
        trained_on="WebFace600K, ArcFace",
        licence=RESEARCH,
        training_data="WebFace600K, a part of WebFace260M",
        disputed=WEBFACE260M,
        noncommercial=True,
        files=(
            WeightFile(
                name="w600k_r50.onnx",
                url="https://github.com/yakhyo/uniface/releases/download/weights/w600k_r50.onnx",
                bytes=174_383_860,
                sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
                licence=RESEARCH,
                source="deepinsight/insightface",
            ),
        ),
        # buffalo_l in python-package/README.md of deepinsight/insightface.
        published={"lfw": 0.9983, "cfp_fp": 0.9933, "agedb_30": 0.9823},
    ),
    _record(
        "arcface-r100",
        100,
        trained_on="a file of yours",
        licence=RESEARCH,
        training_data="whatever your file learned from",
        disputed="whatever is disputed about those data; insightface's own files are for "
        "non-commercial research only",
        noncommercial=True,
    ),
    # The official file was not at hand. It has insightface's layout: one written so by another
    # version of PyTorch has 260,694,152 bytes, this one 260,694,151.
    _record(
        "auraface",
        100,
        trained_on="data not named, ArcFace",
        licence="Apache-2.0",
        training_data='"commercially and publicly available data sources", in its makers\' words',
        disputed="its makers name no data, so that nobody else can check them",
        noncommercial=False,
        files=(
            WeightFile(
                name="glintr100.onnx",
                url="https://huggingface.co/fal/AuraFace-v1/resolve/"
                "af6d057c9b0ec4071d4c49c80e3539258798b609/glintr100.onnx",
                bytes=260_694_151,
                sha256="a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60",
                licence="Apache-2.0",
                source="fal/AuraFace-v1",
            ),
        ),
        # Its model card; others measured 0.990 to 0.992 on LFW.
        published={"lfw": 0.9965, "cfp_fp": 0.9519},
    ),
)
