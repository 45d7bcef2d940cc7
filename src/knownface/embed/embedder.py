"""Turning face crops into embeddings with an ONNX file, without Keras."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from knownface.embed.runtimes import Runtime, start_runtime
from knownface.errors import KnownfaceError
from knownface.faces.face import Crop
from knownface.faces.threads import native_work
from knownface.files.rows import Rows
from knownface.options import Device, Precision, checked
from knownface.progress import Track, silent

BATCH = 32  # crops per inference request; larger ones gain nothing on a CPU


class Embedder:
    """An ONNX network on a device: uint8 RGB crops (n, size, size, 3) to unit-length (n, d).

    device: `auto` and `cpu` run OpenVINO; `cuda` and `coreml` run ONNX Runtime. A device that is
        not there is an error, never a silent fallback.
    precision: `auto` lets the CPU compute in bfloat16 where it can do that natively; `bfloat16`
        is an error where it cannot, and on other devices.
    digest: hex SHA-256 of the file's content; width: d.
    Safe from many threads. It pickles as the file's path; a process that gets it, or is forked,
    compiles the network once for itself. Raises KnownfaceError.
    """

    def __init__(self, path: Path, device: str = "auto", precision: Precision = "auto") -> None:
        self.path = path
        checked("device", Device, device)
        self._options = device, precision
        self._network = _compiled(path, device, precision)
        self.digest = self._network.digest
        self.width = self._network.runtime.width
        self.device = self._network.runtime.description

    def __repr__(self) -> str:
        return f"Embedder({self.path.name}, {self.device})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.path, *self._options, self.digest)

    def __deepcopy__(self, memo: dict[int, Any]) -> Embedder:
        return self  # nothing about it ever changes

    def contract(self, crop: Crop) -> str:
        """What two embeddings must share to be compared: network and geometry of the crops."""
        terms = f"{self.digest} {crop.kind} {crop.size} {crop.margin:g}"
        return hashlib.sha256(terms.encode()).hexdigest()[:32]

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
        runtime = self._own().runtime
        starts = range(0, len(crops), BATCH)
        parts = [np.zeros((0, self.width), np.float32)]
        for i in track(starts, description, len(starts)):
            some = np.asarray(crops[i : i + BATCH])
            with native_work():
                parts.append(runtime.run(some))
        return np.concatenate(parts)

    def _own(self) -> _Network:
        if self._network.process != os.getpid():
            self._network = _restored(self.path, *self._options, self.digest)._network
        return self._network


# ---------------------------------------------------------------- compiled networks
@dataclass(frozen=True, eq=False)
class _Network:
    """A network that one process has compiled from a file with this content."""

    runtime: Runtime
    digest: str
    process: int


_networks: WeakValueDictionary[tuple[Any, ...], _Network] = WeakValueDictionary()
_digests: dict[tuple[Any, ...], str] = {}  # of files, so that they are not read for every task
_restored_lately: deque[_Network] = deque(maxlen=4)  # alive between the tasks of a pool's process
_left_behind: list[_Network] = []
_lock = RLock()


def _compiled(path: Path, device: str, precision: Precision) -> _Network:
    """The file's network in this process, which is compiled only where nobody has it already."""
    with _lock:
        try:
            state = path.stat()
            file = path.resolve(), state.st_ino, state.st_size, state.st_mtime_ns
            if network := _networks.get((_digests.get(file), device, precision)):
                return network
            data = path.read_bytes()
        except OSError as error:
            raise KnownfaceError(
                f"{path}: the network cannot be read ({error.strerror}); restore the file, or "
                "train again"
            ) from None
        digest = hashlib.sha256(data).hexdigest()
        _digests[file] = digest
        network = _networks.get((digest, device, precision))
        if network is None:
            runtime = start_runtime(data, path, device, precision)
            network = _networks[digest, device, precision] = _Network(runtime, digest, os.getpid())
        return network


def _restored(path: Path, device: str, precision: Precision, digest: str) -> Embedder:
    """An embedder of another process, in this one."""
    embedder = Embedder(path, device, precision)
    _restored_lately.append(embedder._network)
    if embedder.digest != digest:
        raise KnownfaceError(f"{path}: another network lies there by now; load it again")
    return embedder


def _in_child() -> None:
    """The parent's networks have no threads here, and one that is freed waits for them for ever."""
    _left_behind.extend(_networks.values())
    _networks.clear()
    _restored_lately.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_in_child)
