"""SFace (Zhong et al., 2021) of the OpenCV Zoo, as `cv2.FaceRecognizerSF` runs it.

Its makers call it a MobileFaceNet; the file is a MobileNet (Howard et al., 2017, table 1) that
keeps the resolution of its first two stages, has PReLU throughout, and ends in norm, flatten,
linear, norm (insightface, `fmobilenet.py`, output E). Layer names are those of the file, without
`_conv2d`; all batch norms are folded.

NOT TRIED on the official file, which was not at hand: this is read from what others published of it
(the names of its arrays, kinds, strides, and the epsilons 1e-3 of the convolutions' norms and 2e-5
of the last two). A file written so has 38,696,353 bytes, the size of the official one, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.faces.face import Crop
from knownface.files.download import WeightFile
from knownface.networks.provenance import CASIA_WEBFACE, MS_CELEB_1M, VGGFACE2
from knownface.networks.record import Backbone, Format, Pixels
from knownface.networks.strict import dense_between
from knownface.networks.weight_onnx import Steps

if TYPE_CHECKING:
    import keras

STEM = 32
# Output channels and stride of each pair of a depthwise 3x3 and a 1x1 convolution.
PAIRS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    *[(512, 1)] * 5, (1024, 2), (1024, 1),
)  # fmt: skip
SIZE, GRID = 128, 7  # of the embedding; side of the last feature map
# The graph does this itself, to what `blobFromImage` makes with its defaults and `swapRB`.
PIXELS = Pixels((127.5,) * 3, (128.0,) * 3)


# ---------------------------------------------------------------- network
def build(x: keras.KerasTensor) -> keras.KerasTensor:
    """(n, 112, 112, 3) to (n, 128)."""
    from keras import layers

    from knownface.networks.layers import convolution, depthwise

    def prelu(name: str) -> keras.layers.Layer:
        return layers.PReLU(shared_axes=[1, 2], name=f"{name}_prelu")

    x = convolution(x, STEM, 3, padding=1, activation=prelu("conv_1"), name="conv_1")
    for number, (channels, stride) in enumerate(PAIRS, 2):
        name = f"conv_{number}"
        x = depthwise(
            x, 3, stride=stride, padding=1, activation=prelu(f"{name}_dw"), name=f"{name}_dw"
        )
        x = convolution(x, channels, 1, activation=prelu(name), name=name)
    x = layers.Flatten(name="flatten")(x)
    return layers.Dense(SIZE, name="fc1")(x)


# ---------------------------------------------------------------- weights
def convolutions() -> Iterator[tuple[str, bool]]:
    """Name of each convolution, and whether it is depthwise, in the order of the graph."""
    yield "conv_1", False
    for number in range(2, len(PAIRS) + 2):
        yield f"conv_{number}_dw", True
        yield f"conv_{number}", False


def read(path: Path, expected: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The `.onnx` of the OpenCV Zoo, as MXNet exported it."""
    steps = Steps(path, PIXELS)
    arrays: dict[str, np.ndarray] = {}
    for name, apart in convolutions():
        (kernel,) = steps.kernel(name, expected[f"{name}/kernel"], bias=False, depthwise=apart)
        (channels,) = expected[f"{name}/bias"]
        kernel = kernel.swapaxes(2, 3) if apart else kernel  # channels last, as they are folded
        kernel, arrays[f"{name}/bias"] = steps.norm(name, channels).fold(kernel)
        arrays[f"{name}/kernel"] = kernel.swapaxes(2, 3) if apart else kernel
        arrays[f"{name}_prelu/alpha"] = steps.slope(name, channels)
    last = PAIRS[-1][0]
    before = steps.norm("bn1", last)
    weight, bias = steps.take("Gemm", "pre_fc1", (SIZE, last * GRID**2), (SIZE,)).arrays
    after = steps.norm("fc1", SIZE)
    arrays["fc1/kernel"], arrays["fc1/bias"] = dense_between(before, weight, bias, after)
    steps.done()
    return arrays


BACKBONES = (
    Backbone(
        name="sface",
        network="MobileNet",
        trained_on="data not stated, SFace",
        training_data="not stated for this file; its authors' paper and code name CASIA-WebFace, "
        "VGGFace2 and MS1MV2 (of MS-Celeb-1M), and who asked which got no answer "
        "(opencv/opencv_zoo, issues 124 and 313)",
        disputed=f"{CASIA_WEBFACE}; {VGGFACE2}; {MS_CELEB_1M}",
        # `alignCrop` has the template of `faces/align.py`: both crops of 40 faces in everyday
        # photos differ by at most 1 of 255, where a face is reduced by less than half.
        crop=Crop("five_point", 112),
        embedding_size=SIZE,
        parameters=9_629_632,
        seed_epochs=20,
        licence="Apache-2.0",
        weight_files=(
            WeightFile(
                name="face_recognition_sface_2021dec.onnx",
                url="https://github.com/opencv/opencv_zoo/raw/"
                "47534e27c9851bb1128ccc0102f1145e27f23f98/models/face_recognition_sface/"
                "face_recognition_sface_2021dec.onnx",
                bytes=38_696_353,
                sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
                licence="Apache-2.0",
                source="OpenCV Zoo",
            ),
        ),
        build=build,
        formats={".onnx": Format(read, PIXELS)},
        # models/face_recognition_sface/README.md of opencv/opencv_zoo.
        published={"lfw": 0.9940},
    ),
)
