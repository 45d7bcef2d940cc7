"""What an ONNX file may hold: checked before anything that runs networks sees it.

A recogniser's folder and a weight file may come from anybody. Only the operators that we write are
accepted, which compute for a bounded time in bounded memory, and nothing outside the file is read.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

# What `networks.to_onnx` writes, and what official weight files hold besides.
OPERATORS = frozenset({
    "Add", "Cast", "Clip", "Concat", "Conv", "Div", "Flatten", "Gather", "Gemm",
    "GlobalAveragePool", "Identity", "Max", "MaxPool", "Mul", "PRelu", "Pad", "ReduceL2",
    "ReduceMean", "Relu", "Sigmoid", "Sqrt", "Sub", "Sum", "Tanh", "Transpose",
    "BatchNormalization", "Constant", "Reshape",
})  # fmt: skip
# What exports with smaller numbers hold besides.
QUANTISED = frozenset({"QuantizeLinear", "DequantizeLinear"})
# The largest of our networks, IResNet-100, has 407 nodes, 0.26 GB, 12 billion multiplications per
# face, and holds 3 million numbers at a time.
LARGEST_FILE = 2**30  # bytes
MOST_NODES = 4096
MOST_WORK = 2**36  # multiplications per face
MOST_HELD = 2**24  # numbers held at a time per face, besides the weights
SMALL = 64  # numbers of an array that may be a shape or a padding, and not weights

Shape = tuple[int, ...]


def read_network(path: Path) -> bytes:
    """The content of an ONNX file. Raises OSError, ValueError for what is too large to be ours."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("not a regular file")
    if state.st_size > LARGEST_FILE:
        raise ValueError(f"{state.st_size:,} bytes, and {LARGEST_FILE:,} are the most")
    return path.read_bytes()


