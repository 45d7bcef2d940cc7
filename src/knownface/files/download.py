"""Files that have to be here first: found on this machine or fetched, and always checked."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from knownface.errors import Interrupted, KnownfaceError
from knownface.files import silent_hosts
from knownface.files.cache import cache_folder
from knownface.files.whole import private_folder
from knownface.options import argument
from knownface.progress import Track, silent

if TYPE_CHECKING:
    import urllib.request

log = logging.getLogger(__name__)

CHUNK = 2**18  # bytes per step of the progress bar while downloading
# Seconds without a byte of the file after which it is given up: one that the user asked for, and
# one that knownface can do without.
PATIENCE, SHORT_PATIENCE = 15.0, 3.0
NOTICED = 1.0  # seconds of waiting for nothing that are worth remembering


class WeightError(KnownfaceError):
    """A weight file that cannot be had, or does not fit its network."""


class DamagedFile(WeightError):
    """A file that is here under an official name, and is not the official file."""


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


def obtain(file: WeightFile, track: Track = silent, asked: bool = True) -> Path:
    """A verified local copy: found on this machine, or downloaded into the cache.

    asked: whether the user asked for it. What knownface can do without is waited for at most
    SHORT_PATIENCE seconds, and not asked for where its host let somebody wait within a day.
    Raises WeightError, with the address, the hash and the ways out, where that fails; DamagedFile
    where the copy is not the official file.
    """
    path = find(file)
    if path is None:
        return download(file, track, asked)
    verify(file, path)
    return path


def verify(file: WeightFile, path: Path) -> None:
    """Compare size and sha256 with the record; raises DamagedFile."""
    try:
        size = path.stat().st_size
        if file.bytes not in (None, size):
            raise _damaged(file, path, f"{size:,} bytes", f"{file.bytes:,}")
        if file.sha256 is None:
            log.warning("%s: upstream publishes no sha256 to compare with", path)
            return
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DamagedFile(f"{path}: cannot be read ({error.strerror}); {_ways_out(file)}") from None
    if found != file.sha256:
        raise _damaged(file, path, f"sha256 {found}", file.sha256)


def _damaged(file: WeightFile, path: Path, found: str, expected: str) -> DamagedFile:
    mend = f"remove it, and it is fetched anew from {file.url}" if file.url else _ways_out(file)
    return DamagedFile(
        f"{path}: damaged, or another file under that name; it has {found}, and the official "
        f"{file.name} has {expected}; {mend}"
    )


def _ways_out(file: WeightFile) -> str:
    if file.url is None:
        return "reinstall knownface"
    return (
        f"fetch {file.url} (sha256 {file.sha256}) by other means and pass it with "
        f"{argument('weights', 'FILE')}, or put its folder into KNOWNFACE_WEIGHTS"
    )


# ---------------------------------------------------------------- download
def download(file: WeightFile, track: Track = silent, asked: bool = True) -> Path:
    """Fetch into the cache: resumes a cut transfer, verifies, then moves into place.

    Several processes may ask at once; one downloads and the others wait for it. asked: as in
    `obtain`.
    """
    import http.client

    from filelock import FileLock

    if file.url is None:
        raise WeightError(f"{file.name}: missing from the installed package; {_ways_out(file)}")
    folder = cache_folder() / "weights"
    target, part = folder / file.name, folder / f"{file.name}.part"
    contact = _contact(file.url)
    try:
        private_folder(folder)
        with FileLock(folder / f".{file.name}.lock"):
            if not target.is_file():  # another process may have been quicker
                if not asked and silent_hosts.is_silent(contact):
                    raise OSError(f"{contact} did not answer lately and is not asked for a day")
                total = _transfer(file, part, track, PATIENCE if asked else SHORT_PATIENCE)
                _accept(file, part, target, total)
                silent_hosts.forget(contact)
    except KeyboardInterrupt:
        if not part.exists():
            raise
        raise Interrupted(f"interrupted; the next time goes on with what is in {part}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, TimeoutError):
            silent_hosts.remember(contact)
        if part.exists() and part.stat().st_size == 0:
            part.unlink()
        raise WeightError(
            f"{file.name}: download failed, {_cause(error)}; {_ways_out(file)}"
        ) from None
    return target


def _contact(url: str) -> str:
    """The host that is connected to: a proxy, or that of the address."""
    import urllib.parse
    import urllib.request

    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if proxy and not urllib.request.proxy_bypass(parts.netloc):
        parts = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.netloc.rpartition("@")[2]


def _transfer(file: WeightFile, part: Path, track: Track, patience: float) -> int:
    """Append what is missing to `part`; the size that the whole file should have."""
    import urllib.parse
    import urllib.request

    have = part.stat().st_size if part.exists() else 0
    if file.bytes is not None and have >= file.bytes:
        return file.bytes
    assert file.url is not None
    size = f"{file.bytes:,} bytes" if file.bytes else "size not published"
    log.info("Downloading %s (%s) from %s", file.name, size, urllib.parse.urlsplit(file.url).netloc)
    request = urllib.request.Request(file.url, headers={"User-Agent": "knownface"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    reply = _Reply(request, patience)
    if reply.status != 206:  # the server ignores the range and starts again
        have = 0
    left = (file.bytes - have) if file.bytes is not None else reply.length
    with part.open("ab" if have else "wb") as out:
        chunks = _chunks(reply.blocks(), left)
        for chunk in track(chunks, f"Downloading {file.name}", -(-left // CHUNK)):
            out.write(chunk)
    return have + left


class _Reply:
    """An answer, received by a thread: nothing else bounds how long a name is looked up.

    Raises TimeoutError where no byte of the body comes for `patience` seconds, the wait for the
    answer included; what else goes wrong counts as that too if it took NOTICED seconds.
    """

    def __init__(self, request: urllib.request.Request, patience: float) -> None:
        import urllib.request

        self._items: Queue[Any] = Queue(64)
        self._patience, self._since = patience, time.monotonic()
        opener = urllib.request.build_opener()  # reads the proxy variables as they are now
        Thread(target=self._receive, args=(opener, request), daemon=True).start()
        self.status, self.length = self._next()

    def blocks(self) -> Iterator[bytes]:
        """The body, in pieces as they come."""
        while block := self._next():
            yield block
            self._since = time.monotonic()

    def _next(self) -> Any:
        try:
            left = self._since + self._patience - time.monotonic()
            item = self._items.get(timeout=max(left, 0.0))
        except Empty:
            raise TimeoutError(f"nothing came for {self._patience:.0f} seconds") from None
        if not isinstance(item, Exception):
            return item
        waited = time.monotonic() - self._since
        if waited < NOTICED or hasattr(item, "code"):  # an HTTPError is an answer
            raise item
        raise TimeoutError(f"{_cause(item)}, after {waited:.0f} seconds")

    def _receive(self, opener: urllib.request.OpenerDirector, request: Any) -> None:
        def hand_over(item: object) -> None:
            self._items.put(item, timeout=self._patience)

        try:
            try:
                with opener.open(request, timeout=2 * self._patience) as reply:  # `_next` is first
                    hand_over((reply.status, int(reply.headers.get("Content-Length") or 0)))
                    while block := reply.read1(CHUNK):
                        hand_over(block)
                hand_over(b"")
            except Full:
                raise
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                hand_over(error)
        except Full:  # nobody reads on
            return


def _chunks(blocks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """CHUNK bytes each, in all at most one more than expected: enough to notice, not to flood."""
    held, left = bytearray(), limit + 1
    for block in blocks:
        held += block[:left]
        left -= len(block[:left])
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
        if not left:
            break
    if held:
        yield bytes(held)


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
