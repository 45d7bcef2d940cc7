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
    """A node with parameters: its arrays in the order of its inputs, and their names in the file.

    epsilon: of a norm; groups: of a convolution, more than 1 where it is depthwise.
    """

    op: str
    name: str
    arrays: tuple[np.ndarray, ...]
    names: tuple[str, ...]
    epsilon: float
    groups: int


# Of each kind of node that has parameters, how many.
PARAMETERS = {"Conv": (1, 2), "PRelu": (1,), "BatchNormalization": (4,), "Gemm": (2,)}


def read_steps(graph: onnx.GraphProto, path: Path) -> Iterator[Step]:
    """The nodes that have parameters, in graph order; shared or missing arrays are an error."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type not in PARAMETERS:
            continue
        names = tuple(node.input[1:])
        missing = [name for name in names if name not in stored]
        if missing or len(names) not in PARAMETERS[node.op_type]:
            what = f"has no array {missing[0]}" if missing else "lacks a parameter"
            raise WeightError(f"{path}: {node.op_type} {node.name} {what}; the file is incomplete")
        try:
            arrays = tuple(numpy_helper.to_array(stored[name]) for name in names)
        except (ValueError, TypeError, KeyError) as error:
            raise WeightError(f"{path}: {node.op_type} {node.name} is damaged ({error})") from None
        if not all(np.isfinite(array).all() for array in arrays):
            raise WeightError(f"{path}: {node.op_type} {node.name} has values that are not finite")
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        yield Step(node.op_type, node.name, arrays, names, epsilon, groups)


class Steps:
    """The nodes of a file, taken one after another, each of the kind and the shapes it should have.

    Raises WeightError that names what is missing, extra or misshapen.
    """

    def __init__(self, path: Path, pixels: Pixels) -> None:
        """pixels: those of the network; a graph that normalises its input has to do it so."""
        graph = load_graph(path).graph
        normalises(graph, pixels, path)
        self._path, self._left = path, read_steps(graph, path)

    def take(self, op: str, what: str, *shapes: tuple[int, ...]) -> Step:
        """The next node, which has to be that of `what`, with arrays of these shapes."""
        step = next(self._left, None)
        if step is None or step.op != op:
            found = f"{step.op} {step.name}" if step else "the end of the graph"
            raise WeightError(f"{self._path}: expected a {op} for {what} and found {found}")
        if len(step.arrays) != len(shapes):
            raise WeightError(
                f"{self._path}: {op} {step.name} has {len(step.arrays)} arrays and should have "
                f"{len(shapes)}; it is the file of another network"
            )
        for name, array, shape in zip(step.names, step.arrays, shapes, strict=True):
            if array.shape != shape:
                raise WeightError(f"{self._path}: {name} is {array.shape} and should be {shape}")
        return step

    def kernel(
        self, what: str, shape: tuple[int, ...], bias: bool, depthwise: bool = False
    ) -> tuple[np.ndarray, ...]:
        """A convolution's kernel in Keras's order, HWIO or HWO1, which has that shape; its bias."""
        height, width, inner, outer = shape
        there = (inner, 1) if depthwise else (outer, inner)
        shapes = (*there, height, width), there[:1]
        step = self.take("Conv", what, *shapes[: 1 + bias])
        if step.groups != (inner if depthwise else 1):
            raise WeightError(f"{self._path}: Conv {step.name} has {step.groups} groups")
        return keras_kernel(step), *step.arrays[1:]

    def norm(self, what: str, channels: int) -> Norm:
        step = self.take("BatchNormalization", what, *[(channels,)] * 4)
        gamma, beta, mean, variance = step.arrays
        return Norm(beta, mean, variance, step.epsilon, gamma)

    def slope(self, what: str, channels: int) -> np.ndarray:
        """Of a PReLU, one per channel: (1, 1, c)."""
        step = self.take("PRelu", what, (channels, 1, 1))
        return step.arrays[0].reshape(1, 1, channels)

    def done(self) -> None:
        """Nothing may be left."""
        if extra := next(self._left, None):
            raise WeightError(
                f"{self._path}: {extra.op} {extra.name} comes after the end of this network"
            )


def keras_kernel(step: Step) -> np.ndarray:
    """OIHW to HWIO; depthwise, where I is 1, to HWO1."""
    return step.arrays[0].transpose((2, 3, 0, 1) if step.groups > 1 else (2, 3, 1, 0))


def read_convolutions(path: Path, expected: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Arrays of a graph whose only parameters are convolutions with bias, in network order."""
    steps = [step for step in read_steps(load_graph(path).graph, path) if step.op == "Conv"]
    names = [key.rsplit("/", 1)[0] for key in expected if key.endswith("/kernel")]
    if len(steps) != len(names):
        raise WeightError(
            f"{path}: {len(steps)} convolutions where this network has {len(names)}; "
            "it is the file of another network"
        )
    arrays: dict[str, np.ndarray] = {}
    for name, step in zip(names, steps, strict=True):
        if len(step.arrays) < 2:
            raise WeightError(f"{path}: Conv {step.name} lacks a parameter, its bias")
        arrays[f"{name}/bias"] = step.arrays[1]
        arrays[f"{name}/kernel"] = keras_kernel(step)
    return arrays


