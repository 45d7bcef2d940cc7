"""From photo files to the rows of an index, on a cluster of Ray.

What is sent are paths, the network and the detector; photos are read and decoded where a machine
works on them, so that all of them must see the photos under the same paths.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import platform
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knownface.cluster.index_place import arrow
from knownface.cluster.index_rows import PhotoFile, Rows
from knownface.cluster.index_work import BATCH, Reader, Way, in_processes
from knownface.embed.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.faces.crops import FaceCropper
from knownface.faces.detectors import load_detector
from knownface.faces.face import Crop
from knownface.files.cache import cache_folder
from knownface.files.whole import whole_file
from knownface.options import Precision, argument
from knownface.progress import silent
from knownface.runtime.processors import processors

LOCAL = "local"
# Even told to report nothing, Ray 2.60 reports just that (seen by tests/no_network.py), unless
# nobody listens where it does.
SILENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9/"}


def on_cluster(address: str) -> Way:
    """Work on the cluster at an address, or on one that is started here: `local`.

    Raises KnownfaceError where Ray is not installed.
    """
    _ray()
    return lambda reader, files: _rows(address, reader, files)


def _rows(address: str, reader: Reader, files: Sequence[PhotoFile]) -> Iterator[Rows]:
    """The rows of photos, as they are done. Raises KnownfaceError where the cluster cannot."""
    if not files:
        return
    ray = _ray()
    with _connected(address):
        parcel = ray.put(Parcel.of(reader))
        try:
            for row in _work(ray, parcel, files).iter_rows():
                yield Rows.of_streams(row["photos"], row["faces"])
        except ray.exceptions.RayError as error:
            raise _cannot(address, error) from None


def _work(ray: Any, parcel: Any, files: Sequence[PhotoFile]) -> Any:
    """A data set with a row for each batch of photos, made when somebody asks for its rows.

    Batches whose process or machine was lost are read by another; see `_Actor` for photos that
    are what processes are lost by.
    """
    parts = [files[i : i + BATCH] for i in range(0, len(files), BATCH)]
    tables = [arrow().Table.from_pylist([each._asdict() for each in part]) for part in parts]
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    most = max(1, int(ray.cluster_resources().get("CPU", 1)))
    return ray.data.from_arrow(tables).map_batches(
        _Actor, batch_size=None, batch_format="pyarrow", num_cpus=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
        fn_constructor_args=([parcel], uuid.uuid4().hex),
    )  # fmt: skip


class _Actor:
    """Reads batches of photos in a process of the cluster.

    A batch that was begun on this machine before, and not finished, is read in a process of its
    own, so that the photo by which processes die can be told from those beside it.
    """

    def __init__(self, parcel: list[Any], job: str) -> None:
        self._reader: Reader = _ray().get(parcel[0]).opened()
        self._job = job

    def __call__(self, table: Any) -> Any:
        files = [PhotoFile(**row) for row in table.to_pylist()]
        if not any(os.path.lexists(file.path) for file in files):
            raise KnownfaceError(f"{files[0].path}: not seen by {platform.node()}")
        begun = Path(tempfile.gettempdir()) / f"knownface-{self._job}-{_name(files)}"
        again = begun.exists()
        begun.touch(0o600)
        found = in_processes(self._reader, files, 1, 1) if again else self._reader.rows(files, 1)
        rows = Rows.together(list(found))
        begun.unlink(missing_ok=True)
        kind = arrow().large_binary()
        written = [arrow().array([each], kind) for each in rows.streams]
        return arrow().table(written, ["photos", "faces"])


def _name(files: Sequence[PhotoFile]) -> str:
    return hashlib.sha256("\n".join(file.path for file in files).encode()).hexdigest()[:16]


# ---------------------------------------------------------------- what is sent
@dataclass(frozen=True)
class Parcel:
    """A `Reader` with everything in it, for machines that have none of its files."""

    crop: Crop
    portrait: Crop | None
    network: bytes
    device: str
    precision: Precision
    detector: str | None
    found_with: bytes | None

    @classmethod
    def of(cls, reader: Reader) -> Parcel:
        cropper, embedder = reader.cropper, reader.embedder
        file, way = cropper.detector_file, embedder.network.way
        return cls(
            cropper.crop, cropper.portrait, embedder.path.read_bytes(), way.device, way.precision,
            cropper.detector, file.read_bytes() if file else None,
        )  # fmt: skip

    def opened(self) -> Reader:
        """The same reader, where it arrives."""
        embedder = Embedder(_kept(self.network), self.device, self.precision, keep=True)
        detector = None
        if self.detector:
            file = _kept(self.found_with) if self.found_with else None
            detector = load_detector(silent, self.detector, file)
            if detector.name != self.detector:
                raise KnownfaceError(f"{self.detector}: a machine of the cluster cannot run it")
        return Reader(FaceCropper(self.crop, detector, portrait=self.portrait), embedder)


def _kept(content: bytes) -> Path:
    """A file of the cache with that content."""
    name = hashlib.sha256(content).hexdigest()
    path = cache_folder() / "cluster" / f"{name}.onnx"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != name:
        with whole_file(path) as part:
            part.write_bytes(content)
    return path


# ---------------------------------------------------------------- the cluster
def _ray() -> Any:
    """The module `ray`, which then reports to nobody."""
    os.environ |= SILENT
    try:
        importlib.import_module("ray.data")
        return importlib.import_module("ray")
    except ImportError:
        raise KnownfaceError(f'{argument("ray")} needs Ray: pip install "knownface[ray]"') from None


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Connected to a cluster, for as long as it is needed; one that is connected to stays so."""
    ray = _ray()
    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address == LOCAL:
            ray.init(
                num_cpus=processors(), include_dashboard=False, _node_ip_address="127.0.0.1",
                **quiet,
            )  # fmt: skip
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _cannot(address, error) from None
    try:
        yield
    finally:
        ray.shutdown()


def _cannot(address: str, error: Exception) -> KnownfaceError:
    cause = getattr(error, "cause", None) or error
    what = next((line for line in reversed(str(cause).splitlines()) if line.strip()), "no reason")
    return KnownfaceError(
        f"{argument('ray', address)}: the cluster cannot go on ({what.strip()}); what was done "
        f"stays in the index, and the same call goes on; without {argument('ray')} it is done here"
    )
