"""A network and, beside it, itself as it was taught small faces: ONNX, without Keras."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.files.arrays import read_npz
from knownface.files.download import WeightError
from knownface.files.onnx_nodes import Graph, unit_length
from knownface.networks.strict import check_arrays
from knownface.networks.weight_onnx import Step, keras_kernel, read_steps

if TYPE_CHECKING:
    import onnx

TAUGHT = "taught_"  # how the names of the second one begin


def beside_taught(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Embeddings (n, 2d), one after the other, each of unit length, of two networks in one file.

    model: of crops, whose only parameters are convolutions with bias; it is changed. path: a
    record's `small_faces`, what is to be added to them, named and shaped as Keras has them.
    Raises WeightError where the two do not fit.
    """
    from onnx import compose

    taught = compose.add_prefix(model, TAUGHT, rename_inputs=False)
    _add(taught, path)
    joined = Graph()
    ends = [each.graph.output[0].name for each in (model, taught)]
    halves = [unit_length(joined, end, f"{end}/unit_length") for end in ends]
    made = joined.add("Concat", *halves, name="embedding", axis=1)
    graph = model.graph
    graph.node.extend([*taught.graph.node, *joined.nodes])
    graph.initializer.extend([*taught.graph.initializer, *joined.arrays])
    graph.output[0].name = made
    graph.output[0].type.tensor_type.shape.dim[1].dim_value *= 2
    return model


def _add(model: onnx.ModelProto, path: Path) -> None:
    """Add to each array of the graph what a file holds for it."""
    from onnx import numpy_helper

    steps = [step for step in read_steps(model.graph, path) if step.op == "Conv"]
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for step, added in zip(steps, _added(path, steps), strict=True):
        for name, value, more in zip(step.names, step.arrays, added, strict=True):
            stored[name].CopyFrom(numpy_helper.from_array(value + more, name))


def _added(path: Path, steps: list[Step]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each convolution what is added to its kernel, OIHW, and to its bias."""
    most = sum(array.nbytes for step in steps for array in step.arrays)
    try:
        arrays = read_npz(path, most)
    except (OSError, ValueError) as error:
        raise WeightError(f"{path}: cannot be read ({error}); install knownface again") from None
    names = [key.rsplit("/", 1)[0] for key in arrays if key.endswith("/kernel")]
    if len(names) != len(steps):
        raise WeightError(f"{path}: is for {len(names)} convolutions, and there are {len(steps)}")
    expected = {}
    for name, step in zip(names, steps, strict=True):
        expected[f"{name}/kernel"] = keras_kernel(step).shape
        expected[f"{name}/bias"] = step.arrays[1].shape
    check_arrays(expected, arrays, str(path))
    for name, step in zip(names, steps, strict=True):
        kernel, bias = (arrays[f"{name}/{kind}"].astype(np.float32) for kind in ("kernel", "bias"))
        yield kernel.transpose((2, 3, 0, 1) if step.groups > 1 else (3, 2, 0, 1)), bias
