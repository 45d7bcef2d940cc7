"""What an exported network is: in which format its file is, and what it computes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["onnx", "openvino", "litert"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]


@dataclass(frozen=True)
class Exported:
    """How a network that was made for deployment is to be run.

    format: `onnx` runs on ONNX Runtime, `openvino` (IR: .xml and .bin) on OpenVINO, `litert` on
        LiteRT, also where another could read the file: embeddings of two runtimes differ a little.
    precision: `fp16` are weights alone, computed with in float32; `bf16` is bfloat16 where the CPU
        has it and float32 elsewhere; what `int8` leaves as numbers with a point is float32.
    """

    format: Format
    precision: Precision
