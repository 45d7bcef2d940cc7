"""Exported networks beside each other: size, processor time of a face, and what each one loses.

    python benchmarks/export.py --times runs/people runs/mini vggface2 arcface --exports runs/people

`--times`: a run, or a backbone with random weights, which compute as long as real ones, in each
precision: batches of 8 crops, in turns, medians of five. `--exports`: the two lines of every format
and precision, or why it was refused; also with weights of 8 bits for ONNX Runtime, and calibrated
on nothing but black. Needs `pip install '.[train,export]'`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import knownface
from knownface.deployment import quantise
from knownface.deployment.formats import PRECISIONS, write_network
from knownface.embed.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.runtime.exported import Exported

ROUNDS, CROPS, CALIBRATION = 5, 8, 32
TIMED = [("onnx", "fp32"), ("onnx", "int8")]
TIMED += [("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8")]


def lines_of(run: Path, format: str, precision: str, place: Path) -> None:
    try:
        made = knownface.export(run, format=format, precision=precision, out=place)  # type: ignore[arg-type]
        print(f"{run.name}:", *made.comparison.lines(), sep="\n  ", flush=True)
    except KnownfaceError as error:
        print(f"{run.name}: {error}", flush=True)


def refused(run: Path, place: Path) -> None:
    """What bad exports come to."""
    eight, seven = quantise.REDUCED, quantise.write_quantised
    print("weights of 8 bits, ONNX Runtime:")
    quantise.REDUCED = False
    lines_of(run, "onnx", "int8", place / "eight")
    quantise.REDUCED = eight
    print("calibrated on black:")
    quantise.write_quantised = lambda source, exported, folder, crops, wanted: seven(  # type: ignore[assignment]
        source, exported, folder, np.zeros_like(crops), wanted
    )
    lines_of(run, "openvino", "int8", place / "black")
    quantise.write_quantised = seven


def timed(name: str, source: Path, place: Path) -> None:
    """Milliseconds of processor time per face, and megabytes."""
    from onnx import load

    size = load(source).graph.input[0].type.tensor_type.shape.dim[1].dim_value
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (CALIBRATION, 14, 14, 3), np.uint8)
    crops = np.stack([cv2.resize(crop, (size, size)) for crop in small])
    wanted = Embedder(source, "cpu", "float32").embed(crops)
    embedders: list[Embedder] = []
    for format, precision in TIMED:
        exported, folder = Exported(format, precision), place / f"{name}-{format}-{precision}"  # type: ignore[arg-type]
        folder.mkdir()
        if precision == "int8":
            path, _ = quantise.write_quantised(source, exported, folder, crops, wanted)
        else:
            path = write_network(source, exported, folder)
        embedders.append(Embedder(path, "cpu", exported=exported))
    times: list[list[float]] = [[] for _ in embedders]
    for turn in range(ROUNDS + 1):
        for embedder, seconds in zip(embedders, times, strict=True):
            start = time.process_time()
            embedder.embed(crops[:CROPS])
            embedder.embed(crops[-CROPS:])
            if turn:  # the first one warms up
                seconds.append((time.process_time() - start) / 2 / CROPS * 1000)
    for (format, precision), embedder, seconds in zip(TIMED, embedders, times, strict=True):
        megabytes = sum(file.stat().st_size for file in embedder.files) / 1e6
        ms = statistics.median(seconds)
        print(f"{name} {format} {precision}: {ms:.2f} ms, {megabytes:.2f} MB", flush=True)


def random_network(name: str, path: Path) -> Path:
    import knownface.networks.layers  # noqa: F401 - imports Keras quietly
    from knownface.networks.load import build_backbone
    from knownface.networks.to_onnx import export_onnx
    from knownface.networks.zoo import get_backbone

    export_onnx(build_backbone(get_backbone(name), None), path)
    return path


def source_of(given: str, folder: Path) -> Path:
    """The network of a run, or a backbone with random weights."""
    run = Path(given) / "recognizer" / "embedder.onnx"
    return run if run.is_file() else random_network(given, folder / f"{given}.onnx")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", nargs="*", default=[], metavar="RUN_OR_BACKBONE")
    parser.add_argument("--exports", nargs="*", default=[], metavar="RUN")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in given.times:
            timed(Path(name).name, source_of(name, folder), folder)
        for run in map(Path, given.exports):
            for format, precisions in PRECISIONS.items():
                for precision in precisions:
                    lines_of(run, format, precision, folder / f"{run.name}-{format}-{precision}")
            refused(run, folder / run.name)
