"""What runs an ONNX network: OpenVINO on a CPU, ONNX Runtime on other devices."""

from __future__ import annotations

import importlib.metadata
import io
import logging
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from queue import LifoQueue
from threading import Lock
from typing import Any, Protocol

import numpy as np

from knownface.errors import KnownfaceError
from knownface.options import Precision, argument
from knownface.runtime.exported import Exported
from knownface.runtime.graphs import half, of_pictures
from knownface.runtime.processors import processors
from knownface.runtime.silence import silence

log = logging.getLogger(__name__)

# A face alone takes 6.8 ms of MobileFaceNet on one core with AVX2, each of 8 6.9, and of 32 8.0.
ON_CPU, ON_OTHERS = 8, 64
MOST_CALLERS = 8  # of a process, that run a network at the same time
# cuDNN prepares anew for every number of inputs that it has not seen: MobileFaceNet took 0.7 s on
# an H200 with the heuristic, 1.2 to 1.7 s with the search that is ONNX Runtime's own choice, and
# was equally fast afterwards. A whole batch takes 3 ms, so batches are filled up.
CUDA = {"cudnn_conv_algo_search": "HEURISTIC"}
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
    batch: int  # inputs at once that are worth while

    def run(self, inputs: np.ndarray) -> list[np.ndarray]: ...


@dataclass(frozen=True)
class Way:
    """How a network is to be run.

    pictures, size, half: as in `Network`. exported: what it was exported for; then its own runtime
        is meant.
    """

    device: str = "auto"
    precision: Precision = "auto"
    pictures: bool = False
    exported: Exported | None = None
    half: int | None = None
    size: tuple[int, int] | None = None

    @property
    def of_several(self) -> bool:
        """Whether the same file is compiled in other ways, too."""
        return self.pictures or self.half is not None

    @property
    def on_openvino(self) -> bool:
        if self.exported:
            return self.exported.format == "openvino"
        return self.device in ("auto", "cpu")


def start_runtime(data: bytes, weights: bytes, path: Path, way: Way) -> Runtime:
    """Compile the content of a network's file; raises KnownfaceError.

    weights: the content of the second file, where the format has one. path: what errors name.
    """
    if way.exported and way.exported.format != "onnx" and way.device not in ("auto", "cpu"):
        raise KnownfaceError(
            f"{argument('device', way.device)}: {path.name} runs on a CPU; use "
            f"{argument('device', 'cpu')}, or export in format onnx"
        )
    if way.on_openvino:
        return OpenVino.of_file(data, weights, path, way)
    if way.exported and way.exported.format == "litert":
        return _LiteRt(data, path, way.exported.precision)
    return _OnnxRuntime(data, path, way)


class OpenVino:
    """A network on the CPU: compiled from a file, or from what `compiled` gave."""

    batch = ON_CPU

    def __init__(self, compiled: Any, kind: str) -> None:
        self._compiled = compiled
        self.width = int(compiled.output(0).partial_shape[-1].get_length())
        # A request serves one caller at a time.
        self._requests: LifoQueue[Any] = LifoQueue()
        for _ in range(_callers()):
            self._requests.put(compiled.create_infer_request())
        version = importlib.metadata.version("openvino")
        self.description = f"CPU (OpenVINO {version}, {kind})"

    @classmethod
    def of_file(cls, data: bytes, weights: bytes, path: Path, way: Way) -> OpenVino:
        """From the content of an ONNX file, or of both files of IR. Raises KnownfaceError."""
        core, settings, kind = _core(way)
        try:
            model = core.read_model(data, weights) if weights else core.read_model(data)
            if way.pictures:
                model = of_pictures(model, way.size)
            if way.half is not None:
                model = half(model, way.half)
            return cls(core.compile_model(model, "CPU", settings), kind)
        except (RuntimeError, ValueError) as error:  # also of names that are no text
            raise KnownfaceError(f"{path}: {_first_line(error)}") from None

    @classmethod
    def of_compiled(cls, data: bytes, way: Way) -> OpenVino | None:
        """From what `compiled` gave, in much less time; None where it is of no use here."""
        core, settings, kind = _core(way)
        try:
            return cls(core.import_model(io.BytesIO(data), "CPU", settings), kind)
        except (RuntimeError, ValueError) as error:
            log.debug("a compiled network: %s", error)
            return None

    def compiled(self) -> bytes:
        """The compiled network, for this version of OpenVINO on this kind of processor."""
        return bytes(self._compiled.export_model().getvalue())

    def run(self, inputs: np.ndarray) -> list[np.ndarray]:
        request = self._requests.get()
        try:
            given = np.ascontiguousarray(inputs)
            found = request.infer(given, share_inputs=True, share_outputs=True)
            # Copies, because the next caller overwrites what the request holds.
            return [np.array(each, np.float32) for each in found.to_tuple()]
        finally:
            self._requests.put(request)


