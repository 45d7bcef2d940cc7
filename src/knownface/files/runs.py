"""Run folders: they appear whole or not at all, and what was trained for one is never lost."""

from __future__ import annotations

import errno
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import filelock

from knownface.errors import Interrupted, KnownfaceError
from knownface.files.whole import LONGEST_NAME, hidden_beside, private_folder, whole_file
from knownface.options import argument, call

log = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"  # of a folder's work: what makes it worth keeping
MARK = ".knownface-unfinished"  # the file that says who made a working folder, and from where
# What goes wrong with an open file, without saying which file it was.
WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@dataclass
class RunFolder:
    """work: a hidden folder to write in; final: the name that it takes after success.

    final is another one afterwards where somebody else took that name meanwhile.
    """

    work: Path
    final: Path


@contextmanager
def run_folder(
    out: Path | None,
    name: str,
    option: str = "out",
    resume: bool = False,
    again: Callable[[RunFolder], str] | None = None,
) -> Iterator[RunFolder]:
    """A hidden working folder beside the final one, renamed after success.

    What comes of a failure, or of Ctrl-C: where there are checkpoints, the working folder is kept,
    and the error says how to go on; otherwise it is removed. A folder with checkpoints is never
    begun anew, and one that was not made here is never touched. Only one process at a time works
    in it, until it has its name. All of it is for its owner only.

    name: of a new folder in `runs/`, where `out` is None. option: the argument that `out` came
    with, for errors. resume: go on in the working folder that an earlier run left. again: the call
    that goes on with it. Raises KnownfaceError; Interrupted, which says what is left.
    """
    final = out or _free_name(Path("runs") / name)
    _refuse_taken(final, option)
    run = RunFolder(hidden_beside(final, ".unfinished"), final)
    again = again or _anything_again
    with _locked(final, option):
        _refuse_taken(final, option)  # it may have been finished meanwhile
        try:
            _claim(run, option, resume, again)
        except OSError as error:
            raise _unwritable(final, error, option) from None
        try:
            yield run
            _finish(run)
        except BaseException as error:
            said = _ended(run, error, option, again)
            if said is error:
                raise
            raise said from None


@contextmanager
def _locked(final: Path, option: str) -> Iterator[None]:
    """Nobody else writes that run meanwhile; the lock lies beside it, for it outlives renaming."""
    path = hidden_beside(final, ".lock")
    lock = filelock.FileLock(path, timeout=0)
    try:
        private_folder(final.parent)
        lock.acquire()
    except filelock.Timeout:
        raise KnownfaceError(
            f"{final}: another run is writing it; wait, or choose another place with "
            f"{argument(option, ...)}"
        ) from None
    except OSError as error:
        raise _unwritable(final, error, option) from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows does not remove open files
            path.unlink()
        lock.release()


def _claim(run: RunFolder, option: str, resume: bool, again: Callable[[RunFolder], str]) -> None:
    """Make the working folder, or take over what an earlier run left."""
    work = run.work
    there = work.is_symlink() or work.exists()
    if there and not _is_ours(work):
        raise KnownfaceError(
            f"{work}: needed while {run.final} is written, and not made by knownface; move it "
            f"away, or choose another place with {argument(option, ...)}"
        )
    if resume and not there:
        raise KnownfaceError(
            f"{argument('resume', True)}: there is no unfinished run of {run.final}; "
            f"leave {argument('resume')} out"
        )
    if not resume and _has_checkpoints(work):
        raise KnownfaceError(f"{run.final}: was cut off; {_kept(run, option, again)}")
    work.mkdir(mode=0o700, exist_ok=True)
    if not resume:
        _empty(work)
    if not (work / MARK).exists():
        (work / MARK).write_text(f"{Path.cwd()}\n", encoding="utf-8", errors="surrogateescape")


