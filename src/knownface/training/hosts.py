"""Several processes, on one machine or on many, that train one network together with JAX.

Each reads the same photos and takes its part of every batch; the first one alone writes. It is for
recipe `seed`: `best` decides by measurements that may differ in the last digit between machines.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.errors import KnownfaceError
from knownface.files.runs import RunFolder
from knownface.files.whole import whole_file
from knownface.options import argument, options_of
from knownface.training.config import TrainingConfig, TrainingRequest
from knownface.training.last_words import REMAINS, LastWords
from knownface.training.launched import KERAS, Helped, Place, place_of
from knownface.training.resumption import PLACES

log = logging.getLogger(__name__)

MEETING = 300  # seconds until all must have come, as JAX has it
SILENCE = 30  # seconds until a process of which nothing is heard is lost; JAX has 100
PARTING = 5  # seconds that one that ends early waits for the others, who are told then


@dataclass
class Hosts:
    """The processes that train together, as one of them sees them."""

    number: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the run."""
        return self.number == 0

    def part(self, rows: np.ndarray) -> np.ndarray:
        """What this process takes of a batch (n, ...), where n is a multiple of the processes.

        A piece for each, in order: together they are the batch that one process would have.
        """
        each = len(rows) // self.count
        return rows[self.number * each : (self.number + 1) * each]

    def agree(self, **said: Any) -> None:
        """Raises KnownfaceError in all processes where they do not say the same of something.

        said: by what it is called in a sentence; its `repr` counts.
        """
        if self.count == 1:
            return
        digests = [hashlib.sha256(repr(value).encode()).digest() for value in said.values()]
        everyones = self._gathered(np.array([list(digest) for digest in digests], np.uint8))
        for row, name in enumerate(said):
            others = np.flatnonzero((everyones[:, row] != everyones[0, row]).any(axis=1))
            if len(others):
                raise KnownfaceError(
                    f"Process {others[0]} of {self.count} has other {name.replace('_', ' ')} than "
                    "process 0; start all of them with the same command, on the same files"
                )

    def same_file(self, path: Path) -> None:
        """Give every process the file of the first one; where that has none, nobody has."""
        if self.count == 1:
            return
        from jax.experimental.multihost_utils import broadcast_one_to_all

        mine = path.read_bytes() if self.first and path.is_file() else b""
        size = int(self._gathered(np.array(len(mine)))[0])
        content = np.frombuffer(mine, np.uint8) if self.first else np.zeros(size, np.uint8)
        with self.losing():
            everyones = np.asarray(broadcast_one_to_all(content)) if size else content
        if size and not self.first:
            with whole_file(path) as part:
                part.write_bytes(everyones.astype(np.uint8).tobytes())

    def _gathered(self, mine: np.ndarray) -> np.ndarray:
        """What each process has: (processes, ...)."""
        from jax.experimental.multihost_utils import process_allgather

        with self.losing():
            return np.asarray(process_allgather(mine))

    @contextmanager
    def losing(self) -> Iterator[None]:
        """What JAX raises where a process is lost, as a sentence."""
        try:
            yield
        except (ValueError, RuntimeError) as error:
            words = ("Gloo", "NCCL", "oordination")
            if self.count == 1 or not any(word in str(error) for word in words):
                raise
            raise KnownfaceError(_lost()) from None

    def leave(self) -> None:
        """Part from the others, after the last step; Helped in all but the first process."""
        if self.count == 1:
            return
        import jax
        import keras

        self._gathered(np.array(self.number))  # nobody is at work any more
        jax.distributed.shutdown()
        keras.distribution.set_distribution(None)
        number, self.number, self.count = self.number, 0, 1
        if number:
            raise Helped(f"Process {number} has done its part; process 0 writes the run")


_now = Hosts()
_met = False


def hosts() -> Hosts:
    """Those that train with this process now; mostly it is alone."""
    return _now


