"""Reading official weight files that are ONNX graphs: by graph order, node kind and shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from knownface.backbones.backbone import Pixels
from knownface.backbones.files import Norm
from knownface.weights import WeightError, check_arrays


def load_graph(path: Path) -> onnx.ModelProto:
    """Parse an ONNX file; WeightError says so where it is something else."""
    try:
        model = onnx.load(path)
        if not model.graph.node:
            raise ValueError("it has no nodes")
    except Exception as error:  # noqa: BLE001 - protobuf raises its own classes, by version
        detail = str(error).split("\n")[0]
        raise WeightError(f"{path}: not a complete ONNX file ({detail})") from None
    return model


def read_convolutions(path: Path, expected: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Arrays of a graph whose only parameters are convolutions with bias.

    expected: Keras variable paths with their shapes, in the order of the network; every
        convolution in the file must be the next one there, of the same kind and shape.
    """
    convolutions = list(_convolutions(load_graph(path)))
    names = [key.rsplit("/", 1)[0] for key in expected if key.endswith("/kernel")]
    if len(convolutions) != len(names):
        raise WeightError(
            f"{path}: {len(convolutions)} convolutions where this network has {len(names)}; "
            "it is the file of another network"
        )
    arrays: dict[str, np.ndarray] = {}
    for name, (node, kernel, bias, depthwise) in zip(names, convolutions, strict=True):
        shape = expected[f"{name}/kernel"]
        # OIHW to HWIO; depthwise, where I is 1, to HWO1.
        kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)
        found = {f"{name}/kernel ({node})": kernel, f"{name}/bias ({node})": bias}
        wanted = {f"{name}/kernel ({node})": shape, f"{name}/bias ({node})": (len(bias),)}
        wanted[f"{name}/bias ({node})"] = expected[f"{name}/bias"]
        check_arrays(wanted, found, str(path))
        arrays |= {f"{name}/kernel": kernel, f"{name}/bias": bias}
    return arrays


@dataclass(frozen=True)
class Step:
    """A node with parameters: its arrays in the order of its inputs, and a norm's epsilon."""

    op: str
    name: str
    arrays: tuple[np.ndarray, ...]
    epsilon: float

    def norm(self) -> Norm:
        """What a BatchNormalization node does."""
        gamma, beta, mean, variance = self.arrays
        return Norm(beta, mean, variance, self.epsilon, gamma)


def read_steps(path: Path) -> Iterator[Step]:
    """The nodes that have parameters, in graph order; shared or missing arrays are an error."""
    graph = load_graph(path).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    count = {"Conv": 2, "PRelu": 1, "BatchNormalization": 4, "Gemm": 2}
    for node in graph.node:
        if node.op_type not in count:
            continue
        missing = [name for name in node.input[1:] if name not in stored]
        if missing or len(node.input) != count[node.op_type] + 1:
            what = f"has no array {missing[0]}" if missing else "lacks a parameter"
            raise WeightError(f"{path}: {node.op_type} {node.name} {what}; the file is incomplete")
        arrays = tuple(numpy_helper.to_array(stored[name]) for name in node.input[1:])
        if not all(np.isfinite(array).all() for array in arrays):
            raise WeightError(f"{path}: {node.op_type} {node.name} has values that are not finite")
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        yield Step(node.op_type, node.name, arrays, epsilon)


def _convolutions(model: onnx.ModelProto) -> Iterator[tuple[str, np.ndarray, np.ndarray, bool]]:
    """Each Conv node in graph order: its name, kernel (OIHW), bias, and whether it is depthwise."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        missing = [name for name in node.input[1:] if name not in stored]
        if missing or len(node.input) != 3:
            what = f"has no array {missing[0]}" if missing else "has no bias"
            raise WeightError(f"ONNX file: convolution {node.name} {what}; the file is incomplete")
        group = next((a.i for a in node.attribute if a.name == "group"), 1)
        kernel, bias = (numpy_helper.to_array(stored[name]) for name in node.input[1:])
        yield node.name, kernel, bias, group > 1


def with_pixels(model: onnx.ModelProto, pixels: Pixels, size: int) -> onnx.ModelProto:
    """Put preprocessing before an official NCHW graph: uint8 RGB (n, size, size, 3) in.

    The batch of 1 that exporters write into shapes becomes the batch that comes in.
    """
    graph, helper = model.graph, onnx.helper
    inner = graph.input[0].name
    mean = np.array(pixels.mean, np.float32).reshape(1, 3, 1, 1)
    std = np.array(pixels.std, np.float32).reshape(1, 3, 1, 1)
    order = np.array([0, 1, 2] if pixels.colour == "RGB" else [2, 1, 0], np.int64)
    constants: dict[str, np.ndarray] = {"kf_mean": mean, "kf_std": std, "kf_order": order}
    for name, array in constants.items():
        graph.initializer.append(numpy_helper.from_array(array, name))
    nodes = [
        helper.make_node("Cast", ["crops"], ["kf_float"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Transpose", ["kf_float"], ["kf_nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Gather", ["kf_nchw", "kf_order"], ["kf_colour"], axis=1),
        helper.make_node("Sub", ["kf_colour", "kf_mean"], ["kf_centred"]),
        helper.make_node("Div", ["kf_centred", "kf_std"], [inner]),
    ]
    rest = [_any_batch(node, graph) for node in graph.node]
    del graph.node[:], graph.input[:], graph.value_info[:]
    graph.node.extend(nodes + rest)
    shape: list[str | int | None] = ["batch", size, size, 3]
    graph.input.append(helper.make_tensor_value_info("crops", onnx.TensorProto.UINT8, shape))
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def _any_batch(node: onnx.NodeProto, graph: onnx.GraphProto) -> onnx.NodeProto:
    """A Reshape to (1, d) becomes one to (0, d): 0 copies the incoming dimension."""
    reshapes = (other for other in graph.node if other.op_type == "Reshape")
    reshaped = {name for other in reshapes for name in other.input[1:]}
    if node.op_type == "Constant" and node.output[0] in reshaped:
        target = numpy_helper.to_array(node.attribute[0].t)
        if target.ndim == 1 and target[0] == 1:
            replaced = numpy_helper.from_array(np.concatenate([[0], target[1:]]).astype(np.int64))
            return onnx.helper.make_node("Constant", [], list(node.output), value=replaced)
    return node
