"""SFace against what OpenCV computes, on files that MXNet's exporter would write.

The official file is nowhere here; these have its layout, to the byte, and made-up numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.faces.align import TEMPLATE_112, crop_face
from knownface.faces.face import Crop, Face
from knownface.faces.picture import Picture
from knownface.files.download import WeightError
from knownface.networks.load import load_backbone
from knownface.networks.to_onnx import export_onnx
from knownface.networks.zoo import get_backbone

TOLERANCE = 5e-5  # of unit-length embeddings
WIDTHS = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
HALVING = (3, 5, 7, 13)


class Export:
    """The graph of a network as MXNet writes it: every array is an input and an initializer too."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: list[onnx.TensorProto] = []
        self.last = "data"
        self.scalars()
        self.unit("conv_1", 3, 32, 3, 1, 1)
        channels = 32
        for number, width in enumerate(WIDTHS, 2):
            stride = 2 if number in HALVING else 1
            self.unit(f"conv_{number}_dw", channels, channels, 3, stride, channels)
            self.unit(f"conv_{number}", channels, width, 1, 1, 1)
            channels = width
        self.norm("bn1", channels, 2e-5)
        self.add("Dropout", "dropout0", ratio=0.4)
        self.add("Flatten", "flatten_245")
        weight = self.array("pre_fc1_weight", self.kernel(128, channels * 49))
        bias = self.array("pre_fc1_bias", self.rng.normal(0, 0.05, 128))
        self.add("Gemm", "pre_fc1", weight, bias, alpha=1.0, beta=1.0, transA=0, transB=1)
        self.norm("fc1", 128, 2e-5)

    def scalars(self) -> None:
        self.add("Sub", "_minusscalar0", self.array("scalar_op1", np.array([127.5])))
        self.add("Mul", "_mulscalar0", self.array("scalar_op2", np.array([0.0078125])))

    def kernel(self, *shape: int) -> np.ndarray:
        """Scaled by what is summed, and hardly answering to a constant, so that images differ."""
        values = self.rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        first = shape[1:] == (3, 3, 3)
        return values - (not first) * 0.7 * values.mean(tuple(range(1, len(shape))), keepdims=True)

    def array(self, name: str, values: np.ndarray) -> str:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=values.shape)
        tensor.float_data.extend(values.astype(np.float32).ravel().tolist())
        self.arrays.append(tensor)
        return name

    def add(self, op: str, name: str, *arrays: str, **attributes: object) -> None:
        self.nodes.append(helper.make_node(op, [self.last, *arrays], [name], name, **attributes))
        self.last = name

    def norm(self, name: str, channels: int, epsilon: float) -> None:
        values = {
            "gamma": self.rng.uniform(0.8, 1.2, channels),
            "beta": self.rng.normal(0, 0.1, channels),
            "moving_mean": self.rng.normal(0, 0.1, channels),
            "moving_var": self.rng.uniform(0.01, 1.3, channels),  # small: epsilon has to count
        }
        arrays = [self.array(f"{name}_{part}", array) for part, array in values.items()]
        self.add("BatchNormalization", name, *arrays, epsilon=epsilon, momentum=0.9)

    def unit(self, name: str, inner: int, outer: int, size: int, stride: int, groups: int) -> None:
        """Convolution without bias, norm, PReLU."""
        weight = self.array(
            f"{name}_conv2d_weight", self.kernel(outer, inner // groups, size, size)
        )
        self.add(
            "Conv", f"{name}_conv2d", weight, dilations=[1, 1], group=groups,
            kernel_shape=[size, size], pads=[size // 2] * 4, strides=[stride, stride],
        )  # fmt: skip
        self.norm(f"{name}_batchnorm", outer, 1e-3)
        slope = self.array(f"{name}_relu_gamma", self.rng.uniform(0.05, 0.35, (outer, 1, 1)))
        self.add("PRelu", f"{name}_relu", slope)

    def save(self, path: Path, ir: int = 7, opset: int = 8) -> Path:
        def float32(name: str, shape: object) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        given = [float32(each.name, list(each.dims)) for each in self.arrays]
        given.append(float32("data", [1, 3, 112, 112]))
        graph = helper.make_graph(
            self.nodes, "mxnet_converted_model", given, [float32(self.last, [1, 128])], self.arrays
        )
        model = helper.make_model(graph, ir_version=ir)
        model.opset_import[0].ClearField("domain")
        model.opset_import[0].version = opset
        onnx.save(model, path)
        return path


@pytest.fixture(scope="module")
def export() -> Export:
    return Export()


@pytest.fixture(scope="module")
def file(export: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export.save(tmp_path_factory.mktemp("sface") / "sface.onnx")


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Four smooth pictures and one of noise, (5, 112, 112, 3)."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (4, 7, 7, 3), dtype=np.uint8)
    smooth = [cv2.resize(each, (112, 112), interpolation=cv2.INTER_CUBIC) for each in coarse]
    return np.stack([*smooth, rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)])


def unit(embeddings: np.ndarray) -> np.ndarray:
    return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True))


