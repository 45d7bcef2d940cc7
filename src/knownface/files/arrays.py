"""Arrays from `.npz` files: nothing is inflated before its size is known, and no pickle is read."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(source: Path | bytes, most: int) -> dict[str, np.ndarray]:
    """Every array by name. most: bytes that they may take together, as the archive declares them.

    Raises OSError, ValueError.
    """
    try:
        content = io.BytesIO(source) if isinstance(source, bytes) else source
        with zipfile.ZipFile(content) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total > most:
                raise ValueError(f"it holds {total:,} bytes of arrays, and at most {most:,} belong")
            # What is inflated never exceeds what is declared.
            return {
                entry.filename.removesuffix(".npy"): _array(archive.read(entry), entry.filename)
                for entry in entries
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(str(error) or "not a complete archive") from None


def _array(content: bytes, name: str) -> np.ndarray:
    stream = io.BytesIO(content)
    read_header = HEADERS.get(np.lib.format.read_magic(stream))
    if read_header is None:
        raise ValueError(f"{name} has a format that arrays of numbers and text do not need")
    shape, by_columns, kind = read_header(stream)
    start = stream.tell()
    if kind.hasobject or math.prod(shape) * kind.itemsize != len(content) - start:
        raise ValueError(f"{name} is not as long as its header says, or holds objects")
    return np.ndarray(shape, kind, content, start, order="F" if by_columns else "C").copy()
