"""Compiled networks in the cache folder, so that the next process need not compile them again."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

from knownface.files.cache import cache_folder
from knownface.files.whole import whole_file

log = logging.getLogger(__name__)

CHECKSUM = 16  # bytes before the content
MOST = 16  # networks that are kept: those that were used last


def load(key: str) -> bytes | None:
    """What was kept under a key; None where there is nothing, or not what was kept."""
    path = _path(key)
    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    body = data[CHECKSUM:]
    return body if _checksum(body) == data[:CHECKSUM] else None


def save(key: str, data: bytes) -> None:
    """Best effort: a full or read-only cache only costs the next process its time."""
    path = _path(key)
    try:
        with whole_file(path) as part:
            part.write_bytes(_checksum(data) + data)
        known = sorted(path.parent.iterdir(), key=lambda each: -each.stat().st_mtime)
        for old in known[MOST:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        log.debug("compiled networks: %s", error)


def _path(key: str) -> Path:
    return cache_folder() / "compiled" / hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=CHECKSUM).digest()
