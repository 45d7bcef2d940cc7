"""Run folders: they appear whole or not at all."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError


@contextmanager
def run_folder(out: Path | None, name: str, option: str = "--out") -> Iterator[tuple[Path, Path]]:
    """A hidden working folder beside the final one, renamed after success, removed otherwise.

    option: what the user named `out` with, for errors.
    """
    final = _final(out, name, option)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    except OSError as error:
        raise KnownfaceError(
            f"{final.parent}: cannot be written ({error.strerror}); "
            f"choose another place with {option}"
        ) from None
    try:
        yield work, final
        work.chmod(0o755)
        work.replace(final)
    except OSError as error:
        if error.strerror is None:
            raise
        raise KnownfaceError(
            f"{final}: cannot be written ({error.strerror}); choose another place with {option}"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


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


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """`history.csv`: one row per epoch."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