def begun_in(work: Path) -> Path:
    """The folder that the paths of an unfinished run are relative to."""
    text = (work / MARK).read_text(encoding="utf-8", errors="surrogateescape")
    return Path(text.removesuffix("\n"))


def is_unfinished(folder: Path) -> bool:
    """Whether a run is being written there, or was cut off."""
    return (folder / MARK).is_file()


def _is_ours(work: Path) -> bool:
    """A real folder with our mark, or with nothing to lose."""
    if work.is_symlink() or not work.is_dir():
        return False
    mark = work / MARK
    return not any(work.iterdir()) or (mark.is_file() and not mark.is_symlink())


def _has_checkpoints(work: Path) -> bool:
    folder = work / CHECKPOINTS
    return folder.is_dir() and any(folder.iterdir())


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _finish(run: RunFolder) -> None:
    """Give the folder its name, or one like it: what appeared there meanwhile is not ours."""
    for place in _names(run.final):
        try:
            run.work.rename(place)
            break
        except OSError:
            if not (place.is_symlink() or place.exists()):
                raise
    if place != run.final:
        log.warning("%s: appeared meanwhile and was left alone; this run is %s", run.final, place)
    run.final = place
    shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)
    (place / MARK).unlink(missing_ok=True)


def _ended(
    run: RunFolder, error: BaseException, option: str, again: Callable[[RunFolder], str]
) -> BaseException:
    """What to raise instead of an error; it says what is left of the run."""
    kept = _has_checkpoints(run.work)
    if not kept:
        shutil.rmtree(run.work, ignore_errors=True)
    left = _kept(run, option, again) if kept else f"nothing of {run.final} was left behind"
    if isinstance(error, OSError) and error.strerror:
        unnamed = run.work if error.errno in WRITING else run.final
        if Path(error.filename or unnamed).is_relative_to(run.work):
            error = _unwritable(run.final, error, option)
    if isinstance(error, KeyboardInterrupt):
        return Interrupted(f"interrupted; {left}")
    if kept and isinstance(error, KnownfaceError):
        error.args = (f"{error}; {left}",)
    elif kept:
        log.warning("%s: not finished; %s", run.final, left)
    return error


def _kept(run: RunFolder, option: str, again: Callable[[RunFolder], str]) -> str:
    return (
        f"{run.work} keeps what was trained: {again(run)} goes on with it, and "
        f"another {argument(option)} begins a new one"
    )


def _anything_again(run: RunFolder) -> str:
    return call("train", ..., out=run.final, resume=True)


def _unwritable(place: Path, error: OSError, option: str) -> KnownfaceError:
    return KnownfaceError(
        f"{place}: cannot be written ({error.strerror}); choose another place with "
        f"{argument(option, ...)}"
    )


def empty_folder(out: Path | None, name: str) -> Path:
    """A new folder that several runs share; an existing one must be empty."""
    final = out or _free_name(Path("runs") / name)
    _refuse_taken(final, "out")
    try:
        private_folder(final)
    except OSError as error:
        raise _unwritable(final, error, "out") from None
    return final


def _refuse_taken(final: Path, option: str) -> None:
    try:
        taken = "exists already" if final.is_dir() and any(final.iterdir()) else ""
        if final.exists() and not final.is_dir():
            taken = "is a file, not a folder"
    except OSError as error:
        raise _unwritable(final, error, option) from None
    if taken:
        raise KnownfaceError(
            f"{argument(option, final)}: {taken}; choose another name or remove it"
        )


def _free_name(path: Path) -> Path:
    return next(place for place in _names(path) if not place.exists())


def _names(path: Path) -> Iterator[Path]:
    """path, path-2, path-3, ...; a name that would be too long is cut."""
    yield path
    for number in count(2):
        name = path.name
        while len((ending := f"{name}-{number}").encode(errors="surrogateescape")) > LONGEST_NAME:
            name = name[:-1]
        yield path.with_name(ending)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Readable JSON in UTF-8, whole; raises ValueError for numbers that JSON does not have."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
