"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden path beside `path`, of the same suffix, to be written to; renamed after success.

    After a failure nothing is left, and a file of that name stays as it was. Missing folders are
    made; raises OSError where that, or the renaming, is impossible.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{get_ident()}.{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Readable JSON in UTF-8, whole; raises ValueError for numbers that JSON does not have."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
