"""An ONNX file as something that runs: compiled once per process, safe from threads and forks."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.committed import differs
from knownface.files.ir_limits import check_ir
from knownface.files.onnx_limits import QUANTISED, check_graph, read_network
from knownface.options import Device, Precision, checked
from knownface.runtime import kept
from knownface.runtime.devices import OpenVino, Runtime, Way, machine, start_runtime
from knownface.runtime.exported import Exported
from knownface.runtime.processors import processors

Content = tuple[bytes, ...]  # of a network's files


class Network:
    """A network on a device: an array in, arrays out.

    digest: hex SHA-256 of the file's content (see `joined` for two); where it is given, the content
        has to have it. exported: how it runs instead, where it was made for deployment.
    pictures: it takes RGB pictures (1, height, width, 3), whose sides are multiples of what it
        asks for, and only a file that is known by its digest is given: its graph is not checked.
    size: height and width of all pictures, for which it is compiled: a picture of another size than
        the one before costs YuNet two milliseconds.
    keep: the compiled network in the cache folder, for the processes to come.
    half: of a file with two networks, whose embeddings follow each other, the one that is meant, 0
        or 1; with OpenVINO alone. content: of the files, where they were read before, and may be
        gone or others by now; it is kept where a file is compiled in several ways.
    description: the device in words; width: the last dimension of the first output; batch:
    inputs at once that are worth while.
    It pickles as the file's path; a process that gets it, or is forked, compiles it once for
    itself. Raises KnownfaceError.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        precision: Precision = "auto",
        digest: str | None = None,
        exported: Exported | None = None,
        pictures: bool = False,
        keep: bool = False,
        half: int | None = None,
        content: Content | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.path = path
        device = checked("device", Device, device)
        self.way = Way(device, precision, pictures, exported, half, size)
        self._keep = keep
        self._compiled = _compile(path, self.way, digest, keep, content)
        self.digest = self._compiled.digest
        self.description = self._compiled.runtime.description
        self.width = self._compiled.runtime.width
        self.batch = self._compiled.runtime.batch

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.path, self.way, self.digest, self._keep)

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        return self  # nothing about it ever changes

    def run(self, inputs: np.ndarray) -> list[np.ndarray]:
        """The outputs, float32, in the file's order. To be called inside `native_work`."""
        try:
            return self.compiled.runtime.run(inputs)
        except RuntimeError as error:
            detail = str(error).split("\n")[0]
            raise KnownfaceError(f"{self.path}: the network cannot be run ({detail})") from None

    @property
    def content(self) -> Content | None:
        return self._compiled.content

    @property
    def compiled(self) -> Compiled:
        """The network in this process."""
        if self._compiled.process != os.getpid():
            self._compiled = _restored(self.path, self.way, self.digest, self._keep)._compiled
        return self._compiled


# ---------------------------------------------------------------- once per process
@dataclass(frozen=True, eq=False)
class Compiled:
    """A network that one process has compiled from a file with this content."""

    runtime: Runtime
    digest: str
    process: int
    content: Content | None = None


_compiled: WeakValueDictionary[tuple[Any, ...], Compiled] = WeakValueDictionary()
_digests: dict[tuple[Any, ...], str] = {}  # of files, so that they are not read for every task
_restored_lately: deque[Compiled] = deque(maxlen=8)  # alive between the tasks of a pool's process
_left_behind: list[Compiled] = []
_lock = RLock()


def network_files(path: Path, exported: Exported | None) -> tuple[Path, ...]:
    """The files that a network is in: OpenVINO keeps its weights in a second one."""
    two = exported is not None and exported.format == "openvino"
    return (path, path.with_suffix(".bin")) if two else (path,)


def joined(digests: Sequence[str]) -> str:
    """One checksum of a network's files: of one its own, of several that of theirs."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def read_content(
    path: Path, digest: str | None = None, exported: Exported | None = None
) -> Content:
    """What is in a network's files, as `Network` takes it, which has to have this digest, if any.

    Raises KnownfaceError.
    """
    with _explained(path):
        content = tuple(map(read_network, network_files(path, exported)))
    if digest not in (None, _digest(content)):
        raise differs(path)
    return content


def _digest(content: Content) -> str:
    return joined([hashlib.sha256(each).hexdigest() for each in content])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KnownfaceError(
            f"{path}: the network cannot be read ({error.strerror}); restore the file, or train "
            "again"
        ) from None
    except ValueError as error:
        raise KnownfaceError(f"{path}: not a network that can be run ({error})") from None


def _compile(
    path: Path, way: Way, expected: str | None, keep: bool, content: Content | None
) -> Compiled:
    """The file's network in this process, which is compiled only where nobody has it already."""
    with _lock:
        file = None
        if content is None:
            with _explained(path):
                file = tuple(map(_state, network_files(path, way.exported)))
            known = _compiled.get((_digests.get(file), way))
            if known and expected in (None, known.digest):
                return known
            content = read_content(path, exported=way.exported)
        digest = _digest(content)
        if expected not in (None, digest):
            raise differs(path)
        if file:
            _digests[file] = digest
        known = _compiled.get((digest, way))
        if known is None:
            runtime = _kept(digest, way) if keep else None
            if runtime is None:
                runtime = _started(content[0], b"".join(content[1:]), path, way)
                if keep and isinstance(runtime, OpenVino):
                    kept.save(_key(digest, way), runtime.compiled())
            again = content if way.of_several else None
            known = Compiled(runtime, digest, os.getpid(), again)
            _compiled[digest, way] = known
        return known


def _state(path: Path) -> tuple[Any, ...]:
    state = path.stat()
    return path.resolve(), state.st_ino, state.st_size, state.st_mtime_ns


def _started(data: bytes, weights: bytes, path: Path, way: Way) -> Runtime:
    """The content of a file, checked and compiled."""
    with _explained(path):
        _check(way, data, weights)
    return start_runtime(data, weights, path, way)


def _check(way: Way, data: bytes, weights: bytes) -> None:
    """Raise ValueError for a network such as knownface does not write."""
    if way.exported is None:
        if not way.pictures:
            check_graph(data)
    elif way.exported.format == "onnx":
        check_graph(data, QUANTISED)
    elif way.exported.format == "openvino":
        check_ir(data, weights)


def _kept(digest: str, way: Way) -> Runtime | None:
    """What was checked and compiled by an earlier process, and kept."""
    data = kept.load(_key(digest, way)) if way.on_openvino else None
    return None if data is None else OpenVino.of_compiled(data, way)


def _key(digest: str, way: Way) -> str:
    return f"2 {digest} {way} {machine()} {processors()}"


def _restored(path: Path, way: Way, digest: str, keep: bool) -> Network:
    """A network of another process, in this one."""
    network = Network(
        path, way.device, way.precision, exported=way.exported, pictures=way.pictures, keep=keep,
        half=way.half, size=way.size,
    )  # fmt: skip
    _restored_lately.append(network._compiled)
    if network.digest != digest:
        raise KnownfaceError(f"{path}: another network lies there by now; load it again")
    return network


def _in_child() -> None:
    """The parent's networks have no threads here, and one that is freed waits for them for ever."""
    _left_behind.extend(_compiled.values())
    _compiled.clear()
    _restored_lately.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_in_child)
