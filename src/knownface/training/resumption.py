"""Going on with a run that was cut off: with the same options and photos, or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from knownface.errors import KnownfaceError
from knownface.files.runs import RunFolder, begun_in, write_json
from knownface.files.values import read_json
from knownface.options import argument, call, options_of
from knownface.training.config import TrainingConfig

# Options that name a file or a folder: how it is written does not matter.
PLACES = {
    n for n, kind in options_of(TrainingConfig).items() if Path in get_args(get_args(kind)[0])
}
UNDECIDING = {"accept_license"}  # given once, and remembered


def keep_options(work: Path, options: Mapping[str, Any]) -> None:
    """Write `config.json`; KnownfaceError where the run was begun with other options.

    options: of a `TrainingConfig`, by name.
    """
    path = work / "config.json"
    if not path.is_file():
        write_json(path, dict(options))
        return
    earlier, start = _read(path), begun_in(work)
    for name, value in options.items():
        before = earlier.get(name)
        same = _plain(name, before, start) == _plain(name, value, Path.cwd())
        if name not in UNDECIDING and not same:
            raise KnownfaceError(
                f"{argument('resume', True)}: the run was begun {_with(name, before)}, not "
                f"{_with(name, value)}"
            )


def keep_split(work: Path, split: Mapping[str, Any]) -> None:
    """Write `split.json`; KnownfaceError where the run was begun with other photos.

    split: photos by name, in `train` and in `validation`.
    """
    path = work / "split.json"
    if path.is_file():
        earlier = _read(path)
        before, now = (
            {photo: part for part in ("train", "validation") for photo in some.get(part, ())}
            for some in (earlier, split)
        )
        if gone := sorted(before.keys() - now.keys()):
            raise KnownfaceError(
                f"{_number(gone)} of the run that was begun cannot be used now; bring back what is "
                "missing"
            )
        if new := sorted(now.keys() - before.keys()):
            raise KnownfaceError(
                f"{_number(new)} were not in the run that was begun; take them away"
            )
        if moved := sorted(photo for photo in now if now[photo] != before[photo]):
            raise KnownfaceError(f"{_number(moved)} have changed since the run was begun")
    write_json(path, dict(split))


def going_on(run: RunFolder) -> str:
    """The call that goes on with an unfinished run, from the working directory of now."""
    config, start = _read(run.work / "config.json"), begun_in(run.work)
    if start != Path.cwd():
        config |= {name: _plain(name, config.get(name), start) for name in PLACES}
    usual = {field.name: field.default for field in fields(TrainingConfig)}
    chosen = {n: value for n, value in config.items() if n in usual and value != usual[n]}
    return call("train", chosen.pop("data", ...), **chosen, out=run.final, resume=True)


def _plain(name: str, value: Any, start: Path) -> Any:
    """An option's value; a place as its one absolute path, read from the folder `start`."""
    if name not in PLACES or value in (None, "none") or "://" in str(value):
        return value
    return os.path.realpath(start / str(value))


def _with(name: str, value: Any) -> str:
    return (
        f"without {argument(name)}" if value in (None, False) else f"with {argument(name, value)}"
    )


def _number(photos: list[str]) -> str:
    more = f" and {len(photos) - 1} other photos" if photos[1:] else ""
    return f"{argument('resume', True)}: {photos[0]}{more}"


def _read(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where it was not written yet."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
