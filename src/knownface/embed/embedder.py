"""Turning face crops into embeddings with an ONNX file, without Keras."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path

import cv2
import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.face import Crop
from knownface.files.rows import Rows
from knownface.options import Precision
from knownface.progress import Track, silent
from knownface.runtime.devices import Way
from knownface.runtime.exported import Exported
from knownface.runtime.network import Network, network_files
from knownface.runtime.processors import processors
from knownface.runtime.threads import native_work
from knownface.stats.vectors import unit_length

# Tells of unit-length embeddings (n, d) of which faces more is to be seen: (n,) bool. Where it is a
# second network that is asked, their halves are equal.
Asked = Callable[[np.ndarray], np.ndarray]
Mirrored = bool | Asked
FEW = 4  # batches that are not worth threads of their own, which cost milliseconds each


class Embedder:
    """An ONNX network on a device: uint8 RGB crops (n, size, size, 3) to unit-length (n, d).

    device: `auto` and `cpu` run OpenVINO; `cuda` and `coreml` run ONNX Runtime. A device that is
        not there is an error, never a silent fallback.
    precision: `auto` lets the CPU compute in bfloat16 where it can do that natively, and CUDA in
        TensorFloat-32; `bfloat16` is an error where it cannot, and on other devices.
    digest: hex SHA-256 of the file's content, or what it has to be; width: d. keep: see `Network`.
    exported: how it runs instead, where it was made for deployment; files: what it is in.
    second: where the file has two networks beside each other, each of which gives half of an
        embedding, of which faces the second one is asked; in the embeddings of others the half of
        the first one stands in its place.
    Safe from many threads; see `Network` for processes. Raises KnownfaceError.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        precision: Precision = "auto",
        digest: str | None = None,
        exported: Exported | None = None,
        keep: bool = False,
        second: Asked | None = None,
    ) -> None:
        self.path = path
        self.exported = exported
        self._asked = second
        # OpenVINO runs each by itself; elsewhere both are run of all faces.
        self._apart = second is not None and Way(device, precision, exported=exported).on_openvino
        self._part = partial(Network, path, device, precision, exported=exported, keep=keep)
        self.network = self._part(digest=digest, half=0 if self._apart else None)
        self.digest, self.width = self.network.digest, self.network.width * (1 + self._apart)
        self.device = self.network.description

    def __repr__(self) -> str:
        return f"Embedder({self.path.name}, {self.device})"

    @property
    def two(self) -> bool:
        """Whether it is two networks."""
        return self._asked is not None

    @property
    def files(self) -> tuple[Path, ...]:
        return network_files(self.path, self.exported)

    def contract(self, crop: Crop) -> str:
        """What two embeddings must share to be compared: network and geometry of the crops.

        Of an exported network also its runtime and its precision.
        """
        terms = f"{self.digest} {crop.kind} {crop.size} {crop.margin:g}"
        if self.exported:
            terms += f" {self.exported.format} {self.exported.precision}"
        return hashlib.sha256(terms.encode()).hexdigest()[:32]

    def embed(
        self,
        crops: Rows,
        track: Track = silent,
        description: str = "Embedding",
        mirrored: Mirrored = False,
        second: bool | None = None,
    ) -> np.ndarray:
        """Unit-length float32 embeddings (n, d) of uint8 crops (n, size, size, 3).

        mirrored: each is the mean of those of the crop and of its mirror image, which takes twice
            as long; or of which faces that is so, by what the crop alone gives. second: True to ask
            a second network of all faces, False of none; None asks it of those that need it.
        """
        raw = self.embed_raw(crops, track, description, mirrored, second)
        if not np.isfinite(raw).all():
            raise KnownfaceError(
                f"{self.path}: the network gave embeddings that are not finite numbers; its "
                "weights are damaged, train or fetch them again"
            )
        return unit_length(raw)

    def embed_raw(
        self,
        crops: Rows,
        track: Track = silent,
        description: str = "Embedding",
        mirrored: Mirrored = False,
        second: bool | None = None,
    ) -> np.ndarray:
        """The network's own output (n, d), float32, not normalised; of two views, their mean."""
        if isinstance(mirrored, bool):
            return self._embedded(crops, track, description, mirrored, second)
        # All of them first: a batch of another size than the one before costs milliseconds.
        found = self._embedded(crops, track, description, False, second)
        again = np.flatnonzero(mirrored(unit_length(found)))
        if len(again):
            found[again] = self._embedded(crops[again], silent, "", True, second)
        return found

    def _embedded(
        self, crops: Rows, track: Track, description: str, mirrored: bool, second: bool | None
    ) -> np.ndarray:
        starts = range(0, len(crops), self.network.batch)
        work = partial(self._batch, crops, mirrored, second)
        if len(starts) <= FEW:
            parts = list(track(map(work, starts), description, len(starts)))
        else:
            with ThreadPoolExecutor(processors()) as pool:
                parts = list(track(pool.map(work, starts), description, len(starts)))
        return np.concatenate([np.zeros((0, self.width), np.float32), *parts])

    def _batch(self, crops: Rows, mirrored: bool, second: bool | None, start: int) -> np.ndarray:
        some = np.asarray(crops[start : start + self.network.batch])
        found = _viewed(self.network, some, mirrored)
        if self._asked is None:
            return found
        width = self.width // 2
        both = np.hstack([found[:, :width]] * 2)
        asked = self._asked(unit_length(both)) if second is None else np.full(len(some), second)
        if asked.any():
            other = _viewed(self._second, some[asked], mirrored) if self._apart else found[asked]
            both[asked, width:] = other[:, -width:]
        return both

    @cached_property
    def _second(self) -> Network:
        """The other one of two networks: compiled when a face needs it, as it was loaded."""
        return self._part(digest=self.digest, half=1, content=self.network.content)


def _viewed(network: Network, crops: np.ndarray, mirrored: bool) -> np.ndarray:
    with native_work():
        plain = network.run(crops)[0]
        if not mirrored:
            return plain
        other = network.run(np.stack([cv2.flip(crop, 1) for crop in crops]))[0]
    return np.asarray((unit_length(plain) + unit_length(other)) / 2)
