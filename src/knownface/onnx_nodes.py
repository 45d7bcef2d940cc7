"""Writing ONNX graphs node by node. Feature maps are NCHW, as ONNX has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from knownface.backbones.backbone import Pixels

OPSET = 17
IR_VERSION = 8  # what ONNX had with opset 17; old runtimes refuse newer files


class Graph:
    """Nodes of one output each, and their arrays, in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: list[onnx.TensorProto] = []

    def add(self, op: str, *inputs: str | np.ndarray, name: str = "", **attributes: Any) -> str:
        """The name of the new node's output; arrays among the inputs become initializers."""
        name = name or f"{op}{len(self.nodes)}"
        given = [
            value if isinstance(value, str) else self._constant(value, f"{name}/{i}")
            for i, value in enumerate(inputs)
        ]
        self.nodes.append(helper.make_node(op, given, [f"{name}:0"], name, **attributes))
        return f"{name}:0"

    def _constant(self, values: np.ndarray, name: str) -> str:
        kind = np.int64 if np.issubdtype(values.dtype, np.integer) else np.float32
        self.arrays.append(numpy_helper.from_array(np.array(values, kind, order="C"), name))
        return name

    def normalise(self, x: str, pixels: Pixels, size: int, name: str = "normalise") -> str:
        """Pixels as a backbone was trained on them: uint8 RGB (n, size, size, 3) to float NCHW."""
        x = self.add("Cast", x, name=f"{name}/float", to=TensorProto.FLOAT)
        x = self.add("Transpose", x, name=f"{name}/nchw", perm=[0, 3, 1, 2])
        if pixels.colour == "BGR":
            x = self.add("Gather", x, np.array([2, 1, 0]), name=f"{name}/bgr", axis=1)
        if not pixels.per_image:
            x = self.add("Sub", x, planes(pixels.mean), name=f"{name}/centred")
            return self.add("Div", x, planes(pixels.std), name=name)
        axes = {"axes": [1, 2, 3], "keepdims": 1}
        mean = self.add("ReduceMean", x, name=f"{name}/mean", **axes)
        x = self.add("Sub", x, mean, name=f"{name}/centred")
        squares = self.add("Mul", x, x, name=f"{name}/squares")
        variance = self.add("ReduceMean", squares, name=f"{name}/variance", **axes)
        std = self.add("Sqrt", variance, name=f"{name}/std")
        least = np.array((3 * size * size) ** -0.5)
        return self.add("Div", x, self.add("Max", std, least, name=f"{name}/floor"), name=name)

    def model(
        self, name: str, given: onnx.ValueInfoProto, made: onnx.ValueInfoProto
    ) -> onnx.ModelProto:
        """The whole graph, with its one input and its one output."""
        graph = helper.make_graph(self.nodes, name, [given], [made], self.arrays)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)


def planes(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """One value per channel, to be broadcast over NCHW."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)
