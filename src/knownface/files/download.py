"""Files that have to be here first: found on this machine or fetched, and always checked."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from knownface.errors import Interrupted, KnownfaceError
from knownface.files.cache import cache_folder
from knownface.files.whole import private_folder
from knownface.options import argument
from knownface.progress import Track, silent

log = logging.getLogger(__name__)

CHUNK = 2**18  # bytes per read while downloading


class WeightError(KnownfaceError):
    """A weight file that cannot be had, or does not fit its network."""


@dataclass(frozen=True)
class WeightFile:
    """One official file: everything that identifies it.

    bytes and sha256 are checked before a single array is read; None where upstream does not
    publish them, and strict loading alone has to judge. url: None for a file that comes with the
    package, in the folder `packaged`.
    """

    name: str
    url: str | None
    bytes: int | None
    sha256: str | None
    licence: str
    source: str
    packaged: Path | None = None


# ---------------------------------------------------------------- finding
def search_folders() -> list[Path]:
    """Where files may already lie: `KNOWNFACE_WEIGHTS`, then the cache.

    Folders in the variable are separated as in PATH.
    """
    listed = os.environ.get("KNOWNFACE_WEIGHTS", "").split(os.pathsep)
    return [Path(folder) for folder in listed if folder] + [cache_folder() / "weights"]


def find(file: WeightFile) -> Path | None:
    """The local copy of an official file, not yet verified, or None."""
    folders = [*search_folders(), *filter(None, [file.packaged])]
    candidates = (folder / file.name for folder in folders)
    return next((path for path in candidates if path.is_file()), None)


def obtain(file: WeightFile, track: Track = silent) -> Path:
    """A verified local copy: found on this machine, or downloaded into the cache.

    Raises WeightError, with the address, the hash and the ways out, where that fails.
    """
    path = find(file)
    if path is None:
        return download(file, track)
    verify(file, path)
    return path


def verify(file: WeightFile, path: Path) -> None:
    """Compare size and sha256 with the record; raises WeightError."""
    size = path.stat().st_size
    if file.bytes is not None and size != file.bytes:
        raise WeightError(
            f"{path}: {size:,} bytes where {file.name} has {file.bytes:,} (truncated, or another "
            f"file of that name); {_ways_out(file)}"
        )
    if file.sha256 is None:
        log.warning("%s: upstream publishes no sha256 to compare with", path)
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.sha256:
        raise WeightError(
            f"{path}: sha256 {found} is not that of {file.name}, {file.sha256}; {_ways_out(file)}"
        )


def _ways_out(file: WeightFile) -> str:
    if file.url is None:
        return "reinstall knownface"
    return (
        f"fetch {file.url} (sha256 {file.sha256}) by other means and pass it with "
        f"{argument('weights', 'FILE')}, or put its folder into KNOWNFACE_WEIGHTS"
    )


# ---------------------------------------------------------------- download
def download(file: WeightFile, track: Track = silent) -> Path:
    """Fetch into the cache: resumes a cut transfer, verifies, then moves into place.

    Several processes may ask at once; one downloads and the others wait for it.
    """
    from filelock import FileLock

    if file.url is None:
        raise WeightError(f"{file.name}: missing from the installed package; {_ways_out(file)}")
    folder = cache_folder() / "weights"
    target, part = folder / file.name, folder / f"{file.name}.part"
    try:
        private_folder(folder)
        with FileLock(folder / f".{file.name}.lock"):
            if not target.is_file():  # another process may have been quicker
                total = _transfer(file, part, track)
                _accept(file, part, target, total)
    except KeyboardInterrupt:
        if not part.exists():
            raise
        raise Interrupted(f"interrupted; the next time goes on with what is in {part}") from None
    except (OSError, ValueError) as error:
        if part.exists() and part.stat().st_size == 0:
            part.unlink()
        raise WeightError(
            f"{file.name}: download failed, {_cause(error)}; {_ways_out(file)}"
        ) from None
    return target


def _transfer(file: WeightFile, part: Path, track: Track) -> int:
    """Append what is missing to `part`; the size that the whole file should have."""
    import urllib.request

    have = part.stat().st_size if part.exists() else 0
    if file.bytes is not None and have >= file.bytes:
        return file.bytes
    assert file.url is not None
    request = urllib.request.Request(file.url, headers={"User-Agent": "knownface"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    opener = urllib.request.build_opener()  # reads the proxy variables as they are now
    with opener.open(request, timeout=30) as reply:
        if reply.status != 206:  # the server ignores the range and starts again
            have = 0
        declared = int(reply.headers.get("Content-Length") or 0)
        left = (file.bytes - have) if file.bytes is not None else declared
        with part.open("ab" if have else "wb") as out:
            blocks = _blocks(reply, left)
            for block in track(blocks, f"Downloading {file.name}", -(-left // CHUNK)):
                out.write(block)
    return have + left


def _blocks(reply: IO[bytes], limit: int) -> Iterator[bytes]:
    """Chunks of the reply, at most one byte more than expected: enough to notice, not to flood."""
    left = limit + 1
    while left > 0 and (block := reply.read(min(CHUNK, left))):
        left -= len(block)
        yield block


def _accept(file: WeightFile, part: Path, target: Path, total: int) -> None:
    arrived = part.stat().st_size
    if arrived < total:  # kept: the next attempt resumes here
        raise OSError(f"the connection ended after {arrived:,} of {total:,} bytes")
    try:
        verify(file, part)
    except WeightError:
        part.unlink()
        raise ValueError("what arrived has another size or sha256 than the official file") from None
    part.replace(target)


def _cause(error: Exception) -> str:
    import urllib.error

    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    return str(getattr(error, "strerror", None) or error)
