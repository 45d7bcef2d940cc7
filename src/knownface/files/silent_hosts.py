"""Hosts that let somebody wait for nothing, remembered for a day, so that the next one need not."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from knownface.files.cache import cache_folder

DAY = 24 * 60 * 60.0  # seconds
_here: set[Path] = set()  # where the cache cannot be written


def is_silent(host: str) -> bool:
    """Whether it let somebody wait within the last day."""
    mark = _mark(host)
    try:
        return 0 <= time.time() - mark.stat().st_mtime < DAY
    except OSError:
        return mark in _here


def remember(host: str) -> None:
    """It let somebody wait just now."""
    mark = _mark(host)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)
        mark.touch()
    except OSError:
        _here.add(mark)


def forget(host: str) -> None:
    """It has answered."""
    mark = _mark(host)
    _here.discard(mark)
    with suppress(OSError):
        mark.unlink()


def _mark(host: str) -> Path:
    return cache_folder() / "silent" / quote(host, safe="")
