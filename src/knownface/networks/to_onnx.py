"""The ONNX graph of a Keras backbone, written layer by layer.

Keras's own export copies every weight many times (50 s for an IResNet-50), fixes the batch size on
PyTorch, and needs TensorFlow on JAX; a backbone has few kinds of layers, and this is the same on
every backend. Imports Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from keras import layers
from onnx import TensorProto, helper

from knownface.errors import KnownfaceError
from knownface.files.onnx_nodes import Graph, planes, unit_length
from knownface.networks.layers import Normalise, ScaleShift
from knownface.networks.weight_onnx import normalise


def onnx_graph(model: keras.Model) -> onnx.ModelProto:
    """uint8 `crops` (n, size, size, 3) to float32 `embeddings` (n, d).

    Raises KnownfaceError naming a layer that has no rule here.
    """
    graph = Graph()
    names = {id(model.inputs[0]): "crops"}
    for layer in model.operations:
        if isinstance(layer, layers.InputLayer):
            continue
        write = next((rule for kind, rule in RULES.items() if type(layer) is kind), None)
        if write is None:
            raise KnownfaceError(
                f"{layer.name}: there is no rule to write a {type(layer).__name__} as ONNX; add "
                "one to knownface.networks.to_onnx.RULES"
            )
        sources = layer.input if isinstance(layer.input, list) else [layer.input]
        names[id(layer.output)] = write(graph, layer, *(names[id(tensor)] for tensor in sources))
    graph.nodes.append(
        helper.make_node("Identity", [names[id(model.outputs[0])]], ["embeddings"], "embeddings")
    )
    given, made = (
        helper.make_tensor_value_info(name, kind, ["n", *shape[1:]])
        for name, kind, shape in (
            ("crops", TensorProto.UINT8, model.input_shape),
            ("embeddings", TensorProto.FLOAT, model.output_shape),
        )
    )
    return graph.model(model.name, given, made)


# ---------------------------------------------------------------- rules
def _normalise(graph: Graph, layer: Normalise, x: str) -> str:
    return normalise(graph, x, layer.pixels, layer.input.shape[1], layer.name)


def _convolution(graph: Graph, layer: layers.Conv2D | layers.DepthwiseConv2D, x: str) -> str:
    kernel = _values(layer.kernel)
    if isinstance(layer, layers.DepthwiseConv2D):
        height, width, inner, multiplier = kernel.shape
        kernel, groups = kernel.reshape(height, width, 1, inner * multiplier), inner
    else:
        groups = layer.groups
    inputs = [kernel.transpose(3, 2, 0, 1)] + ([_values(layer.bias)] if layer.use_bias else [])
    padding = _padding(layer.padding, layer.input.shape, layer.kernel_size, layer.strides)
    attributes = {"strides": layer.strides, "pads": padding, "group": groups}
    attributes["dilations"] = layer.dilation_rate
    x = graph.add("Conv", x, *inputs, name=layer.name, **attributes)
    return _activation(graph, layer, x)


def _padding(
    mode: str, shape: Sequence[int], kernel: Sequence[int], strides: Sequence[int]
) -> list[int]:
    """Zeros before and after, as TensorFlow's `same` counts them: [top, left, bottom, right]."""
    if mode == "valid":
        return [0, 0, 0, 0]
    sizes = zip(shape[1:3], kernel, strides, strict=True)
    total = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k, stride in sizes]
    return [t // 2 for t in total] + [t - t // 2 for t in total]


def _zero_padding(graph: Graph, layer: layers.ZeroPadding2D, x: str) -> str:
    (top, bottom), (left, right) = layer.padding
    pads = np.array([0, 0, top, left, 0, 0, bottom, right])
    return graph.add("Pad", x, pads, name=layer.name)


def _dense(graph: Graph, layer: layers.Dense, x: str) -> str:
    bias = [_values(layer.bias)] if layer.use_bias else []
    x = graph.add("Gemm", x, _values(layer.kernel), *bias, name=layer.name)
    return _activation(graph, layer, x)


def _unit_length(graph: Graph, layer: layers.UnitNormalization, x: str) -> str:
    return unit_length(graph, x, layer.name)


def _activation(graph: Graph, layer: keras.Layer, x: str) -> str:
    kind = layer.activation.__name__
    if kind == "linear":
        return x
    known = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}
    if kind not in known:
        raise KnownfaceError(f"{layer.name}: there is no rule to write activation {kind} as ONNX")
    return graph.add(known[kind], x, name=f"{layer.name}/{kind}")


def _relu(graph: Graph, layer: layers.ReLU, x: str) -> str:
    if layer.max_value is None:
        return graph.add("Relu", x, name=layer.name)
    return graph.add("Clip", x, np.array(0.0), np.array(float(layer.max_value)), name=layer.name)


def _prelu(graph: Graph, layer: layers.PReLU, x: str) -> str:
    return graph.add("PRelu", x, _values(layer.alpha).transpose(2, 0, 1), name=layer.name)


def _scale_shift(graph: Graph, layer: ScaleShift, x: str) -> str:
    x = graph.add("Mul", x, planes(_values(layer.scale)), name=f"{layer.name}/scaled")
    return graph.add("Add", x, planes(_values(layer.shift)), name=layer.name)


def _max_pooling(graph: Graph, layer: layers.MaxPooling2D, x: str) -> str:
    padding = _padding(layer.padding, layer.input.shape, layer.pool_size, layer.strides)
    attributes = {"kernel_shape": layer.pool_size, "strides": layer.strides, "pads": padding}
    return graph.add("MaxPool", x, name=layer.name, **attributes)


def _average(graph: Graph, layer: layers.GlobalAveragePooling2D, x: str) -> str:
    x = graph.add("GlobalAveragePool", x, name=layer.name)
    return x if layer.keepdims else graph.add("Flatten", x, name=f"{layer.name}/flat")


def _flatten(graph: Graph, layer: layers.Flatten, x: str) -> str:
    x = graph.add("Transpose", x, name=f"{layer.name}/nhwc", perm=[0, 2, 3, 1])
    return graph.add("Flatten", x, name=layer.name)


def _merged(op: str, **attributes: Any) -> Callable[..., str]:
    def write(graph: Graph, layer: keras.Layer, *inputs: str) -> str:
        return graph.add(op, *inputs, name=layer.name, **attributes)

    return write


def _same(graph: Graph, layer: keras.Layer, x: str) -> str:
    return x


def _values(variable: keras.Variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))


RULES: dict[type, Callable[..., str]] = {
    Normalise: _normalise,
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _convolution,
    layers.ZeroPadding2D: _zero_padding,
    layers.Dense: _dense,
    layers.UnitNormalization: _unit_length,
    layers.Activation: _activation,
    layers.ReLU: _relu,
    layers.PReLU: _prelu,
    ScaleShift: _scale_shift,
    layers.MaxPooling2D: _max_pooling,
    layers.GlobalAveragePooling2D: _average,
    layers.Flatten: _flatten,
    layers.Add: _merged("Sum"),
    layers.Multiply: _merged("Mul"),
    layers.Concatenate: _merged("Concat", axis=1),
    layers.Dropout: _same,
}


def export_onnx(model: keras.Model, path: Path) -> None:
    """Write a Keras backbone as ONNX: uint8 `crops` (n, size, size, 3) to float32 (n, d)."""
    onnx.save(onnx_graph(model), path)
