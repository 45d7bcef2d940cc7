"""What runs a network: OpenVINO on a CPU, ONNX Runtime on other devices; exports on their own."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from queue import LifoQueue
from threading import Lock
from typing import Any, Protocol

import numpy as np

from knownface.errors import KnownfaceError
from knownface.options import Precision, argument
from knownface.runtime.exported import Exported
from knownface.runtime.silence import silence

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}


class Runtime(Protocol):
    """A compiled network: an array to its outputs, float32.

    Safe from many threads at once, and of no use in a forked process.
    """

    description: str
    width: int

    def run(self, inputs: np.ndarray) -> list[np.ndarray]: ...


def start_runtime(data: bytes, path: Path, device: str, precision: Precision) -> Runtime:
    """Compile the content of an ONNX file; path: what errors name. Raises KnownfaceError."""
    if device in ("auto", "cpu"):
        return _OpenVino(data, path, precision)
    return _OnnxRuntime(data, path, device, precision)


def start_exported(
    exported: Exported, data: bytes, weights: bytes, path: Path, device: str
) -> Runtime:
    """Compile an exported network for the runtime of its format; raises KnownfaceError.

    weights: the content of the second file, where the format has one.
    """
    if exported.format == "onnx":
        device = "cpu" if device == "auto" else device
        return _OnnxRuntime(data, path, device, "float32", exported.precision)
    if device not in ("auto", "cpu"):
        raise KnownfaceError(
            f"{argument('device', device)}: {path.name} runs on a CPU; use "
            f"{argument('device', 'cpu')}, or export in format onnx"
        )
    if exported.format == "openvino":
        precision: Precision = "auto" if exported.precision == "bf16" else "float32"
        return _OpenVino(data, path, precision, weights, exported.precision)
    return _LiteRt(data, path, exported.precision)


class _OpenVino:
    def __init__(
        self, data: bytes, path: Path, precision: Precision, weights: bytes = b"", stored: str = ""
    ) -> None:
        import openvino

        # The first two arrays of a process, made at once by two threads, wait for each other for
        # ever: one holds the interpreter's lock, the other the initialisation of a C++ static.
        openvino.Tensor(openvino.Type.u8, [1]).data  # noqa: B018 - so the first is made here
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
        # A request serves one caller at a time.
        self._requests: LifoQueue[Any] = LifoQueue()
        try:
            model = core.read_model(data, weights) if weights else core.read_model(data)
            self.width = int(model.output(0).partial_shape[-1].get_length())
            compiled = core.compile_model(model, "CPU", settings)
            for _ in range(os.cpu_count() or 1):
                self._requests.put(compiled.create_infer_request())
        except (RuntimeError, ValueError) as error:  # also of names that are no text
            raise KnownfaceError(f"{path}: {_first_line(error)}") from None
        version = importlib.metadata.version("openvino")
        computes = "bfloat16" if kind == "bf16" else "float32"
        self.description = f"CPU (OpenVINO {version}, {_words(stored, computes)})"

    def run(self, inputs: np.ndarray) -> list[np.ndarray]:
        request = self._requests.get()
        try:
            # A copy, because the next caller overwrites what the request holds.
            found = request.infer(np.ascontiguousarray(inputs))
            return [np.array(found[i], np.float32) for i in range(len(found))]
        finally:
            self._requests.put(request)


class _OnnxRuntime:
    def __init__(
        self, data: bytes, path: Path, device: str, precision: Precision, stored: str = ""
    ) -> None:
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
            self._session = onnxruntime.InferenceSession(data, providers=[provider])
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors share no public base
            raise KnownfaceError(f"{path}: {_first_line(error)}") from None
        if provider not in self._session.get_providers():
            raise KnownfaceError(
                f"{argument('device', device)}: {provider} could not start on this machine; use "
                f"{argument('device', 'cpu')}"
            )
        self.width = int(self._session.get_outputs()[0].shape[1])
        self._input = self._session.get_inputs()[0].name
        version = onnxruntime.__version__
        self.description = f"{device.upper()} (ONNX Runtime {version}, {_words(stored, 'float32')})"

    def run(self, inputs: np.ndarray) -> list[np.ndarray]:
        found = self._session.run(None, {self._input: inputs})
        return [np.asarray(each, np.float32) for each in found]


class _LiteRt:
    """One face at a time, as the file has it: batches gain nothing on a CPU."""

    def __init__(self, data: bytes, path: Path, stored: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._lock = Lock()
        try:
            with silence():
                self._network = Interpreter(model_content=data, num_threads=os.cpu_count() or 1)
                self._network.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise KnownfaceError(f"{path}: {_first_line(error)}") from None
        (given,), (made,) = self._network.get_input_details(), self._network.get_output_details()
        self._input, self._output = given["index"], made["index"]
        self.width = int(made["shape"][-1])
        version = importlib.metadata.version("ai-edge-litert")
        self.description = f"CPU (LiteRT {version}, {_words(stored, 'float32')})"

    def run(self, inputs: np.ndarray) -> list[np.ndarray]:
        found = np.zeros((len(inputs), self.width), np.float32)
        with self._lock:
            for i in range(len(inputs)):
                self._network.set_tensor(self._input, inputs[i : i + 1])
                self._network.invoke()
                found[i] = self._network.get_tensor(self._output)[0]
        return [found]


def _words(stored: str, computes: str) -> str:
    """In what a network computes, and, of an exported one, what it was exported for."""
    if stored == "int8":
        return f"int8, the rest in {computes}"
    return f"weights in 16 bits, computed in {computes}" if stored in ("bf16", "fp16") else computes


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"not a network that can be run ({lines[-1] if lines else type(error).__name__})"
