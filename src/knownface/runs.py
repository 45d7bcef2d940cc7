"""Run folders: they appear whole or not at all."""

from __future__ import annotations

import csv
import importlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from knownface.errors import KnownfaceError

log = logging.getLogger(__name__)


@contextmanager
def run_folder(
    out: Path | None, name: str, option: str = "--out", resume: bool = False
) -> Iterator[tuple[Path, Path]]:
    """A hidden working folder beside the final one, renamed after success, removed otherwise.

    option: what the user named `out` with, for errors. resume: go on in the working folder that
    an earlier run left; it is kept where there are checkpoints, unless the user has to mend
    something. Only one process at a time works in it.
    """
    final = _final(out, name, option)
    work = final.with_name(f".{final.name}.unfinished")
    if resume and not work.is_dir():
        raise KnownfaceError(f"--resume: there is no unfinished run of {final}; leave --resume out")
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
            log.warning("The same command with --resume goes on where this run was cut off")
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
            f"{final}: another run is writing it; wait, or choose another place with {option}"
        ) from None
    except OSError as error:
        raise _unwritable(final.parent, error, option) from None
    return lock


def _unwritable(place: Path, error: OSError, option: str) -> Exception:
    if error.strerror is None:
        return error
    return KnownfaceError(
        f"{place}: cannot be written ({error.strerror}); choose another place with {option}"
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
        raise KnownfaceError(
            f"{final}: cannot be written ({error.strerror}); choose another place with --out"
        ) from None
    return final


def _final(out: Path | None, name: str, option: str = "--out") -> Path:
    final = out or _free_name(Path("runs") / name)
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise KnownfaceError(f"{option} {final}: exists already; choose another name or remove it")
    return final


def _free_name(path: Path) -> Path:
    """path, or path-2, path-3, ...: the first that does not exist."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Readable JSON in UTF-8."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


# ---------------------------------------------------------------- history
Row = dict[str, Any]  # one epoch: its number, loss, accuracy, and what else was measured


class History:
    """`history.csv` of a run folder, a row per epoch of every stage, and where else it is sent.

    tensorboard: also write event files to `tensorboard/`; mlflow: also log to MLflow, with options
    as parameters. Raises KnownfaceError where such a package is missing.
    """

    def __init__(
        self, folder: Path, tensorboard: bool, mlflow: bool, options: dict[str, Any]
    ) -> None:
        self.path, self.rows = folder / "history.csv", dict[str, list[Row]]()
        self._events = _package("tensorboardX", "tensorboard") if tensorboard else None
        self._mlflow = _package("mlflow", "mlflow") if mlflow else None
        self._folder, self._options = folder, options

    def __enter__(self) -> History:
        if self._events:
            self._writer = self._events.SummaryWriter(str(self._folder / "tensorboard"))
        if self._mlflow:
            self._mlflow.start_run(run_name=self._folder.name.strip(".").split(".unfinished")[0])
            self._mlflow.log_params(self._options)
        return self

    def __exit__(self, *_: object) -> None:
        if self._events:
            self._writer.close()
        if self._mlflow:
            self._mlflow.end_run()

    def stage(self, name: str) -> Callable[[list[Row]], None]:
        """Called with all rows of a stage so far, once an epoch."""

        def watch(rows: list[Row]) -> None:
            new = rows[len(self.rows.get(name, [])) :]
            self.rows[name] = list(rows)
            if not new:
                return
            self._write()
            for row in new:
                numbers = {key: float(row[key]) for key in row if key != "epoch"}
                self._send(name, row["epoch"], numbers)
            shown = ", ".join(f"{key} {value:.3f}" for key, value in numbers.items())
            log.info("%s, epoch %d: %s", name, row["epoch"], shown)

        return watch

    def _send(self, stage: str, epoch: int, numbers: dict[str, float]) -> None:
        for key, value in numbers.items():
            if self._events:
                self._writer.add_scalar(f"{stage}/{key}", value, epoch)
            if self._mlflow:
                self._mlflow.log_metric(f"{stage}/{key}", value, step=epoch)

    def _write(self) -> None:
        rows = [{"stage": stage, **row} for stage, some in self.rows.items() for row in some]
        columns = dict.fromkeys(key for row in rows for key in row)
        with self.path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(columns))
            writer.writeheader()
            writer.writerows(rows)


def _package(name: str, extra: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        return importlib.import_module(name)
    except ImportError:
        raise KnownfaceError(f"--{extra} needs {name}; pip install 'knownface[{extra}]'") from None
