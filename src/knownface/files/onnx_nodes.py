"""Writing ONNX graphs node by node. Feature maps are NCHW, as ONNX has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

OPSET = 17
IR_VERSION = 8  # what ONNX had with opset 17; old runtimes refuse newer files
SHORTEST = 1e-6  # length by which numbers are divided


class Graph:
    """Nodes of one output each, and their arrays, in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: list[onnx.TensorProto] = []

    def add(self, op: str, *inputs: str | np.ndarray, name: str = "", **attributes: Any) -> str:
        """The name of the new node's output; arrays among the inputs become initializers."""
        from onnx import helper

        name = name or f"{op}{len(self.nodes)}"
        given = [
            value if isinstance(value, str) else self._constant(value, f"{name}/{i}")
            for i, value in enumerate(inputs)
        ]
        self.nodes.append(helper.make_node(op, given, [f"{name}:0"], name, **attributes))
        return f"{name}:0"

    def _constant(self, values: np.ndarray, name: str) -> str:
        from onnx import numpy_helper

        kind = np.int64 if np.issubdtype(values.dtype, np.integer) else np.float32
        self.arrays.append(numpy_helper.from_array(np.array(values, kind, order="C"), name))
        return name

    def model(
        self, name: str, given: onnx.ValueInfoProto, made: onnx.ValueInfoProto
    ) -> onnx.ModelProto:
        """The whole graph, with its one input and its one output."""
        from onnx import helper

        graph = helper.make_graph(self.nodes, name, [given], [made], self.arrays)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)


def planes(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """One value per channel, to be broadcast over NCHW."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)


def unit_length(graph: Graph, x: str, name: str) -> str:
    """(n, d), each of length 1."""
    length = graph.add("ReduceL2", x, name=f"{name}/length", axes=[1], keepdims=1)
    length = graph.add("Max", length, np.array(SHORTEST), name=f"{name}/floor")
    return graph.add("Div", x, length, name=name)
