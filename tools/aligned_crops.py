"""Aligned crops, `identity/photo.jpg` in a tar or a folder: what the other tools learn from."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image


def files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Identity and content of every file, in the archive's order; of a folder, sorted."""
    if source.is_dir():
        for path in sorted(source.glob("*/*")):
            yield path.parent.name, path.read_bytes()
        return
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile() and (stream := archive.extractfile(member)):
                yield Path(member.name).parent.name, stream.read()


def files_by_person(source: Path) -> dict[str, list[bytes]]:
    """The content of every file, by identity, in the same order."""
    found: dict[str, list[bytes]] = {}
    for person, data in files(source):
        found.setdefault(person, []).append(data)
    return found


def pixels(data: bytes) -> np.ndarray:
    """A crop (h, w, 3) uint8, RGB."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