def test_the_layout_is_that_of_the_official_file(file: Path) -> None:
    assert file.stat().st_size == get_backbone("sface").weight_files[0].bytes


@pytest.mark.parametrize(("ir", "opset"), [(3, 8), (7, 13)])
def test_equal_to_opencv_and_to_the_graph(
    ir: int, opset: int, export: Export, crops: np.ndarray, tmp_path: Path
) -> None:
    if opset == 13:  # where dropout's ratio is an input, and has to be none here
        nodes = [each for each in export.nodes if each.op_type == "Dropout"]
        del nodes[0].attribute[:]
    path = export.save(tmp_path / "sface.onnx", ir, opset)
    opencv = cv2.FaceRecognizerSF.create(str(path), "")
    expected = np.concatenate([opencv.feature(crop[:, :, ::-1].copy()) for crop in crops])
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3  # it warns of every array that is an input too
    graph = onnxruntime.InferenceSession(str(path), quiet)
    planes = crops.transpose(0, 3, 1, 2).astype(np.float32)
    plain = np.concatenate([graph.run(["fc1"], {"data": one[None]})[0] for one in planes])

    model = load_backbone("sface", path)
    export_onnx(model, tmp_path / "exported.onnx")
    exact = Embedder(tmp_path / "exported.onnx", precision="float32")
    wrapped = backbone_embedder(get_backbone("sface"), path, precision="float32")
    session = onnxruntime.InferenceSession(str(wrapped.path))
    forms = {
        "its graph": plain,
        "keras": model.predict(crops, verbose=0),
        "openvino": exact.embed_raw(crops),
        "official file": wrapped.embed_raw(crops),
        "official file, one at a time": np.concatenate(
            [wrapped.embed_raw(crops[i : i + 1]) for i in range(len(crops))]
        ),
        "official file, onnxruntime": session.run(None, {"crops": crops})[0],
    }
    similarities = unit(expected) @ unit(expected).T
    assert similarities[np.triu_indices(len(crops), 1)].max() < 0.95  # it does tell them apart
    for form, embeddings in forms.items():
        error = np.abs(unit(embeddings) - unit(expected)).max()
        assert error <= TOLERANCE, form


# ---------------------------------------------------------------- crops
def test_the_crop_is_opencvs(file: Path) -> None:
    """Faces that are reduced by less than half; from there on, ours averages and OpenCV samples."""
    rng = np.random.default_rng(2)
    opencv = cv2.FaceRecognizerSF.create(str(file), "")
    coarse = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    photo = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    for scale, angle in ((0.3, 0.1), (0.9, -0.7), (1.9, 0.3), (1.2, 3.0)):
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (TEMPLATE_112 - 56) @ turn.T + [320, 240] + rng.normal(0, scale, (5, 2))
        landmarks = points.astype(np.float32)
        row = np.concatenate([[300, 200, 80, 80], landmarks.ravel(), [1]]).astype(np.float32)
        theirs = opencv.alignCrop(photo[:, :, ::-1].copy(), row)[:, :, ::-1]
        face = Face((300.0, 200.0, 80.0, 80.0), landmarks, 1.0)
        ours = crop_face(Picture.of(photo), face, get_backbone("sface").crop)
        assert np.abs(ours.astype(int) - theirs).max() <= 1
        assert get_backbone("sface").crop == Crop("five_point", 112)


