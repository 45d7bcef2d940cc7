"""Files that appear whole or not at all, and who may read what is written."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import get_ident

LONGEST_NAME = 255  # bytes, on nearly every file system


def names_like(path: Path) -> Iterator[Path]:
    """path, path-2, path-3, ...: for what shall not take another file's place."""
    yield path
    for number in count(2):
        yield path.with_stem(f"{path.stem}-{number}")


def hidden_beside(path: Path, ending: str) -> Path:
    """A hidden path beside `path`, always the same; a checksum stands for the rest of a long name.

    ending: at most 80 bytes.
    """
    name = f".{path.name}{ending}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
        name = f".{path.name[:32]}-{digest}{ending}"
    return path.with_name(name)


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner only.

    One that is there stays as it is. Raises OSError where that is impossible.
    """
    if path.is_dir():
        return
    if path.exists() and not path.is_dir():  # which another thread may have made meanwhile
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def make_private(path: Path) -> None:
    """Take from everybody else what they may do with a file that a library has written."""
    path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)


@contextmanager
def whole_file(path: Path, like: Path | None = None) -> Iterator[Path]:
    """A hidden path beside `path`, of the same suffix, to be written to; renamed after success.

    After a failure nothing is left, and a file of that name stays as it was. Missing folders are
    made. The file is for its owner only, or, where it lies beside the file `like`, for whoever may
    read that one; never for more than the umask allows. Raises OSError where it cannot be written.
    """
    private_folder(path.parent)
    suffix = "".join(path.suffixes[-2:])[-20:]  # Keras writes `.weights.h5`, and nothing else
    part = hidden_beside(path, f".{os.getpid()}-{get_ident()}{suffix}")
    shared = stat.S_IMODE(like.stat().st_mode) & 0o066 if like else 0
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 | shared))
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
