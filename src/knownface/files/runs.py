"""Run folders: they appear whole or not at all."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from knownface.errors import KnownfaceError
from knownface.files.whole import whole_file
from knownface.options import argument

log = logging.getLogger(__name__)


@contextmanager
def run_folder(
    out: Path | None, name: str, option: str = "out", resume: bool = False
) -> Iterator[tuple[Path, Path]]:
    """A hidden working folder beside the final one, renamed after success, removed otherwise.

    option: the argument that `out` came with, for errors. resume: go on in the working folder that
    an earlier run left; it is kept where there are checkpoints, unless the user has to mend
    something. Only one process at a time works in it.
    """
    final = _final(out, name, option)
    work = final.with_name(f".{final.name}.unfinished")
    if resume and not work.is_dir():
        raise KnownfaceError(
            f"{argument('resume', True)}: there is no unfinished run of {final}; "
            f"leave {argument('resume')} out"
        )
    lock = _claimed(work, final, option)
    keep = False
    try:
        if not resume:
            _empty(work)
        yield work, final
        shutil.rmtree(work / "checkpoints", ignore_errors=True)
        (work / ".lock").unlink()
        work.replace(final)
    except OSError as error:
        raise _unwritable(final, error, option) from None
    except KnownfaceError:
        raise
    except BaseException:
        keep = (work / "checkpoints").is_dir()
        if keep:
            log.warning(
                "The same command with %s goes on where this run was cut off",
                argument("resume", True),
            )
        raise
    finally:
        lock.release()
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


def _claimed(work: Path, final: Path, option: str) -> filelock.BaseFileLock:
    """The working folder, locked for this process."""
    lock = filelock.FileLock(work / ".lock", timeout=0)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise KnownfaceError(
            f"{final}: another run is writing it; wait, or choose another place with "
            f"{argument(option, ...)}"
        ) from None
    except OSError as error:
        raise _unwritable(final.parent, error, option) from None
    return lock


def _unwritable(place: Path, error: OSError, option: str) -> Exception:
    if error.strerror is None:
        return error
    return KnownfaceError(
        f"{place}: cannot be written ({error.strerror}); choose another place with "
        f"{argument(option, ...)}"
    )


def _empty(folder: Path) -> None:
    """Remove what an earlier run left, but for the lock."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def empty_folder(out: Path | None, name: str) -> Path:
    """A new folder that several runs share; an existing one must be empty."""
    final = _final(out, name)
    try:
        final.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(final, error, "out") from None
    return final


def _final(out: Path | None, name: str, option: str = "out") -> Path:
    final = out or _free_name(Path("runs") / name)
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise KnownfaceError(
            f"{argument(option, final)}: exists already; choose another name or remove it"
        )
    return final


def _free_name(path: Path) -> Path:
    """path, or path-2, path-3, ...: the first that does not exist."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Readable JSON in UTF-8, whole; raises ValueError for numbers that JSON does not have."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
