"""The three networks of MTCNN on ONNX Runtime, with the weights inside the `mtcnn` package.

The package is only read, never imported: importing it imports TensorFlow.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from knownface.files.download import WeightError


@dataclass(frozen=True)
class Network:
    """One of the three networks and its file in the package.

    blocks: (kernel, channels, pooling) of each convolution with PReLU; pooling is the side of the
        window, moved by 2, or 0 for none.
    dense: width of the layer between the last 3 x 3 map and the heads; 0 for none.
    heads: how many numbers: box, landmarks where there are any, not a face and face.
    """

    file: str
    sha256: str
    blocks: tuple[tuple[int, int, int], ...]
    dense: int
    heads: tuple[int, ...]

    def shapes(self) -> Iterator[tuple[int, ...]]:
        """Of every array, in the order of the file: kernel, bias, slope of PReLU."""
        inner = 3
        for kernel, channels, _ in self.blocks:
            yield from ((kernel, kernel, inner, channels), (channels,), (1, 1, channels))
            inner = channels
        if self.dense:
            yield from ((9 * inner, self.dense), (self.dense,), (self.dense,))
            inner = self.dense
        for numbers in self.heads:
            yield from ((inner, numbers) if self.dense else (1, 1, inner, numbers), (numbers,))


PROPOSAL = Network(
    "pnet.lz4",
    "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    ((3, 10, 2), (3, 16, 0), (3, 32, 0)),
    0,
    (4, 2),
)
REFINEMENT = Network(
    "rnet.lz4",
    "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    ((3, 28, 3), (3, 48, 3), (2, 64, 0)),
    128,
    (4, 2),
)
OUTPUT = Network(
    "onet.lz4",
    "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
    ((3, 32, 3), (3, 64, 3), (3, 64, 2), (2, 128, 0)),
    256,
    (4, 10, 2),
)


def read_arrays(network: Network) -> list[np.ndarray]:
    """The float32 arrays of a network; raises WeightError.

    joblib stores a list of arrays as a pickle with their bytes in between. The pickle is not
    executed: its opcodes are only listed, to see where each array begins.
    """
    import lz4.frame

    path, data = _package_file(network.file)
    if hashlib.sha256(data).hexdigest() != network.sha256:
        raise WeightError(
            f"{path}: not the weights of mtcnn 1.0.0; pip install --force-reinstall mtcnn==1.0.0"
        )
    stream = BytesIO(lz4.frame.decompress(data))
    arrays, before = [], ""
    shapes = network.shapes()
    for opcode, _, _ in pickletools.genops(stream):
        if (before, opcode.name) == ("SETITEMS", "BUILD"):  # the end of an array's description
            shape = next(shapes)
            stream.seek(stream.read(1)[0], 1)  # padding, which aligns the array
            arrays.append(np.frombuffer(stream.read(4 * prod(shape)), "<f4").reshape(shape))
        before = opcode.name
    return arrays


def _package_file(name: str) -> tuple[Path, bytes]:
    try:
        package = importlib.metadata.distribution("mtcnn")
        path = Path(str(package.locate_file(f"mtcnn/assets/weights/{name}")))
        return path, path.read_bytes()
    except (importlib.metadata.PackageNotFoundError, OSError):
        raise WeightError(
            f"the MTCNN detector needs {name} of the mtcnn package; pip install mtcnn==1.0.0"
        ) from None


@cache
def load_network(network: Network, process: int) -> Any:
    """The network on ONNX Runtime: (n, h, w, 3) float32 in [-1, 1] to (n, ..., heads).

    The last number is the logit of a face: softmax over two classes is the sigmoid of their
    difference. One thread each, because photos are the parallel work; it may be called from any.
    process: whose it is, since a forked one must not use its parent's. Raises WeightError.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(_onnx(network), options, providers=["CPUExecutionProvider"])


def _onnx(network: Network) -> bytes:
    from onnx import TensorProto, helper

    from knownface.files.onnx_nodes import Graph

    graph, arrays = Graph(), iter(read_arrays(network))

    def prelu(x: str, slopes: np.ndarray) -> str:
        """PReLU from faster parts: ONNX Runtime's own makes the first network 1.5 times slower."""
        negative = graph.add("Mul", graph.add("Min", x, np.zeros(())), slopes)
        return graph.add("Add", graph.add("Relu", x), negative)

    x = graph.add("Transpose", "images", perm=[0, 3, 1, 2])
    for _, _, pooling in network.blocks:
        x = graph.add("Conv", x, next(arrays).transpose(3, 2, 0, 1), next(arrays))
        x = prelu(x, next(arrays).transpose(2, 0, 1))
        if pooling:
            side = [pooling] * 2
            x = graph.add("MaxPool", x, kernel_shape=side, strides=[2, 2], ceil_mode=1)
    # The dense layer sees the map column by column.
    x = graph.add("Transpose", x, perm=[0, 3, 2, 1] if network.dense else [0, 2, 3, 1])
    if network.dense:
        x = graph.add("Gemm", graph.add("Flatten", x), next(arrays), next(arrays))
        x = prelu(x, next(arrays))
    heads = list(arrays)
    kernels, biases = [head.reshape(-1, head.shape[-1]) for head in heads[::2]], heads[1::2]
    kernels[-1], biases[-1] = np.diff(kernels[-1]), np.diff(biases[-1])
    x = graph.add("MatMul", x, np.concatenate(kernels, axis=1))
    x = graph.add("Add", x, np.concatenate(biases))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", "h", "w", 3])
    found = helper.make_tensor_value_info(x, TensorProto.FLOAT, None)
    return bytes(graph.model(network.file, images, found).SerializeToString())
