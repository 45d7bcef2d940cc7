"""Folders that change all at once: a record, written last, names their files by checksum.

Whatever the moment of a crash, the record is the old or the new one, and what it names is there:
under its own name, or aside under a hidden one that holds the checksum, until the change settles.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Annotated, Any

import filelock

from knownface.errors import KnownfaceError
from knownface.files.runs import write_json
from knownface.files.values import Must, from_json, read_json
from knownface.files.whole import make_private, private_folder, whole_file

Digest = Annotated[
    str, Must("a SHA-256 in hexadecimal", lambda text: bool(re.fullmatch("[0-9a-f]{64}", text)))
]


class Change:
    """What a folder shall hold; `document` becomes its record."""

    def __init__(self, folder: Path) -> None:
        self.document: dict[str, Any] = {}
        self._folder = folder
        self._digests: dict[str, str] = {}

    def add(self, name: str, content: Path | bytes) -> str:
        """Take a file, or a copy of one, into the folder; gives the hex SHA-256 of its content."""
        digest = _digest(content)
        self._digests[name] = digest
        if _holds(self._folder / name, content, digest):
            make_private(self._folder / name)
        else:
            with whole_file(_aside(self._folder, name, digest)) as part:
                if isinstance(content, bytes):
                    part.write_bytes(content)
                else:
                    shutil.copyfile(content, part)
                _to_disk(part)
        return digest

    def commit(self, record: str, others: Mapping[str, str] | None = None) -> None:
        """Write the record; others: checksums of files that stay as they are."""
        with whole_file(self._folder / record) as part:
            write_json(part, self.document | {"files": {**(others or {}), **self._digests}})
            _to_disk(part)


@contextmanager
def changed_folder(folder: Path, record: str) -> Iterator[Change]:
    """Fill a `Change`; after success the folder is as it says, after a failure as it was.

    Changes wait for each other. Raises OSError where the folder cannot be written.
    """
    private_folder(folder)
    with filelock.FileLock(folder / ".lock"):
        try:
            earlier = _settle(folder, record)
            change = Change(folder)
            yield change
            change.commit(record)
        finally:
            kept = _settle(folder, record)
        for name in earlier.keys() - kept.keys():
            (folder / name).unlink(missing_ok=True)
        _unlock(folder)


def amend_record(
    folder: Path,
    record: str,
    amend: Callable[[dict[str, Any], Mapping[str, str]], Mapping[str, bytes]],
) -> None:
    """Change the record, and some of its files, at once; the other files are not even read.

    amend: changes the document that it is given, besides the checksums of all files, and gives
        the new content of some of these. Raises OSError, ValueError.
    """
    with filelock.FileLock(folder / ".lock"):
        _settle(folder, record)
        document, digests = _read(folder / record)
        change = Change(folder)
        change.document = document
        for name, content in amend(document, digests).items():
            change.add(name, content)
        change.commit(record, digests)
        _settle(folder, record)
        _unlock(folder)


def read_record(folder: Path, record: str) -> tuple[dict[str, Any], dict[str, tuple[Path, str]]]:
    """The record, and the place and checksum of each file that it names.

    A change that was cut off is settled first, where the folder can be written. Who reads a file
    checks its checksum, and reads the record again where they differ: it may change meanwhile.
    Raises OSError, ValueError.
    """
    if _left_behind(folder):
        with suppress(OSError, filelock.Timeout), filelock.FileLock(folder / ".lock", timeout=0):
            _settle(folder, record)
            _unlock(folder)
    document, digests = _read(folder / record)
    files = {}
    for name, digest in digests.items():
        aside = _aside(folder, name, digest)
        files[name] = (aside if aside.exists() else folder / name), digest
    return document, files


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The record without the checksums of its files, and those."""
    document = read_json(path)
    if not isinstance(document, dict):
        raise ValueError("the document must be an object")
    digests = from_json(dict[str, Digest], document.pop("files", {}), "files")
    for name in digests:
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts or not PurePath(name).name:
            raise ValueError(f"files names {name!r}, which lies elsewhere")
    return document, digests


def check_file(path: Path, digest: str) -> None:
    """KnownfaceError where a file of a record is not there, or not as it was saved."""
    try:
        found = _digest(path)
    except OSError as error:
        raise differs(path, error.strerror) from None
    if found != digest:
        raise differs(path)


def differs(path: Path, reason: str | None = None) -> KnownfaceError:
    """What is said of a file whose content is not what its record says."""
    what = reason or "its checksum is another one"
    return KnownfaceError(f"{path}: not as it was saved ({what}); copy it again or train again")


def _settle(folder: Path, record: str) -> Mapping[str, str]:
    """Give the record's files their own names, and remove what a cut-off change left."""
    digests: dict[str, str] = {}
    with suppress(OSError, ValueError):  # none yet, or damaged: nothing to keep
        digests = _read(folder / record)[1]
    for name, digest in digests.items():
        with suppress(FileNotFoundError):
            _aside(folder, name, digest).replace(folder / name)
    for left in [*_left_behind(folder), *folder.glob(f".{record}.*")]:
        left.unlink(missing_ok=True)
    return digests


def _left_behind(folder: Path) -> list[Path]:
    """What a change puts aside until it settles, in the folder and one below."""
    return [*folder.glob(".*.new*"), *folder.glob("*/.*.new*")]


def _unlock(folder: Path) -> None:
    with suppress(OSError):  # Windows does not remove open files
        (folder / ".lock").unlink()


def _aside(folder: Path, name: str, digest: str) -> Path:
    place = folder / name
    return place.with_name(f".{place.name}.{digest}.new")


def _holds(path: Path, content: Path | bytes, digest: str) -> bool:
    if not path.is_file():
        return False
    same = isinstance(content, Path) and path.samefile(content)
    return same or _digest(path) == digest


def _digest(content: Path | bytes) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