def _core(way: Way) -> tuple[Any, dict[str, Any], str]:
    """OpenVINO, how it is to compile, and in what it computes. Raises KnownfaceError."""
    import openvino

    stored = way.exported.precision if way.exported else ""
    precision = way.precision if not stored else "auto" if stored == "bf16" else "float32"

    # The first two arrays of a process, made at once by two threads, wait for each other for
    # ever: one holds the interpreter's lock, the other the initialisation of a C++ static.
    openvino.Tensor(openvino.Type.u8, [1]).data  # noqa: B018 - so the first is made here
    core = openvino.Core()
    native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "bfloat16" and not native:
        raise KnownfaceError(
            "This CPU has no instructions for bfloat16, in which networks should run; let them "
            "run in precision auto or float32"
        )
    small = native and precision != "float32"
    # Callers are the parallel work: one thread for each takes less processor time, and as much of
    # the clock, as several threads that wait for each other within a network.
    settings = {"NUM_STREAMS": _callers(), "INFERENCE_NUM_THREADS": processors()}
    kind = {"INFERENCE_PRECISION_HINT": "bf16" if small else "f32"}
    return core, settings | kind, _words(stored, "bfloat16" if small else "float32")


def machine() -> str:
    """What a compiled network of OpenVINO depends on, besides the network."""
    import openvino

    core = openvino.Core()
    names = "FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES"
    return f"{openvino.__version__} {[core.get_property('CPU', each) for each in names]}"


def _callers() -> int:
    """How many run a network at once: each has a copy of its graph, which takes time to make."""
    return min(processors(), MOST_CALLERS)


class _OnnxRuntime:
    def __init__(self, data: bytes, path: Path, way: Way) -> None:
        import onnxruntime

        device = "cpu" if way.device == "auto" else way.device
        stored = way.exported.precision if way.exported else ""
        if way.precision == "bfloat16":
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
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if device == "cpu" else 0  # as OpenVINO's streams
        self.batch = ON_CPU if device == "cpu" else ON_OTHERS
        self._padded, settings, computes = False, {}, "float32"
        if device == "cuda":
            _find_cuda()
            self._padded, settings = True, CUDA | {"use_tf32": str(int(way.precision == "auto"))}
            computes = "TensorFloat-32" if way.precision == "auto" else "float32"
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=[provider], provider_options=[settings]
            )
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
        self.description = f"{device.upper()} (ONNX Runtime {version}, {_words(stored, computes)})"

    def run(self, inputs: np.ndarray) -> list[np.ndarray]:
        count = len(inputs)
        if self._padded and count < self.batch:
            inputs = np.pad(inputs, [(0, self.batch - count)] + [(0, 0)] * (inputs.ndim - 1))
        found = self._session.run(None, {self._input: inputs})
        return [np.asarray(each[:count], np.float32) for each in found]


def _find_cuda() -> None:
    """Load CUDA's libraries from where pip installs them; the system's own are found anyway."""
    import onnxruntime

    with redirect_stdout(io.StringIO()):  # it prints what it does not find
        onnxruntime.preload_dlls()


class _LiteRt:
    """One face at a time, as the file has it: batches gain nothing on a CPU."""

    batch = ON_CPU

    def __init__(self, data: bytes, path: Path, stored: str) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._lock = Lock()
        try:
            with silence():
                self._network = Interpreter(model_content=data, num_threads=processors())
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
