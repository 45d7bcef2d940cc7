"""A folder of people: scanning it, and splitting it without leaks."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.errors import KnownfaceError

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class FaceDataset:
    """Photos by person.

    people: folder names (Unicode NFC), sorted.
    paths: n photo files, grouped by person.
    labels: (n,) index into `people`.
    """

    root: Path
    people: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: np.ndarray

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each photo's path inside the folder, with forward slashes, as reports show it."""
        return tuple(path.relative_to(self.root).as_posix() for path in self.paths)


def scan_folders(
    people: str | Path, strangers: str | Path | None
) -> tuple[FaceDataset, FaceDataset | None]:
    """`scan` a folder of people and, if given, one of strangers."""
    return scan(Path(people)), scan(Path(strangers), loose=True) if strangers else None


def scan(root: Path, loose: bool = False) -> FaceDataset:
    """Find the people of `root/<person>/**/*.jpg` and the other photo formats.

    loose: photos that lie in `root` itself are taken too, each as a person of its own; right for
        strangers, whose names do not matter.
    Hidden files and files of other kinds are passed over. Raises KnownfaceError where there is
    no folder, no person, or no permission.
    """
    root = existing_folder(root)
    import numpy as np

    from knownface.faces.photo import SUFFIXES

    try:
        entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    except PermissionError:
        raise KnownfaceError(f"{root}: no permission to list it (chmod u+rx)") from None
    folders = [path for path in entries if path.is_dir()]
    singles = [path for path in entries if path.suffix.lower() in SUFFIXES and path.is_file()]
    photos = {folder: _photos_below(folder) for folder in folders}
    if loose:
        photos |= {path: [path] for path in singles}
    people = _names([place for place, found in photos.items() if found])
    if not people:
        hint = "photos lie in it directly, move each into" if singles else "put each person's into"
        raise KnownfaceError(f"{root}: no photos in sub-folders; {hint} {root}/<person>/")
    paths = [path for place in people.values() for path in photos[place]]
    labels = [i for i, place in enumerate(people.values()) for _ in photos[place]]
    return FaceDataset(root, tuple(people), tuple(paths), np.array(labels, np.int64))


def existing_folder(root: str | Path) -> Path:
    """The folder of people, or KnownfaceError; costs nothing, to be asked before long work."""
    root = Path(root)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise KnownfaceError(f"{root}: {what}; expected photos in {root}/<person>/*.jpg")
    return root


def _names(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by normalised name, sorted; two that normalise alike are an error."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = unicodedata.normalize("NFC", folder.name)
        if name in names:
            raise KnownfaceError(f"{folder}: the same name as {names[name]} in Unicode; merge them")
        names[name] = folder
    return dict(sorted(names.items()))


def _photos_below(folder: Path) -> list[Path]:
    from knownface.faces.photo import SUFFIXES

    def refuse(error: OSError) -> None:
        raise KnownfaceError(f"{error.filename}: no permission to list it (chmod u+rx)") from None

    found = []
    for parent, subfolders, files in os.walk(folder, onerror=refuse):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [
            Path(parent) / name
            for name in sorted(files)
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return found
