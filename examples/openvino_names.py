"""Names the faces of photos with OpenVINO.

pip install openvino opencv-python-headless
python openvino_names.py EXPORT PHOTO...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from faces import Embed, main

sys.modules["openvino_telemetry"] = None  # or its maker is told that it is used
import openvino  # noqa: E402


def start(export: Path) -> Embed:
    """It computes in what it was exported for: bfloat16 where the CPU has it, else float32."""
    record = json.loads((export / "recognizer.json").read_text(encoding="utf-8"))
    core = openvino.Core()
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    small = native and record["exported"]["precision"] == "bf16"
    settings = {"INFERENCE_PRECISION_HINT": "bf16" if small else "f32"}
    network = core.compile_model(export / "embedder.xml", "CPU", settings)

    def embed(crops: np.ndarray) -> np.ndarray:
        return network(crops)[0]

    return embed


if __name__ == "__main__":
    main(start)
