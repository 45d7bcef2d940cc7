"""int8: which numbers a network has between its layers is found on the user's training crops."""

from __future__ import annotations

import io
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from knownface.embed.embedder import Embedder
from knownface.runtime.exported import Exported
from knownface.stats.vectors import cosines

log = logging.getLogger(__name__)

CALIBRATION, CHECK = 300, 300  # crops: NNCF's own number, and as many to choose between two ways
SUMS = ("Convolution", "GroupConvolution", "MatMul", "Conv", "Gemm")


def write_quantised(
    source: Path, exported: Exported, folder: Path, crops: np.ndarray, wanted: np.ndarray
) -> tuple[Path, str]:
    """Write a recogniser's ONNX network in int8; the file, and which layers stayed in float32.

    crops: (n, size, size, 3) of training photos, in no order; wanted: their float32 embeddings. A
    first part calibrates, and on what comes after it is measured whether the first and the last
    layer are better left in float32 (of MobileFaceNet not, of mini yes: see docs/export.md).
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
    with _quiet():
        import nncf

        nncf.set_log_level(logging.ERROR)
        model, samples, summing = _opened(source, exported, crops)
        scope = nncf.IgnoredScope(names=[summing[0], summing[-1]] if ends else [])
        made = nncf.quantize(
            model, nncf.Dataset(samples), subset_size=len(crops), ignored_scope=scope
        )
        if exported.format == "openvino":
            import openvino

            openvino.save_model(made, folder / "embedder.xml", compress_to_fp16=False)
            return folder / "embedder.xml"
        import onnx

        onnx.save(made, folder / "embedder.onnx")
        return folder / "embedder.onnx"


def _opened(source: Path, exported: Exported, crops: np.ndarray) -> tuple[Any, list[Any], list[str]]:
    """The network as NNCF takes it, one crop after the other, and its summing layers in order."""
    if exported.format == "openvino":
        import openvino

        model = openvino.Core().read_model(source.read_bytes())
        layers = [(op.get_type_name(), op.get_friendly_name()) for op in model.get_ordered_ops()]
        samples: list[Any] = [crop[None] for crop in crops]
    else:
        import onnx

        model = onnx.load(source)
        layers = [(node.op_type, node.name) for node in model.graph.node]
        samples = [{model.graph.input[0].name: crop[None]} for crop in crops]
    return model, samples, [name for kind, name in layers if kind in SUMS]


@contextmanager
def _quiet() -> Iterator[None]:
    """NNCF draws its progress on the standard output, where documents may go."""
    with redirect_stdout(io.StringIO()):
        yield
