"""What an OpenVINO IR file may hold: the same as ONNX files, checked before it is run."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from knownface.files.onnx_limits import MOST_HELD, MOST_NODES, MOST_WORK

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# What OpenVINO makes of the graphs in `onnx_limits`, and NNCF adds.
OPERATIONS = frozenset({
    "Add", "Broadcast", "Clamp", "Concat", "Const", "Convert", "Convolution", "Divide",
    "FakeQuantize", "Gather", "GroupConvolution", "Identity", "MatMul", "MaxPool", "Maximum",
    "Minimum", "Multiply", "PReLU", "Pad", "Parameter", "Power", "Range", "ReLU", "ReduceL2",
    "ReduceMean", "Reshape", "Result", "ShapeOf", "Sigmoid", "Sqrt", "Squeeze", "Subtract", "Tanh",
    "Transpose", "VariadicSplit",
})  # fmt: skip
LARGEST_TEXT = 2**25  # bytes; MobileFaceNet in int8 has 0.7 million
# Where numbers are summed up: the input that holds the kernels.
SUMMED = {"Convolution", "GroupConvolution", "MatMul"}


def check_ir(data: bytes, weights: bytes) -> None:
    """Raise ValueError unless it is a network from crops to embeddings such as we write.

    data: the .xml file; weights: the .bin file. Crops are uint8 (n, size, size, 3), embeddings
    float32 (n, d).
    """
    _check_layers(data, len(weights))
    import openvino

    try:
        model = openvino.Core().read_model(data, weights)
        given = [each.get_partial_shape() for each in model.inputs]
        sides = [] if [len(each) for each in given] != [4] else list(given[0])[1:]
        if any(side.is_dynamic for side in sides) or not sides or sides[0] != sides[1]:
            raise ValueError("its input is not crops of faces, (n, size, size, 3)")
        one = [1, *(side.get_length() for side in sides)]
        model.reshape(one)  # then all sizes are known, but for those that depend on the pixels
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"its layers do not fit each other: {_last_line(error)}") from None
    if one[3] != 3:
        raise ValueError("its input is not crops of faces, (n, size, size, 3)")
    if [len(_shape(each)) for each in model.outputs] != [2]:
        raise ValueError("its output is not embeddings, (n, d)")
    _check_cost(model)


def _check_layers(data: bytes, length: int) -> None:
    """Only operations that we write, whose constants lie in the second file."""
    from xml.etree import ElementTree

    if len(data) > LARGEST_TEXT:
        raise ValueError(f"{len(data):,} bytes, and {LARGEST_TEXT:,} are the most")
    if b"<!" in data:
        raise ValueError("it has declarations, which knownface never writes")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise ValueError("not a complete OpenVINO file") from None
    layers = root.findall("layers/layer")
    if root.tag != "net" or not layers or len(layers) != len(list(root.iter("layer"))):
        raise ValueError("not a complete OpenVINO file, or one with a graph in a graph")
    constants = [layer for layer in layers if layer.get("type") == "Const"]
    if len(layers) - len(constants) > MOST_NODES:
        raise ValueError(f"{len(layers):,} layers, and {MOST_NODES:,} are the most")
    for layer in layers:
        kind = layer.get("type")
        if kind not in OPERATIONS or not (layer.get("version") or "").startswith("opset"):
            raise ValueError(f"it has a layer {kind!r:.60}, and knownface writes no such operation")
    for layer in constants:
        _check_constant(layer, length)


def _check_constant(layer: Element, length: int) -> None:
    found = layer.find("data")
    data = {} if found is None else found.attrib
    try:
        offset, size = (int(data.get(name, "")) for name in ("offset", "size"))
    except ValueError:
        raise ValueError(f"{layer.get('name')!r:.60} does not say where its numbers lie") from None
    if not 0 <= offset <= offset + size <= length:
        raise ValueError(f"{layer.get('name')!r:.60} lies outside the file of weights")


def _check_cost(model: Any) -> None:
    """For one face; held: what one layer makes."""
    work = most = 0
    for each in model.get_ops():
        if each.get_type_name() == "Constant":
            continue
        made = sum(prod(_shape(output)) for output in each.outputs())
        most = max(most, made)
        if each.get_type_name() in SUMMED:
            kernel = _shape(each.input(1))
            made *= prod(kernel) // max(_shape(each.output(0))[1], 1)
        work += made
    if work > MOST_WORK:
        raise ValueError(f"{work:,} multiplications for a face, and {MOST_WORK:,} are the most")
    if most > MOST_HELD:
        raise ValueError(f"{most:,} numbers held for a face, and {MOST_HELD:,} are the most")


def _shape(port: Any) -> tuple[int, ...]:
    if port.get_partial_shape().is_dynamic:
        raise ValueError("the size of a layer's output cannot be told")
    return tuple(port.get_shape())


def _last_line(error: Exception) -> str:
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or ["?"])[-1]
