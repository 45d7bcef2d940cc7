"""Where an index lies: a folder here, or one of an object store, with the same few verbs."""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from knownface.errors import KnownfaceError
from knownface.files.whole import make_private, private_folder, whole_file

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.fs

LOCK = "writing.lock"
# Seconds after which nobody can be writing an object store any more who has not said so again:
# what is written there says so with every part, which takes a minute or two.
STALE = 900


def arrow(module: str = "pyarrow") -> Any:
    """The module of that name; KnownfaceError where PyArrow is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise KnownfaceError('an index needs PyArrow: pip install "knownface[index]"') from None


def store(address: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """An object store, and the folder there; credentials are where its makers look for them."""
    found: tuple[pyarrow.fs.FileSystem, str] = arrow("pyarrow.fs").FileSystem.from_uri(address)
    return found


class Place:
    """A folder by its path, or by an address: `s3://bucket/name`, `gs://bucket/name`.

    Files get names that nobody had before, and are never changed; the only one that is written
    again is put whole. A file that is here is for its owner alone. Raises KnownfaceError where the
    store cannot be reached.
    """

    def __init__(self, folder: str | Path) -> None:
        fs = arrow("pyarrow.fs")
        path = str(folder).removeprefix("file://")
        self.name = re.sub("//[^/@]*@", "//", path)  # without a password
        self.here = None if "://" in path else Path(path).absolute()
        self._written = 0.0
        if self.here:
            self._files: pyarrow.fs.FileSystem = fs.LocalFileSystem()
            self._root = str(self.here)
            return
        with self._said():
            self._files, root = store(path)
            self._root = root.rstrip("/")

    def __repr__(self) -> str:
        return f"Place({self.name!r})"

    # ------------------------------------------------------------ reading
    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is none."""
        with self._said():
            try:
                with self._files.open_input_stream(self._path(name)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

    @contextmanager
    def reading(self, name: str) -> Iterator[pa.NativeFile]:
        """A file that is read here and there."""
        with self._said(), self._files.open_input_file(self._path(name)) as stream:
            yield stream

    def names(self, folder: str) -> list[str]:
        """The files of a folder, sorted."""
        selector = arrow("pyarrow.fs").FileSelector(self._path(folder), allow_not_found=True)
        with self._said():
            found = self._files.get_file_info(selector)
        return sorted(f"{folder}/{each.base_name}" for each in found if each.is_file)

    def anything(self) -> bool:
        """Whether something lies there."""
        selector = arrow("pyarrow.fs").FileSelector(self._root, allow_not_found=True)
        with self._said():
            return any(each.base_name != LOCK for each in self._files.get_file_info(selector))

    # ------------------------------------------------------------ writing
    @contextmanager
    def writing(self, name: str) -> Iterator[pa.NativeFile]:
        """A new file, on the disk afterwards; what is left of one means nothing to anybody."""
        path = self._path(name)
        with self._said():
            if self.here:
                private_folder(Path(path).parent)
            with self._files.open_output_stream(path) as stream:
                yield stream
            if self.here:
                make_private(Path(path))
                _on_disk(Path(path))

    def put(self, name: str, content: bytes) -> None:
        """A file anew: whoever reads it finds all of what it was, or all of what it is."""
        with self._said():
            if not self.here:
                with self._files.open_output_stream(self._path(name)) as stream:
                    stream.write(content)
                return
            with whole_file(self.here / name) as part:
                part.write_bytes(content)
                _on_disk(part)
            _on_disk(self.here)

    def delete(self, name: str) -> None:
        """Best effort: what is left means nothing, and is deleted by the next who writes."""
        with suppress(OSError):
            self._files.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What the store says is one sentence."""
        try:
            yield
        except (OSError, arrow().ArrowInvalid) as error:
            what = getattr(error, "strerror", None) or str(error).split("\n")[0]
            raise KnownfaceError(f"{self.name}: cannot be read or written ({what})") from None

    # ------------------------------------------------------------ one writer
    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile; KnownfaceError where somebody does.

        A folder here is locked by the system. In an object store a file says who writes; one that
        is older than STALE seconds, or of a process here that is gone, counts as left behind.
        """
        if self.here is None:
            with self._leased():
                yield
            return
        lock = filelock.FileLock(self.here / LOCK, timeout=0)
        try:
            private_folder(self.here)
            lock.acquire()
        except filelock.Timeout:
            raise self._taken() from None
        except OSError as error:
            raise KnownfaceError(
                f"{self.name}: cannot be written ({error.strerror}); name another folder"
            ) from None
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not remove open files
                (self.here / LOCK).unlink()
            lock.release()

    @contextmanager
    def _leased(self) -> Iterator[None]:
        if (known := self._lease()) and _alive(known):
            raise self._taken()
        self._mine, self._written = uuid.uuid4().hex, 0.0
        self.renew()
        if (self._lease() or {}).get("mine") != self._mine:
            raise self._taken()
        try:
            yield
        finally:
            if (self._lease() or {}).get("mine") == self._mine:
                self.delete(LOCK)

    def renew(self) -> None:
        """Say again that somebody writes; KnownfaceError where somebody else has taken over."""
        if self.here:
            return
        known = self._lease()
        if self._written and (known or {}).get("mine") != self._mine:
            raise self._taken()
        self._written = time.time()
        said = {"mine": self._mine, "machine": platform.node(), "process": os.getpid()}
        self.put(LOCK, json.dumps(said | {"at": self._written}).encode())

    def _lease(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self.read(LOCK) or b"null")
            return found if isinstance(found, dict) else None
        except ValueError:
            return None

    def _taken(self) -> KnownfaceError:
        return KnownfaceError(
            f"{self.name}: somebody else is writing this index; wait until they have finished"
        )


def _alive(lease: dict[str, Any]) -> bool:
    """Whether whoever wrote this may still be writing."""
    if lease.get("machine") == platform.node() and isinstance(lease.get("process"), int):
        try:
            os.kill(lease["process"], 0)
        except ProcessLookupError:
            return False
        except OSError:
            pass
    at = lease.get("at")
    return isinstance(at, int | float) and time.time() - at < STALE


def _on_disk(path: Path) -> None:
    """Wait until the file, or what a folder lists, is on the disk."""
    with suppress(PermissionError):  # Windows opens no folders
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
