"""Reading official weight files that are ONNX graphs: by graph order, node kind and shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.files.download import WeightError
from knownface.files.onnx_limits import parse, read_network
from knownface.files.onnx_nodes import Graph, planes
from knownface.networks.record import Pixels
from knownface.networks.strict import Norm

if TYPE_CHECKING:
    import onnx


def load_graph(path: Path) -> onnx.ModelProto:
    """Parse an ONNX file, which has to hold all its arrays; WeightError says why it cannot be."""
    try:
        return parse(read_network(path))
    except (OSError, ValueError) as error:
        raise WeightError(f"{path}: not a usable weight file ({error})") from None


@dataclass(frozen=True)
class Step:
    """A node with parameters: its arrays in the order of its inputs.

    epsilon: of a norm; groups: of a convolution, more than 1 where it is depthwise.
    """

    op: str
    name: str
    arrays: tuple[np.ndarray, ...]
    epsilon: float
    groups: int

    def norm(self) -> Norm:
        """What a BatchNormalization node does."""
        gamma, beta, mean, variance = self.arrays
        return Norm(beta, mean, variance, self.epsilon, gamma)


def read_steps(path: Path) -> Iterator[Step]:
    """The nodes that have parameters, in graph order; shared or missing arrays are an error."""
    from onnx import numpy_helper

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
        try:
            arrays = tuple(numpy_helper.to_array(stored[name]) for name in node.input[1:])
        except (ValueError, TypeError, KeyError) as error:
            raise WeightError(f"{path}: {node.op_type} {node.name} is damaged ({error})") from None
        if not all(np.isfinite(array).all() for array in arrays):
            raise WeightError(f"{path}: {node.op_type} {node.name} has values that are not finite")
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        yield Step(node.op_type, node.name, arrays, epsilon, groups)


def read_convolutions(path: Path, expected: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Arrays of a graph whose only parameters are convolutions with bias, in network order."""
    steps = [step for step in read_steps(path) if step.op == "Conv"]
    names = [key.rsplit("/", 1)[0] for key in expected if key.endswith("/kernel")]
    if len(steps) != len(names):
        raise WeightError(
            f"{path}: {len(steps)} convolutions where this network has {len(names)}; "
            "it is the file of another network"
        )
    arrays: dict[str, np.ndarray] = {}
    for name, step in zip(names, steps, strict=True):
        kernel, arrays[f"{name}/bias"] = step.arrays
        # OIHW to HWIO; depthwise, where I is 1, to HWO1.
        order = (2, 3, 0, 1) if step.groups > 1 else (2, 3, 1, 0)
        arrays[f"{name}/kernel"] = kernel.transpose(order)
    return arrays


def with_pixels(model: onnx.ModelProto, pixels: Pixels, size: int) -> onnx.ModelProto:
    """Put preprocessing before an official NCHW graph: uint8 RGB (n, size, size, 3) in.

    The batch of 1 that exporters write into shapes becomes the batch that comes in.
    """
    from onnx import TensorProto, helper

    graph, before = model.graph, Graph()
    before.add("Identity", normalise(before, "crops", pixels, size))
    before.nodes[-1].output[0] = graph.input[0].name
    nodes = [*before.nodes, *_any_batch(graph)]
    del graph.node[:], graph.input[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(before.arrays)
    shape: list[str | int | None] = ["batch", size, size, 3]
    crops = helper.make_tensor_value_info("crops", TensorProto.UINT8, shape)
    graph.input.append(crops)
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def _any_batch(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Its nodes; a Reshape to (1, d) becomes one to (0, d): 0 copies the incoming dimension."""
    from onnx import helper, numpy_helper

    targets = {name for node in graph.node if node.op_type == "Reshape" for name in node.input[1:]}
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in targets and node.attribute[0].t.dims:
            shape = numpy_helper.to_array(node.attribute[0].t).astype(np.int64)
            if shape.ndim == 1 and shape[0] == 1:
                value = numpy_helper.from_array(np.concatenate([[0], shape[1:]]))
                node = helper.make_node("Constant", [], list(node.output), value=value)
        yield node


def normalise(graph: Graph, x: str, pixels: Pixels, size: int, name: str = "normalise") -> str:
    """Pixels as a backbone was trained on them: uint8 RGB (n, size, size, 3) to float NCHW."""
    from onnx import TensorProto

    x = graph.add("Cast", x, name=f"{name}/float", to=TensorProto.FLOAT)
    x = graph.add("Transpose", x, name=f"{name}/nchw", perm=[0, 3, 1, 2])
    if pixels.colour == "BGR":
        x = graph.add("Gather", x, np.array([2, 1, 0]), name=f"{name}/bgr", axis=1)
    if not pixels.per_image:
        x = graph.add("Sub", x, planes(pixels.mean), name=f"{name}/centred")
        return graph.add("Div", x, planes(pixels.std), name=name)
    axes = {"axes": [1, 2, 3], "keepdims": 1}
    mean = graph.add("ReduceMean", x, name=f"{name}/mean", **axes)
    x = graph.add("Sub", x, mean, name=f"{name}/centred")
    squares = graph.add("Mul", x, x, name=f"{name}/squares")
    variance = graph.add("ReduceMean", squares, name=f"{name}/variance", **axes)
    std = graph.add("Sqrt", variance, name=f"{name}/std")
    least = np.array((3 * size * size) ** -0.5)
    return graph.add("Div", x, graph.add("Max", std, least, name=f"{name}/floor"), name=name)