# ---------------------------------------------------------------- damaged files
def array(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(each for each in model.graph.initializer if each.name == name)


def put(model: onnx.ModelProto, name: str, values: np.ndarray) -> None:
    array(model, name).CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))


def missing(model: onnx.ModelProto) -> None:
    model.graph.initializer.remove(array(model, "conv_3_dw_batchnorm_beta"))


def short(model: onnx.ModelProto) -> None:
    put(model, "conv_9_batchnorm_moving_var", np.ones(1))


def turned(model: onnx.ModelProto) -> None:
    put(model, "conv_4_conv2d_weight", np.ones((128, 1, 1, 128)))


def one_slope(model: onnx.ModelProto) -> None:
    put(model, "conv_1_relu_gamma", np.ones(32))


def not_finite(model: onnx.ModelProto) -> None:
    put(model, "fc1_gamma", np.full(128, np.nan))


def with_bias(model: onnx.ModelProto) -> None:
    put(model, "fc1_beta", np.zeros(128))
    node = next(each for each in model.graph.node if each.name == "conv_14_conv2d")
    node.input.append("bn1_beta")


def one_more(model: onnx.ModelProto) -> None:
    again = helper.make_node("PRelu", ["fc1", "fc1_gamma"], ["more"], "more")
    model.graph.node.append(again)


def cut(model: onnx.ModelProto) -> None:
    del model.graph.node[-1]


def not_depthwise(model: onnx.ModelProto) -> None:
    node = next(each for each in model.graph.node if each.name == "conv_2_dw_conv2d")
    next(each for each in node.attribute if each.name == "group").i = 1


def other_pixels(model: onnx.ModelProto) -> None:
    put(model, "scalar_op2", np.array([1 / 255]))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (missing, "has no array conv_3_dw_batchnorm_beta"),
        (short, r"conv_9_batchnorm_moving_var is \(1,\) and should be \(512,\)"),
        (turned, r"conv_4_conv2d_weight is \(128, 1, 1, 128\) and should be \(128, 128, 1, 1\)"),
        (one_slope, r"conv_1_relu_gamma is \(32,\) and should be \(32, 1, 1\)"),
        (not_finite, "BatchNormalization fc1 has values that are not finite"),
        (with_bias, "Conv conv_14_conv2d has 2 arrays and should have 1"),
        (one_more, "PRelu more comes after the end of this network"),
        (cut, "expected a BatchNormalization for fc1 and found the end of the graph"),
        (not_depthwise, "Conv conv_2_dw_conv2d has 1 groups"),
        (other_pixels, r"takes pixels as \(x - 127.5\) \* 0.00392157, and this network does not"),
    ],
)
def test_a_damaged_file_is_named(
    damage: Callable[[onnx.ModelProto], None], named: str, file: Path, tmp_path: Path
) -> None:
    model = onnx.load(file)
    damage(model)
    onnx.save(model, tmp_path / "damaged.onnx")
    with pytest.raises(WeightError, match=named) as caught:
        load_backbone("sface", tmp_path / "damaged.onnx")
    assert str(caught.value).startswith(str(tmp_path / "damaged.onnx"))
    assert "\n" not in str(caught.value)


def test_pixels_of_another_network_are_refused_without_keras_too(file: Path) -> None:
    with pytest.raises(WeightError, match="takes pixels as"):
        backbone_embedder(get_backbone("arcface"), file)
    with pytest.raises(WeightError, match="takes pixels as"):
        load_backbone("arcface", file)
