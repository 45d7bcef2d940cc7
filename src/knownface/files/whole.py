"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import get_ident


def names_like(path: Path) -> Iterator[Path]:
    """path, path-2, path-3, ...: for what shall not take another file's place."""
    yield path
    for number in count(2):
        yield path.with_stem(f"{path.stem}-{number}")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden path beside `path`, of the same suffix, to be written to; renamed after success.

    After a failure nothing is left, and a file of that name stays as it was. Missing folders are
    made; raises OSError where that, or the renaming, is impossible.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = "".join(path.suffixes[-2:])  # Keras writes `.weights.h5`, and nothing else
    part = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}{suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
