"""Names the faces of photos with ONNX Runtime.

pip install onnxruntime opencv-python-headless
python onnx_names.py EXPORT PHOTO...
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from faces import Embed, main

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or its maker is told that it is used
import onnxruntime


def start(export: Path) -> Embed:
    network = onnxruntime.InferenceSession(
        export / "embedder.onnx", providers=["CPUExecutionProvider"]
    )
    name = network.get_inputs()[0].name

    def embed(crops: np.ndarray) -> np.ndarray:
        return network.run(None, {name: crops})[0]

    return embed


if __name__ == "__main__":
    main(start)
