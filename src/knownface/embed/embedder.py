"""Turning face crops into embeddings with an ONNX file, without Keras."""

from __future__ import annotations

import importlib.metadata
import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.rows import Rows
from knownface.options import Device, Precision, argument, checked
from knownface.progress import Track, silent

log = logging.getLogger(__name__)

BATCH = 32  # crops per inference request; larger ones gain nothing on a CPU


class _Runtime(Protocol):
    """What both runtimes offer."""

    description: str

    def run(self, crops: np.ndarray) -> np.ndarray: ...


class Embedder:
    """An ONNX network on a device: uint8 RGB crops (n, size, size, 3) to unit-length (n, d).

    device: `auto` and `cpu` run OpenVINO; `cuda` and `coreml` run ONNX Runtime. A device that is
        not there is an error, never a silent fallback.
    precision: `auto` lets the CPU compute in bfloat16 where it can do that natively; `bfloat16`
        is an error where it cannot, and on other devices.
    """

    def __init__(self, path: Path, device: str = "auto", precision: Precision = "auto") -> None:
        self.path = path
        checked("device", Device, device)
        if device in ("auto", "cpu"):
            self._runtime: _Runtime = _OpenVino(path, precision)
        else:
            self._runtime = _OnnxRuntime(path, device, precision)
        self.device = self._runtime.description

    def embed(
        self, crops: Rows, track: Track = silent, description: str = "Embedding"
    ) -> np.ndarray:
        """Unit-length float32 embeddings (n, d) of uint8 crops (n, size, size, 3)."""
        raw = self.embed_raw(crops, track, description)
        norms = np.linalg.norm(raw, axis=1, keepdims=True)
        if not np.isfinite(norms).all():
            raise KnownfaceError(
                f"{self.path}: the network gave embeddings that are not finite numbers; its "
                "weights are damaged, train or fetch them again"
            )
        return np.asarray(raw / np.maximum(norms, 1e-12))

    def embed_raw(
        self, crops: Rows, track: Track = silent, description: str = "Embedding"
    ) -> np.ndarray:
        """The network's own output (n, d), float32, not normalised."""
        starts = range(0, len(crops), BATCH) or (0,)
        batches = track(starts, description, len(starts))
        return np.concatenate(
            [self._runtime.run(np.asarray(crops[i : i + BATCH])) for i in batches]
        )


class _OpenVino:
    def __init__(self, path: Path, precision: Precision) -> None:
        import openvino

        core = openvino.Core()
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bfloat16" and not native:
            raise KnownfaceError(
                "This CPU has no instructions for bfloat16, in which networks should run; let them "
                "run in precision auto or float32"
            )
        kind = "bf16" if native and precision != "float32" else "f32"
        settings["INFERENCE_PRECISION_HINT"] = kind
        try:
            model = core.read_model(path)
            self._width = int(model.output(0).partial_shape[1].get_length())
            self._model = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise KnownfaceError(f"{path}: {_first_line(error)}") from None
        version = importlib.metadata.version("openvino")
        self.description = (
            f"CPU (OpenVINO {version}, {'bfloat16' if kind == 'bf16' else 'float32'})"
        )

    def run(self, crops: np.ndarray) -> np.ndarray:
        if not len(crops):
            return np.zeros((0, self._width), np.float32)
        return np.array(self._model(np.ascontiguousarray(crops))[0], np.float32)


PROVIDERS = {"cuda": "CUDAExecutionProvider", "coreml": "CoreMLExecutionProvider"}


class _OnnxRuntime:
    def __init__(self, path: Path, device: str, precision: Precision) -> None:
        import onnxruntime

        if precision == "bfloat16":
            raise KnownfaceError(
                f"Networks run in float32 on device {device}, not in bfloat16; let them run in "
                "precision auto or float32, or on device cpu"
            )
        provider = PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise KnownfaceError(
                f"{argument('device', device)}: this machine's ONNX Runtime has no {provider}; use "
                f"{argument('device', 'cpu')}, or install the ONNX Runtime build for that device"
            )
        try:
            self._session = onnxruntime.InferenceSession(str(path), providers=[provider])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors share no public base
            raise KnownfaceError(f"{path}: {_first_line(error)}") from None
        if provider not in self._session.get_providers():
            raise KnownfaceError(
                f"{argument('device', device)}: {provider} could not start on this machine; use "
                f"{argument('device', 'cpu')}"
            )
        self._width = int(self._session.get_outputs()[0].shape[1])
        self._input = self._session.get_inputs()[0].name
        self.description = f"{device.upper()} (ONNX Runtime {onnxruntime.__version__}, float32)"

    def run(self, crops: np.ndarray) -> np.ndarray:
        if not len(crops):
            return np.zeros((0, self._width), np.float32)
        return np.asarray(self._session.run(None, {self._input: crops})[0], np.float32)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"not a network that can be run ({lines[-1] if lines else type(error).__name__})"
