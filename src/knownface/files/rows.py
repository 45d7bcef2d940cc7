"""Arrays that are too large for memory: equal rows in a file that vanishes with the process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from threading import Lock
from typing import IO, Any

import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.cache import cache_folder
from knownface.files.whole import private_folder


class DiskRows:
    """n equal rows on disk, appended once and then read as often as wanted, by several threads.

    Like an array it has a length, `shape` and `dtype`, and is indexed along its first axis: an
    integer reads a row; a slice, or an array of integers or bools, selects rows without reading
    them; `numpy.asarray` reads what is selected. The file has no name, so that nobody else can
    open it and nothing of it is left, even after kill -9; it lies in the cache folder, because
    the usual place for such files is memory on some systems.
    """

    def __init__(self, shape: tuple[int, ...], dtype: type[np.generic] = np.uint8) -> None:
        self.dtype = np.dtype(dtype)
        self._row = shape
        self._bytes = int(np.prod(shape)) * self.dtype.itemsize
        (self._file, self._place), self._lock = _nameless_file(), Lock()
        self._selected = np.zeros(0, np.int64)

    def append(self, rows: np.ndarray) -> None:
        """Add rows (k, ...); raises KnownfaceError where the disk is full."""
        first = len(self._selected)
        try:
            with self._lock:
                self._file.seek(first * self._bytes)
                self._file.write(np.ascontiguousarray(rows, self.dtype).data)
                self._file.flush()
        except OSError as error:
            raise KnownfaceError(
                f"{self._place}: cannot be written ({error.strerror}); make room there, or set "
                "XDG_CACHE_HOME to a folder on another disk"
            ) from None
        self._selected = np.arange(first + len(rows))

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self._row)

    def __len__(self) -> int:
        return len(self._selected)

    def __getitem__(self, index: Any) -> Any:
        chosen = self._selected[index]
        if np.ndim(chosen) == 0:
            return self._read(np.atleast_1d(chosen))[0]
        view = object.__new__(DiskRows)
        view.__dict__.update(self.__dict__, _selected=chosen)
        return view

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._read(self._selected).astype(dtype or self.dtype, copy=False)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        found = np.empty((len(rows), *self._row), self.dtype)
        with self._lock:
            for row, place in zip(rows.tolist(), found, strict=True):
                self._file.seek(row * self._bytes)
                self._file.readinto(place.data)  # type: ignore[attr-defined]
        return found


Rows = np.ndarray | DiskRows


def _nameless_file() -> tuple[IO[bytes], str]:
    """An open file without a name, and the folder that it lies in."""
    folder = str(cache_folder())
    try:
        private_folder(cache_folder())
        return tempfile.TemporaryFile(dir=folder), folder
    except OSError as error:  # a read-only home
        reason = error.strerror
    try:
        return tempfile.TemporaryFile(), tempfile.gettempdir()
    except OSError:
        raise KnownfaceError(
            f"{folder}: cannot be written ({reason}), and there is no folder for temporary files; "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from None
