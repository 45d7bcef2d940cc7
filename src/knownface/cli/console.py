"""How a command runs on a terminal: progress, notes, and every ending as one line and a code."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from knownface.errors import KnownfaceError
from knownface.options import naming_flags
from knownface.progress import Track
from knownface.visible import visible

T = TypeVar("T")

# What libraries say of an odd machine, and what is to be mended there.
MACHINES = (
    (
        "No usable temporary directory",
        "no folder for temporary files can be written; set TMPDIR to one that can",
    ),
    (
        "timestamps before 1980",
        "this machine's clock stands before 1980, which archives cannot hold; set the clock",
    ),
)

stderr = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(line: str) -> None:
    """A line on stdout, at once; what a name in it would do to the terminal is shown instead."""
    print(printable(line), flush=True)


def complain(line: str) -> None:
    """A line on stderr, likewise."""
    stderr.print(visible(line))


def printable(line: str) -> str:
    """What stdout can show of a line, in its encoding; the rest as in a Python string."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return visible(line).encode(encoding, "backslashreplace").decode(encoding)


def print_json(document: Any) -> None:
    """The one document of `--json`, on stdout; in ASCII where stdout cannot show it as it is."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    print(text if text == printable(text) else json.dumps(document, allow_nan=False))


def note(text: str) -> None:
    """A line on stderr that `--quiet` leaves out."""
    logging.getLogger("knownface").info(text)


class _Lines(logging.Handler):
    """Each record as one line on stderr, above the progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


class _Rate(ProgressColumn):
    """Items per second."""

    def render(self, task: Task) -> Text:
        # Of all the time: several items that come at once say nothing about the next ones.
        seconds = task.finished_time or task.elapsed
        if not seconds or not task.completed:
            return Text("")
        rate = task.completed / seconds
        return Text(f"{rate:.0f}/s" if rate >= 100 else f"{rate:.3g}/s")


@contextmanager
def session(quiet: bool, notes: bool, flag: Callable[[str], str] = str) -> Iterator[Track]:
    """One command: progress and notes on stderr, and every error as a line and an exit code.

    flag: what an argument of the Python functions is called on the command line.
    Yields the `Track` that draws progress bars. What else runs in this process finds logging and
    SIGTERM as they were.
    """
    logger = logging.getLogger("knownface")
    handler, level = _Lines(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if notes and not quiet else logging.WARNING)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), _Rate(),
        TimeRemainingColumn(),
    )  # fmt: skip
    progress = Progress(*columns, console=stderr, disable=quiet)

    code = 0
    for stream in (sys.stdout, sys.stderr):  # a name that a terminal cannot show ends nothing
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        with naming_flags(flag), _libraries(quiet), _tidied_up_when_ended():
            yield _drawn_by(progress)
        sys.stdout.flush()
    except typer.Exit:
        raise
    except BaseException as error:  # noqa: BLE001 - every way to end passes here, once
        _stop(progress)
        code = _ending(error)
    finally:
        _stop(progress)
        logger.removeHandler(handler)
        logger.setLevel(level)
    if code:
        raise typer.Exit(code)


@contextmanager
def _tidied_up_when_ended() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say so, and nobody sends signals to another
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def _libraries(quiet: bool) -> Iterator[None]:
    """What libraries warn of is shown, or not."""
    if not quiet:
        yield
        return
    nowhere = logging.NullHandler()  # instead of Python's last resort, stderr
    logging.getLogger().addHandler(nowhere)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().removeHandler(nowhere)


def _drawn_by(progress: Progress) -> Track:
    def track(items: Iterable[T], description: str, total: int) -> Iterator[T]:
        if not total:
            return
        if not progress.live.is_started:  # it would print an empty line for nothing
            progress.start()
        task = progress.add_task(visible(description), total=total)
        for item in items:
            yield item
            progress.advance(task)

    return track


def _stop(progress: Progress) -> None:
    if progress.live.is_started:
        progress.stop()


def _ending(error: BaseException) -> int:
    """Say in one line why a command ends, and give its exit code."""
    if isinstance(error, KnownfaceError):
        return _fail(str(error), 2)
    if isinstance(error, KeyboardInterrupt):
        return _fail(str(error) or "interrupted", 130)
    if isinstance(error, BrokenPipeError):  # the reader, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES):
        return _fail(f"{error.filename or 'a file'}: cannot be written ({error.strerror})", 2)
    if known := next((sentence for text, sentence in MACHINES if text in str(error)), ""):
        return _fail(known, 2)
    if os.environ.get("KNOWNFACE_DEBUG"):
        raise error
    what = f"{type(error).__name__}: {error}".split("\n")[0]
    return _fail(
        f"a fault in knownface: {what}; KNOWNFACE_DEBUG=1 shows where, please report it", 1
    )


def _fail(message: str, code: int) -> int:
    complain(f"knownface: {message}")
    return code
