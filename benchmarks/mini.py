"""`mini` against MobileFaceNet on ONNX Runtime, which is what a user would run: crops per second.

    python benchmarks/mini.py MobileFaceNet.onnx

Theirs: the official file on ONNX Runtime, one face at a time as detectors give them, with its
preprocessing in NumPy. Ours: the shipped embedder, preprocessing inside, in batches and one by one.
They take turns; medians of the rounds after the first.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import onnxruntime

from knownface.embed.frozen import backbone_embedder
from knownface.networks.zoo import get_backbone

CROPS, ROUNDS = 320, 20
MEAN, STD = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])


def main(file: str) -> None:
    ours = backbone_embedder(get_backbone("mini"))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    crops = np.random.default_rng(0).integers(0, 256, (CROPS, 112, 112, 3), dtype=np.uint8)

    def theirs() -> None:
        for crop in crops:
            pixels = ((crop - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)
            session.run(None, {name: np.ascontiguousarray(pixels[None])})

    turns: dict[str, Callable[[], object]] = {
        "MobileFaceNet, ONNX Runtime": theirs,
        "mini, batches": lambda: ours.embed_raw(crops),
        "mini, one at a time": lambda: [ours.embed_raw(crop[None]) for crop in crops],
    }
    rates: dict[str, list[float]] = {turn: [] for turn in turns}
    for _ in range(ROUNDS):
        for turn, work in turns.items():
            start = time.perf_counter()
            work()
            rates[turn].append(CROPS / (time.perf_counter() - start))
    medians = {turn: statistics.median(values[1:]) for turn, values in rates.items()}
    base = next(iter(medians.values()))
    print(ours.device)
    for turn, rate in medians.items():
        print(f"{turn}: {rate:.0f} crops/s, {rate / base:.1f} times")


if __name__ == "__main__":
    main(sys.argv[1])