def normalises(graph: onnx.GraphProto, pixels: Pixels, path: Path) -> bool:
    """Whether the graph itself begins with that normalisation, as MXNet's exports do.

    Raises WeightError where it begins with another one.
    """
    from onnx import numpy_helper

    stored = {each.name: each for each in graph.initializer if list(each.dims) in ([], [1])}
    first = list(graph.node[:2])
    given = [[stored[name] for name in node.input if name in stored] for node in first]
    if [node.op_type for node in first] != ["Sub", "Mul"] or [len(g) for g in given] != [1, 1]:
        return False
    mean, factor = (float(numpy_helper.to_array(values[0]).reshape(())) for values in given)
    same = np.allclose(pixels.mean, mean) and np.allclose(pixels.std, 1 / factor if factor else 0)
    if pixels.per_image or not same:
        raise WeightError(
            f"{path}: takes pixels as (x - {mean:g}) * {factor:g}, and this network does not; it "
            "is the file of another network"
        )
    return True


def with_pixels(model: onnx.ModelProto, pixels: Pixels, size: int, path: Path) -> onnx.ModelProto:
    """Put preprocessing before an official NCHW graph: uint8 RGB (n, size, size, 3) in.

    A graph that normalises by itself gets its planes as they are. The batch of 1 that exporters
    write into shapes becomes the batch that comes in. Raises WeightError.
    """
    from onnx import TensorProto, helper

    graph, before = model.graph, Graph()
    made = crops_to_planes(before, "crops", pixels)
    if not normalises(graph, pixels, path):
        made = normalised(before, made, pixels, size)
    before.add("Identity", made)
    before.nodes[-1].output[0] = image_input(graph).name
    nodes = [*before.nodes, *_for_inference(graph)]
    del graph.node[:], graph.input[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(before.arrays)
    shape: list[str | int | None] = ["batch", size, size, 3]
    crops = helper.make_tensor_value_info("crops", TensorProto.UINT8, shape)
    graph.input.append(crops)
    graph.output[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    model.ir_version = max(model.ir_version, 4)  # before, all arrays had to be inputs too
    return model


def image_input(graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """The input that is no weight; MXNet's exports list all of them."""
    stored = {tensor.name for tensor in graph.initializer}
    images: list[onnx.ValueInfoProto] = [each for each in graph.input if each.name not in stored]
    return images[0] if images else graph.input[0]


def _for_inference(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Its nodes; dropout does nothing, and a Reshape to (1, d) becomes one to (0, d).

    0 copies the incoming dimension.
    """
    from onnx import helper, numpy_helper

    targets = {name for node in graph.node if node.op_type == "Reshape" for name in node.input[1:]}
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in targets and node.attribute[0].t.dims:
            shape = numpy_helper.to_array(node.attribute[0].t).astype(np.int64)
            if shape.ndim == 1 and shape[0] == 1:
                value = numpy_helper.from_array(np.concatenate([[0], shape[1:]]))
                node = helper.make_node("Constant", [], list(node.output), value=value)
        if node.op_type == "Dropout":
            node = helper.make_node("Identity", node.input[:1], node.output[:1], node.name)
        yield node


def normalise(graph: Graph, x: str, pixels: Pixels, size: int, name: str = "normalise") -> str:
    """Pixels as a backbone was trained on them: uint8 RGB (n, size, size, 3) to float NCHW."""
    return normalised(graph, crops_to_planes(graph, x, pixels, name), pixels, size, name)


def crops_to_planes(graph: Graph, x: str, pixels: Pixels, name: str = "normalise") -> str:
    """uint8 RGB (n, size, size, 3) to float NCHW in the network's order of colours."""
    from onnx import TensorProto

    x = graph.add("Cast", x, name=f"{name}/float", to=TensorProto.FLOAT)
    x = graph.add("Transpose", x, name=f"{name}/nchw", perm=[0, 3, 1, 2])
    if pixels.colour == "BGR":
        x = graph.add("Gather", x, np.array([2, 1, 0]), name=f"{name}/bgr", axis=1)
    return x


def normalised(graph: Graph, x: str, pixels: Pixels, size: int, name: str = "normalise") -> str:
    """Float planes 0..255, in the network's order of colours, as it was trained on them."""
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