@contextmanager
def joined(config: TrainingConfig) -> Iterator[Hosts]:
    """Meet the others of a training, if a launcher says that there are any.

    Where one ends early, the others end with a sentence PARTING seconds later; where one is killed
    or cannot be reached any more, after SILENCE seconds at the latest. Raises KnownfaceError where
    several processes cannot do what is asked.
    """
    global _now, _met
    place = place_of(os.environ)
    if place is None:
        yield _now
        return
    _refuse(config)
    words, logger = LastWords(_absent(place)), logging.getLogger("knownface")
    level, _met = logger.level, True
    try:
        if place.number:  # the first one says it all
            logger.setLevel(logging.ERROR)
            warnings.simplefilter("ignore")
        _meet(place)
        words.said = _lost()
        _now = Hosts(place.number, place.count)
        _same_devices()
        _draw_alike(config.seed)
        yield _now
        words.over()
    except Helped:
        words.over()
        raise
    except BaseException as error:  # JAX will call `abort` when Python ends
        words.said = ""
        words.code = 130 if isinstance(error, KeyboardInterrupt) else 2
        raise
    finally:
        logger.setLevel(level)
        _now = Hosts()


@contextmanager
def passing_folder() -> Iterator[RunFolder]:
    """Where a process works that is not the first: nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="knownface-") as folder:
        REMAINS[:] = [folder]
        yield RunFolder(Path(folder), Path(folder))


def same_start(
    request: TrainingRequest, backbone: str, people: FaceDataset, others: FaceDataset | None
) -> None:
    """All processes were asked the same, of photos that have the same names and sizes.

    Where files lie may differ. Raises KnownfaceError in all of them.
    """
    if hosts().count == 1:
        return
    options = {name: getattr(request, name) for name in options_of(TrainingRequest)}
    chosen = {name: value for name, value in options.items() if name not in {*PLACES, "out"}}
    photos = [
        (name, path.stat().st_size)
        for some in filter(None, (people, others))
        for name, path in zip(some.names, some.paths, strict=True)
    ]
    version = importlib.metadata.version("knownface")
    hosts().agree(options=[sorted(chosen.items()), backbone], version=version, photos=photos)


def _lost() -> str:
    return (
        "Another process of this training has ended or cannot be reached, as its own last line "
        f"may say; start all of them again, with {argument('resume', True)} if an epoch was over"
    )


def _absent(place: Place) -> str:
    return (
        f"Process {place.number} of {place.count} did not meet all others at {place.address} "
        f"within {MEETING} s; start all of them, and let them reach that port"
    )


def _refuse(config: TrainingConfig) -> None:
    """What several processes cannot do."""
    import knownface.networks.layers  # noqa: F401 - imports Keras quietly

    import keras  # isort: skip

    if keras.backend.backend() != "jax":
        raise KnownfaceError(
            f"Training on several hosts needs KERAS_BACKEND=jax, not {keras.backend.backend()}; "
            f"set that, or unset {KERAS[1]} and WORLD_SIZE to train in one process"
        )
    if config.recipe != "seed":
        raise KnownfaceError(
            f"Several hosts train together with {argument('recipe', 'seed')} alone, not "
            f"{config.recipe}; unset {KERAS[1]} and WORLD_SIZE to train in one process"
        )
    if _met:
        raise KnownfaceError(
            "Processes train together once; start new ones for another training on several hosts"
        )


def _meet(place: Place) -> None:
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM from us
    try:
        jax.distributed.initialize(
            place.address, place.count, place.number, place.device,
            initialization_timeout=MEETING, heartbeat_timeout_seconds=SILENCE,
            shutdown_timeout_seconds=PARTING,
        )  # fmt: skip
    except RuntimeError as error:
        said = str(error).split("\n")[0]
        raise KnownfaceError(f"{_absent(place)} ({said})") from None
    log.info("Training in %d processes, which met at %s", place.count, place.address)


def _draw_alike(seed: int) -> None:
    """JAX refuses first weights that are not the same everywhere, also where others follow."""
    import keras

    keras.utils.set_random_seed(seed)


def _same_devices() -> None:
    """Each process has as many devices as the others, for all parts of a batch are equal."""
    import jax

    counts = Counter(device.process_index for device in jax.devices())
    few, many = min(counts.values()), max(counts.values())
    if few < many:
        raise KnownfaceError(
            f"Some processes have {few} devices and others {many}; give all of them as many"
        )
