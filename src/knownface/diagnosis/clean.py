"""A cleaned copy of a folder of people; the original stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knownface.diagnosis.findings import Diagnosis
from knownface.errors import KnownfaceError
from knownface.files.runs import run_folder
from knownface.files.whole import private_folder
from knownface.options import argument
from knownface.progress import Track, silent


@contextmanager
def new_copy(target: Path | None, data: Path) -> Iterator[Path | None]:
    """A hidden folder beside `target` that takes its name after success, or None for None.

    Refused at once, before any work: a target with something in it, or inside the original.
    """
    if target is None:
        yield None
        return
    if target.resolve().is_relative_to(data.resolve()):
        raise KnownfaceError(
            f"{argument('fix', target)}: lies inside {data}, which is never changed"
        )
    with run_folder(target, target.name, "fix") as run:
        yield run.work


def copy_good(diagnosis: Diagnosis, target: Path, track: Track = silent) -> int:
    """Copy what is not left out into `target/<person>/`; how many photos that are.

    Raises KnownfaceError where nothing is good, or a photo has gone since.
    """
    if not (good := diagnosis.good):
        raise KnownfaceError(f"{diagnosis.root}: no photo is good enough for a cleaned copy")
    for photo in track(good, "Copying", len(good)):
        place = target / photo
        try:
            private_folder(place.parent)
            shutil.copy2(diagnosis.root / photo, place)
        except FileNotFoundError:
            raise KnownfaceError(
                f"{diagnosis.root / photo}: has gone since it was checked; check again"
            ) from None
    return len(good)
