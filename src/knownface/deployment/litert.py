"""LiteRT by Keras' own export.

Measured against `ai-edge-quantizer`, which needs a package more, on the same calibration: int8 of
MobileFaceNet agrees with float32 to a cosine of 0.993 (worst 0.985) against 0.991 (0.984), of mini
0.9975 (0.994) against 0.992 (0.966), at the same size and speed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from knownface.deployment.quantise import CALIBRATION
from knownface.errors import KnownfaceError
from knownface.runtime.exported import Precision
from knownface.runtime.silence import silence


def write_litert(source: Path, precision: Precision, folder: Path, crops: np.ndarray) -> Path:
    """Write a recogniser's Keras network; crops (n, size, size, 3) of training calibrate int8.

    source: `embedder.keras`. uint8 crops in, float32 embeddings out, in every precision.
    """
    import knownface.networks.layers  # noqa: F401 - imports Keras quietly

    if not source.is_file():
        raise KnownfaceError(
            f"{source}: needed for LiteRT, and not there; copy the run again, or train again"
        )
    import keras

    if keras.backend.backend() != "tensorflow":
        raise KnownfaceError(
            f"LiteRT is written with TensorFlow, and Keras runs on {keras.backend.backend()}; set "
            "KERAS_BACKEND=tensorflow"
        )
    import tensorflow as tf

    options: dict[str, Any] = {}
    if precision != "fp32":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        options["target_spec"] = {"supported_types": [tf.float16]}
    if precision == "int8":
        options["representative_dataset"] = lambda: ([crop[None]] for crop in crops[:CALIBRATION])
    path = folder / "embedder.tflite"
    with silence():
        model = keras.models.load_model(source)
        model.export(path, format="litert", verbose=False, **options)
    return path
