"""Images per second of a backbone's embedder against what its users run today, in one process.

    KNOWNFACE_WEIGHTS=FOLDER python benchmarks/embed.py

The contenders take turns, so that a drifting machine slows all of them alike; the medians count.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import onnxruntime

from knownface.backbones import get_backbone, locate_weights
from knownface.export import backbone_embedder

IMAGES, ROUNDS = 64, 7


def main() -> None:
    backbone = get_backbone("mobilefacenet")
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (IMAGES, *(backbone.crop.size,) * 2, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(locate_weights(backbone)))
    pixels = backbone.format_of(None).pixels
    scaled = ((crops - np.array(pixels.mean)) / np.array(pixels.std)).astype("f4")
    planes = np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
    exact = backbone_embedder(backbone, precision="float32")
    fast = backbone_embedder(backbone)
    contenders: dict[str, Callable[[], object]] = {
        "official file, ONNX Runtime": lambda: [
            session.run(None, {"input0": p[None]}) for p in planes
        ],
        f"ours, one at a time, {exact.device}": lambda: [exact.embed(c[None]) for c in crops],
        f"ours, {exact.device}": lambda: exact.embed(crops),
        f"ours, {fast.device}": lambda: fast.embed(crops),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(taken[1:]) for name, taken in seconds.items()}
    slowest = medians["official file, ONNX Runtime"]
    for name, median in medians.items():
        print(f"{IMAGES / median:8.0f} images/s  {slowest / median:5.2f} x  {name}")


if __name__ == "__main__":
    main()
