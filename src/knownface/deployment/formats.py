"""In which formats and precisions a network can be written, and how."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from knownface.errors import KnownfaceError
from knownface.options import argument, either
from knownface.runtime.exported import Exported

# What each format can hold. ONNX Runtime has no bfloat16 on CPUs, and LiteRT neither.
PRECISIONS = {
    "onnx": ("fp32", "fp16", "int8"),
    "openvino": ("fp32", "bf16", "fp16", "int8"),
    "litert": ("fp32", "fp16", "int8"),
}
# Packages that writing needs besides those that recognising needs, and in which extra they are.
NEEDED = {
    ("openvino", "int8"): ("nncf",),
    ("litert", "fp32"): ("keras", "tensorflow", "ai_edge_litert"),
    ("litert", "fp16"): ("keras", "tensorflow", "ai_edge_litert"),
    ("litert", "int8"): ("keras", "tensorflow", "ai_edge_litert"),
}
SMALL = 64  # numbers of an array that are not worth making smaller


def check_possible(exported: Exported) -> None:
    """KnownfaceError for a pair that no runtime has, or a package that is not installed."""
    format, precision = exported.format, exported.precision
    if precision not in PRECISIONS[format]:
        others = [name for name, known in PRECISIONS.items() if precision in known]
        raise KnownfaceError(
            f"{argument('precision', precision)}: not in format {format}, which has "
            f"{either(PRECISIONS[format])}; {precision} is in {either(others)}"
        )
    missing = [name for name in NEEDED.get((format, precision), ()) if not find_spec(name)]
    if missing:
        extras = "train,export" if "keras" in missing or "tensorflow" in missing else "export"
        raise KnownfaceError(
            f"Export to {format} in {precision} needs {missing[0].replace('_', '-')}, which is not "
            f'installed; pip install "knownface[{extras}]"'
        )


def write_network(source: Path, exported: Exported, folder: Path) -> Path:
    """Write a recogniser's ONNX network for ONNX Runtime or OpenVINO, but for int8; the file.

    Of OpenVINO the .xml, beside which the .bin lies. folder: an empty one.
    """
    if exported.format == "onnx":
        path = folder / "embedder.onnx"
        shutil.copyfile(source, path) if exported.precision == "fp32" else _half(source, path)
        return path
    import openvino

    path = folder / "embedder.xml"
    model = openvino.Core().read_model(source.read_bytes())
    openvino.save_model(model, path, compress_to_fp16=exported.precision != "fp32")
    return path


def _half(source: Path, path: Path) -> None:
    """Weights in float16, which become float32 as the network is loaded: half the file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(source)
    graph = model.graph
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
        graph.node.insert(
            0,
            helper.make_node(
                "Cast", [f"{name}/half"], [name], f"{name}/cast", to=TensorProto.FLOAT
            ),
        )
    onnx.save(model, path)
