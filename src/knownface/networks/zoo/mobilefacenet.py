"""MobileFaceNet (Chen et al., 2018) as foamliu/MobileFaceNet trained it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knownface.faces.face import Crop
from knownface.files.download import WeightFile
from knownface.networks.provenance import MS_CELEB_1M
from knownface.networks.record import Backbone, Format, Impostors, Pixels
from knownface.networks.weight_onnx import read_convolutions

if TYPE_CHECKING:
    import keras

# Expansion, output channels, blocks, stride of the first block (Chen et al., 2018, table 1).
STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def build(x: keras.KerasTensor) -> keras.KerasTensor:
    """(n, 112, 112, 3) to (n, 128); the upstream uses ReLU6 but for the first depthwise pair."""
    from keras import layers

    from knownface.networks.layers import convolution, depthwise

    def relu6() -> keras.layers.Layer:
        return layers.ReLU(6.0)

    x = convolution(x, 64, 3, stride=2, padding=1, activation=relu6(), name="stem")
    x = depthwise(x, 3, padding=1, activation=layers.ReLU(), name="stem_depthwise")
    x = convolution(x, 64, 1, activation=layers.ReLU(), name="stem_pointwise")
    for stage, (expansion, channels, blocks, stage_stride) in enumerate(STAGES, 1):
        for block in range(blocks):
            name = f"stage{stage}_block{block}"
            stride = stage_stride if block == 0 else 1
            wide = convolution(
                x, x.shape[-1] * expansion, 1, activation=relu6(), name=f"{name}_expand"
            )
            wide = depthwise(
                wide, 3, stride=stride, padding=1, activation=relu6(), name=f"{name}_depthwise"
            )
            narrow = convolution(wide, channels, 1, name=f"{name}_project")
            same = stride == 1 and x.shape[-1] == channels
            x = layers.Add(name=f"{name}_add")([x, narrow]) if same else narrow
    x = convolution(x, 512, 1, activation=relu6(), name="last_pointwise")
    x = depthwise(x, 7, name="global_depthwise")
    x = convolution(x, 128, 1, name="projection")
    return layers.Flatten(name="flatten")(x)


# ImageNet mean and standard deviation on the 0..255 scale, as upstream trained it.
PIXELS = Pixels((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
BACKBONES = (
    Backbone(
        name="mobilefacenet",
        network="MobileFaceNet",
        trained_on="refined MS-Celeb-1M, ArcFace",
        crop=Crop("five_point", 112),
        embedding_size=128,
        parameters=989_952,
        seed_epochs=20,
        licence="Apache-2.0",
        training_data="MS-Celeb-1M, refined by insightface",
        disputed=MS_CELEB_1M,
        weight_files=(
            WeightFile(
                name="MobileFaceNet.onnx",
                url="https://github.com/foamliu/MobileFaceNet/raw/"
                "a6cc9032a659b615f477833e1a70b5e7931bcccc/weights/MobileFaceNet.onnx",
                bytes=3_998_070,
                sha256="b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
                licence="Apache-2.0",
                source="foamliu/MobileFaceNet",
            ),
        ),
        build=build,
        formats={".onnx": Format(read_convolutions, PIXELS)},
        # tools/measure_impostors.py on people of CFP, CelebA and Glint360K crops.
        impostors=Impostors(
            pairs=((0.01, 0.256), (0.001, 0.342), (0.0001, 0.416)),
            templates=((0.01, 0.268), (0.001, 0.360), (0.0001, 0.435)),
            people=812,
        ),
        comparison=Path(__file__).with_name("mobilefacenet_comparison.npz"),
        small_faces=Path(__file__).with_name("mobilefacenet_small_faces.npz"),
        published={"lfw": 0.9948},  # README.md of foamliu/MobileFaceNet
    ),
)
