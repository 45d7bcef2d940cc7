"""Turning face crops into embeddings with an ONNX file, without Keras."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.face import Crop
from knownface.files.rows import Rows
from knownface.options import Precision
from knownface.progress import Track, silent
from knownface.runtime.exported import Exported
from knownface.runtime.network import Network, network_files
from knownface.runtime.processors import processors
from knownface.runtime.threads import native_work
from knownface.stats.vectors import unit_length

FEW = 4  # batches that are not worth threads of their own, which cost milliseconds each


class Embedder:
    """An ONNX network on a device: uint8 RGB crops (n, size, size, 3) to unit-length (n, d).

    device: `auto` and `cpu` run OpenVINO; `cuda` and `coreml` run ONNX Runtime. A device that is
        not there is an error, never a silent fallback.
    precision: `auto` lets the CPU compute in bfloat16 where it can do that natively, and CUDA in
        TensorFloat-32; `bfloat16` is an error where it cannot, and on other devices.
    digest: hex SHA-256 of the file's content, or what it has to be; width: d. keep: see `Network`.
    exported: how it runs instead, where it was made for deployment; files: what it is in.
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
    ) -> None:
        self.path = path
        self.exported = exported
        self.network = Network(path, device, precision, digest, exported, keep=keep)
        self.digest, self.width = self.network.digest, self.network.width
        self.device = self.network.description

    def __repr__(self) -> str:
        return f"Embedder({self.path.name}, {self.device})"

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
        mirrored: bool = False,
    ) -> np.ndarray:
        """Unit-length float32 embeddings (n, d) of uint8 crops (n, size, size, 3).

        mirrored: each is the mean of those of the crop and of its mirror image, which takes twice
            as long.
        """
        raw = self.embed_raw(crops, track, description, mirrored)
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
        mirrored: bool = False,
    ) -> np.ndarray:
        """The network's own output (n, d), float32, not normalised; of two views, their mean."""
        starts = range(0, len(crops), self.network.batch)
        work = partial(self._two_views if mirrored else self._one_batch, crops)
        if len(starts) <= FEW:
            parts = list(track(map(work, starts), description, len(starts)))
        else:
            with ThreadPoolExecutor(processors()) as pool:
                parts = list(track(pool.map(work, starts), description, len(starts)))
        return np.concatenate([np.zeros((0, self.width), np.float32), *parts])

    def _one_batch(self, crops: Rows, start: int) -> np.ndarray:
        some = np.asarray(crops[start : start + self.network.batch])
        with native_work():
            return self.network.run(some)[0]

    def _two_views(self, crops: Rows, start: int) -> np.ndarray:
        some = np.asarray(crops[start : start + self.network.batch])
        plain = self._one_batch(some, 0)
        other = self._one_batch(np.ascontiguousarray(some[:, :, ::-1]), 0)
        return np.asarray((unit_length(plain) + unit_length(other)) / 2)
