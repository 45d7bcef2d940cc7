"""Our own small network, distilled from MobileFaceNet by `tools/distil_mini.py`; ships inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.faces.face import Crop
from knownface.files.arrays import read_npz
from knownface.files.download import WeightError, WeightFile
from knownface.networks.provenance import CFP_CELEBA_GLINT360K, MS_CELEB_1M
from knownface.networks.record import Backbone, Format, Impostors, Pixels
from knownface.networks.strict import at_most

if TYPE_CHECKING:
    import keras

STEM = 32
STAGES = ((48, 1), (96, 3), (224, 1))  # output channels, residual blocks after the first layer


def build(
    x: keras.KerasTensor, convolve: Callable[..., keras.KerasTensor] | None = None
) -> keras.KerasTensor:
    """(n, 112, 112, 3) to (n, 128): plain residual 3x3 convolutions, which suit matrix units.

    convolve: what makes a convolution, by default `layers.convolution`; the distillation passes one
        that standardises its kernels while they are learned.
    """
    from keras import layers

    from knownface.networks.layers import convolution, depthwise

    convolve = convolve or convolution
    x = convolve(x, STEM, 3, stride=2, padding=1, activation=layers.ReLU(), name="stem")
    for stage, (channels, blocks) in enumerate(STAGES, 1):
        name = f"stage{stage}"
        x = convolve(
            x, channels, 3, stride=2, padding=1, activation=layers.ReLU(), name=f"{name}_down"
        )
        for block in range(blocks):
            first = f"{name}_block{block}"
            y = convolve(x, channels, 3, padding=1, activation=layers.ReLU(), name=f"{first}_in")
            y = convolve(y, channels, 3, padding=1, name=f"{first}_out")
            x = layers.ReLU()(layers.Add(name=f"{first}_add")([x, y]))
    x = depthwise(x, 7, name="global_depthwise")
    x = convolve(x, 128, 1, name="projection")
    return layers.Flatten(name="flatten")(x)


def read(path: Path, expected: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Arrays by Keras variable path, float16 in the file; no pickle."""
    try:
        stored = read_npz(path, at_most(expected))
        return {name: array.astype(np.float32) for name, array in stored.items()}
    except (OSError, ValueError) as error:
        raise WeightError(f"{path}: not a complete weight file of mini ({error})") from None


BACKBONES = (
    Backbone(
        name="mini",
        network="residual network, 3 x 3 convolutions",
        trained_on="distilled from mobilefacenet by us",
        crop=Crop("five_point", 112),
        embedding_size=128,
        parameters=1_733_520,
        seed_epochs=20,
        licence="Apache-2.0",
        training_data="crops of CFP, CelebA and Glint360K, and what mobilefacenet says of them, so "
        "through it MS-Celeb-1M (docs/mini.md)",
        disputed=f"{CFP_CELEBA_GLINT360K}; {MS_CELEB_1M}",
        weight_files=(
            WeightFile(
                name="mini.npz",
                url=None,
                bytes=3_212_390,
                sha256="b2db0cae4e7318c6dd2992c0559a58891bf8ce76097cb6348c4841933511b8de",
                licence="Apache-2.0",
                source="docs/mini.md",
                packaged=Path(__file__).parent,
            ),
        ),
        build=build,
        formats={".npz": Format(read, Pixels((127.5,) * 3, (127.5,) * 3))},
        # tools/measure_impostors.py on people of CFP, CelebA and Glint360K crops, most of whom it
        # learned from.
        impostors=Impostors(
            pairs=((0.01, 0.290), (0.001, 0.398), (0.0001, 0.495)),
            templates=((0.01, 0.306), (0.001, 0.422), (0.0001, 0.519)),
            people=812,
        ),
    ),
)
