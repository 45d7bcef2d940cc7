"""int8: which numbers a network has between its layers is found on the user's training crops."""

from __future__ import annotations

import io
import logging
import shutil
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from knownface.embed.embedder import Embedder
from knownface.runtime.exported import Exported
from knownface.stats.vectors import cosines

log = logging.getLogger(__name__)

TOGETHER = 32  # crops that calibrate at once
CALIBRATION, CHECK = 300, 300  # crops: NNCF's own number, and as many to choose between two ways
# Weights of 7 bits for ONNX Runtime: sums of 8 bits overflow, silently, on CPUs without VNNI. With
# every layer in int8 they took mini from a DIR of 0.775 to 0.394 there, and 7 bits lost nothing.
REDUCED = True
SUMS = ("Convolution", "GroupConvolution", "MatMul", "Conv", "Gemm")


def write_quantised(
    source: Path, exported: Exported, folder: Path, crops: np.ndarray, wanted: np.ndarray
) -> tuple[Path, str]:
    """Write a recogniser's ONNX network in int8; the file, and which layers stayed in float32.

    crops: (n, size, size, 3) of training photos, in no order; wanted: their float32 embeddings. A
    first part calibrates, and on what comes after it is measured whether the first and the last
    layer are better left in float32 (of mini and MobileFaceNet: docs/export.md).
    """
    check = slice(CALIBRATION, CALIBRATION + CHECK) if len(crops) > CALIBRATION else slice(None)
    best: tuple[float, Path, str] | None = None
    for name, words in (("all", "none"), ("ends", "the first and the last")):
        place = folder / name
        place.mkdir()
        path = _quantised(source, exported, place, crops[:CALIBRATION], ends=name == "ends")
        found = Embedder(path, exported=exported).embed(crops[check])
        mean = float(cosines(found, wanted[check]).mean())
        log.debug("int8, float32 layers: %s: mean cosine %.4f", words, mean)
        if best is None or mean > best[0]:
            best = mean, path, words
    assert best
    for file in best[1].parent.iterdir():
        shutil.move(file, folder / file.name)
    for name in ("all", "ends"):
        shutil.rmtree(folder / name)
    return folder / best[1].name, best[2]


def _quantised(
    source: Path, exported: Exported, folder: Path, crops: np.ndarray, ends: bool
) -> Path:
    write = _with_nncf if exported.format == "openvino" else _with_onnx_runtime
    with redirect_stdout(io.StringIO()):  # NNCF draws its progress there, where documents may go
        return write(source, folder, crops, ends)


def _with_nncf(source: Path, folder: Path, crops: np.ndarray, ends: bool) -> Path:
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    model = openvino.Core().read_model(source.read_bytes())
    layers = [(op.get_type_name(), op.get_friendly_name()) for op in model.get_ordered_ops()]
    samples = nncf.Dataset([crop[None] for crop in crops])
    scope = nncf.IgnoredScope(names=_ends(layers) if ends else [])
    made = nncf.quantize(model, samples, subset_size=len(crops), ignored_scope=scope)
    path = folder / "embedder.xml"
    openvino.save_model(made, path, compress_to_fp16=False)
    return path


def _with_onnx_runtime(source: Path, folder: Path, crops: np.ndarray, ends: bool) -> Path:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ready, path = folder / "ready.onnx", folder / "embedder.onnx"
        quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
        graph = onnx.load(ready).graph
        named = graph.input[0].name
        parts = iter([{named: crops[i : i + TOGETHER]} for i in range(0, len(crops), TOGETHER)])

        class Crops(quantization.CalibrationDataReader):
            def get_next(self) -> dict[str, np.ndarray] | None:
                return next(parts, None)

        quantization.quantize_static(
            str(ready), str(path), Crops(), per_channel=True, reduce_range=REDUCED,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=_ends([(each.op_type, each.name) for each in graph.node])
            if ends else [],
        )  # fmt: skip
    ready.unlink()
    return path


def _ends(layers: Sequence[tuple[str, str]]) -> list[str]:
    """The names of the first and the last layer that sums, of kinds and names in their order."""
    names = [name for kind, name in layers if kind in SUMS]
    return [names[0], names[-1]]
