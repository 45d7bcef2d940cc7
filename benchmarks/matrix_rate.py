"""How much of a processor's matrix-product rate embedding reaches, and ONNX Runtime beside it.

    python benchmarks/matrix_rate.py [BACKBONE ...] [--processors 1]

In the precision that `auto` takes here: bfloat16 where the processor has instructions for it. The
rate is the best of OpenVINO's products of two matrices of 4,096 and of 1,024 rows and columns, the
second one known beforehand, as weights are, and of PyTorch's where it is installed; NumPy's is
float32. Networks have random weights, batches of 8, and count as their multiply-adds, twice; ONNX
Runtime has the same files, in float32. The whole process is bound to as many processors as are
asked for; everything takes turns, medians count.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from knownface.embed.embedder import Embedder
from knownface.networks.load import load_backbone
from knownface.networks.to_onnx import export_onnx
from knownface.networks.zoo import get_backbone

SIDES, BATCH, ROUNDS, SECONDS = (4096, 1024), 8, 5, 0.5
NETWORKS = ("vggface2", "arcface", "mobilefacenet", "mini")


def products(bfloat16: bool, count: int) -> dict[Any, Callable[[], object]]:
    """Of two matrices, by who computes it and how many rows and columns they have."""
    made = {("OpenVINO", side): openvino_product(bfloat16, count, side) for side in SIDES}
    if importlib.util.find_spec("torch"):
        made |= {("PyTorch", side): torch_product(bfloat16, count, side) for side in SIDES}
    first = np.random.default_rng(0).normal(size=(SIDES[0],) * 2).astype(np.float32)
    return made | {("NumPy", SIDES[0]): partial(np.matmul, first, first)}


def openvino_product(bfloat16: bool, count: int, side: int) -> Callable[[], object]:
    import openvino
    from openvino import opset13 as ops

    first, second = np.random.default_rng(0).normal(size=(2, side, side)).astype(np.float32)
    given = ops.parameter([side, side], np.float32)
    model = openvino.Model([ops.matmul(given, ops.constant(second), False, False)], [given])
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
        "INFERENCE_NUM_THREADS": count,
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    request, inputs = compiled.create_infer_request(), openvino.Tensor(first)
    return lambda: request.infer([inputs], share_inputs=True, share_outputs=True)


def torch_product(bfloat16: bool, count: int, side: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(count)
    first = torch.randn(side, side, dtype=torch.bfloat16 if bfloat16 else torch.float32)
    return lambda: first @ first


def onnx_runtime(path: Path, crops: np.ndarray, count: int) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = count
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: crops})


def multiply_adds(model: Any) -> int:
    """Of one crop, in layers that have a kernel."""
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    places = [int(np.prod(layer.output.shape[1:-1])) for layer in layers]
    return sum(int(np.prod(x.kernel.shape)) * n for x, n in zip(layers, places, strict=True))


def medians(work: dict[Any, Callable[[], object]]) -> dict[Any, float]:
    """Seconds of each, in turns."""
    times: dict[Any, list[float]] = {name: [] for name in work}
    for run in work.values():
        run()
    for _ in range(ROUNDS):
        for name, run in work.items():
            start, count = time.perf_counter(), 0
            while time.perf_counter() - start < SECONDS:
                run()
                count += 1
            times[name].append((time.perf_counter() - start) / count)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--processors", type=int, default=1)
    asked = parser.parse_args()
    count = asked.processors
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    for name in asked.networks:
        with tempfile.TemporaryDirectory() as work:
            path, size = Path(work) / "network.onnx", get_backbone(name).crop.size
            model = load_backbone(name, "none")
            export_onnx(model, path)
            rng = np.random.default_rng(0)
            crops = rng.integers(0, 256, (BATCH * count, size, size, 3), dtype=np.uint8)
            embedder = Embedder(path)
            matrices = products("bfloat16" in embedder.device, count)
            networks: dict[Any, Callable[[], object]] = {
                "ours": partial(embedder.embed_raw, crops),
                "theirs": onnx_runtime(path, crops, count),
            }
            seconds = medians(matrices | networks)
        arithmetic = 2 * multiply_adds(model) * len(crops)
        rates = {key: 2 * key[1] ** 3 / seconds[key] / 1e9 for key in matrices}
        best = max(rates.values())
        ours, theirs = (arithmetic / seconds[each] / 1e9 for each in networks)
        print(
            f"{name}: {len(crops) / seconds['ours']:.1f} crops/s on {embedder.device}, {ours:.0f} "
            f"GFLOP/s = {ours / best:.2f} of the best product's, {ours / theirs:.2f} times ONNX "
            f"Runtime's {theirs:.0f}; products: "
            + ", ".join(f"{who} {side} {rate:.0f}" for (who, side), rate in rates.items()),
            flush=True,
        )


if __name__ == "__main__":
    main()