def parse(data: bytes) -> onnx.ModelProto:
    """The graph in a file that is complete in itself; raises ValueError.

    Arrays in other files are refused: nobody would know which, and a shared network would carry
    what they hold.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # noqa: BLE001 - protobuf raises its own classes, by version
        raise ValueError("not a complete ONNX file") from None
    if not (model.graph.node and model.graph.input and model.graph.output):
        raise ValueError("not a complete ONNX file: it lacks nodes, an input or an output")
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError(f"{tensor.name or 'an array'} lies in another file, which is not read")
    return model


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every array of the graph, also those in attributes; not those of graphs within."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)


def check_graph(data: bytes, more: frozenset[str] = frozenset()) -> None:
    """Raise ValueError unless it is a network from crops to embeddings such as we write.

    Crops are uint8 (n, size, size, 3), embeddings float32 (n, d).
    more: operators that are accepted besides; with QUANTISED, smaller numbers too.
    """
    model = parse(data)
    _check_operators(model, OPERATORS | more)
    _check_arrays(model.graph, bool(more))
    shapes = _shapes(model)
    graph = model.graph
    given, made = ([shapes.get(each.name, ()) for each in of] for of in (graph.input, graph.output))
    if [len(shape) for shape in given] != [4] or given[0][3] != 3 or given[0][1] != given[0][2]:
        raise ValueError("its input is not crops of faces, (n, size, size, 3)")
    if [len(shape) for shape in made] != [2]:
        raise ValueError("its output is not embeddings, (n, d)")
    _check_cost(graph, shapes)


def _check_operators(model: onnx.ModelProto, known: frozenset[str]) -> None:
    graph = model.graph
    if len(graph.node) > MOST_NODES:
        raise ValueError(f"{len(graph.node):,} nodes, and {MOST_NODES:,} are the most")
    if model.functions or model.training_info or graph.sparse_initializer:
        raise ValueError("it has functions or sparse arrays, which knownface never writes")
    for node in graph.node:
        if node.op_type not in known or node.domain not in ("", "ai.onnx"):
            kind = f"{node.domain}.{node.op_type}".lstrip(".")
            raise ValueError(f"it has a node {kind!r:.60}, and knownface writes no such operator")
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ValueError(f"{node.name!r:.60} holds a graph of its own")


def _check_arrays(graph: onnx.GraphProto, small: bool) -> None:
    from onnx import TensorProto

    sizes = {TensorProto.FLOAT: 4, TensorProto.INT64: 8}
    if small:
        sizes |= {TensorProto.FLOAT16: 2, TensorProto.INT32: 4}
        sizes |= {TensorProto.INT8: 1, TensorProto.UINT8: 1}
    total = 0  # which may all become float32
    for tensor in graph.initializer:
        if tensor.data_type not in sizes:
            raise ValueError(f"{tensor.name!r:.60} is neither float32 nor int64")
        held = len(tensor.raw_data) // sizes[tensor.data_type] or max(
            len(tensor.float_data), len(tensor.int64_data), len(tensor.int32_data)
        )
        if min(tensor.dims, default=0) < 0 or prod(tensor.dims) != held:
            raise ValueError(f"{tensor.name!r:.60} has {held:,} numbers, unlike what it says")
        total += held
    if 4 * total > LARGEST_FILE:
        raise ValueError(f"{total:,} numbers, and {LARGEST_FILE // 4:,} are the most")


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph for one face, with large arrays as inputs: their shapes are enough."""
    import onnx
    from onnx import helper

    light, graph = onnx.ModelProto(), model.graph
    light.ir_version = model.ir_version
    light.opset_import.extend(model.opset_import)
    light.graph.node.extend(graph.node)
    light.graph.input.extend(graph.input)
    light.graph.output.extend(graph.output)
    for given in (*light.graph.input, *light.graph.output):
        dims = given.type.tensor_type.shape.dim
        if dims:
            dims[0].dim_value = 1
    for tensor in graph.initializer:
        if prod(tensor.dims) <= SMALL:
            light.graph.initializer.append(tensor)
        else:
            kind = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            light.graph.input.append(kind)
    return light


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    """Of every tensor for one face; raises ValueError where that cannot be told."""
    from onnx import shape_inference

    graph, light = model.graph, _without_weights(model)
    try:
        found = shape_inference.infer_shapes(light, strict_mode=True, data_prop=True).graph
    except (shape_inference.InferenceError, RuntimeError, ValueError) as error:
        raise ValueError(f"its nodes do not fit each other: {str(error).splitlines()[0]}") from None
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for info in (*found.value_info, *found.input, *found.output):
        dims = info.type.tensor_type.shape.dim
        if all(each.HasField("dim_value") for each in dims):
            shapes[info.name] = tuple(each.dim_value for each in dims)
    for node in graph.node:
        for name in node.output:
            if name and name not in shapes:
                raise ValueError(f"the size of {name!r:.60} cannot be told")
    return shapes


def _check_cost(graph: onnx.GraphProto, shapes: dict[str, Shape]) -> None:
    work = sum(_work(node, shapes) for node in graph.node)
    if work > MOST_WORK:
        raise ValueError(f"{work:,} multiplications for a face, and {MOST_WORK:,} are the most")
    last = {name: i for i, node in enumerate(graph.node) for name in node.input}
    held = most = 0
    gone: dict[int, int] = {}  # numbers that nobody needs after a node
    stored = {tensor.name for tensor in graph.initializer}
    for i, node in enumerate(graph.node):
        if node.op_type in ("Cast", "DequantizeLinear") and node.input[0] in stored:
            continue  # a weight that was stored in smaller numbers
        for name in node.output:
            size = prod(shapes.get(name, ()))
            held += size
            end = last.get(name, i)
            gone[end] = gone.get(end, 0) + size
        most = max(most, held)
        held -= gone.pop(i, 0)
    if most > MOST_HELD:
        raise ValueError(f"{most:,} numbers held for a face, and {MOST_HELD:,} are the most")


def _work(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int:
    """Multiplications, or comparisons, of a node."""
    made = sum(prod(shapes.get(name, ())) for name in node.output)
    summed = {"Conv": node.input[1:2], "Gemm": node.input[:1]}.get(node.op_type)
    if summed:  # the input of which a row, or a kernel, is summed up for each number
        return made * prod(shapes.get(summed[0], ())[1:])
    window = next((each.ints for each in node.attribute if each.name == "kernel_shape"), ())
    return made * prod(window)
