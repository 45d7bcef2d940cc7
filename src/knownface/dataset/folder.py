"""A folder of people: scanning it, and splitting it without leaks."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.errors import KnownfaceError
from knownface.faces.find import (
    Found,
    find_photos,
    in_order,
    is_passed_over,
    is_photo,
    passed_over,
)
from knownface.options import call

if TYPE_CHECKING:
    import numpy as np

    from knownface.faces.face import FoundFaces

log = logging.getLogger(__name__)

# Folders that others parted for training; the first of them is the one to pass.
TRAINING_PARTS = ("train", "training", "people")
# The first word of photos as cameras, phones and messengers name them; nobody is called so.
CAMERAS = {
    "DCIM", "DSC", "DSCF", "DSCN", "FB", "FULLSIZERENDER", "GOPR", "IMAGE", "IMG", "MVIMG", "P",
    "PHOTO", "PIC", "PICTURE", "PXL", "SCAN", "SCREENSHOT", "SIGNAL", "SNAPCHAT", "WHATSAPP",
}  # fmt: skip
# Eight characters, of which the last four are digits, as cameras name files (CIPA DC-009).
_DCF = re.compile(r"[A-Z0-9_]{4}[0-9]{4}")
_NUMBERED = re.compile(r"[\s_.-]*\(?[\d_.\s-]*\d\)?$")


@dataclass(frozen=True)
class FaceDataset:
    """Photos by person.

    people: folder names (Unicode NFC), sorted.
    paths: n photo files, grouped by person.
    labels: (n,) index into `people`.
    ignored: files that are no photos, or lie beside the people's folders; lost: folders that hold
        nothing else. found: faces in the photos, where they are known already.
    """

    root: Path
    people: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: np.ndarray
    ignored: tuple[Path, ...] = ()
    lost: tuple[str, ...] = ()
    found: FoundFaces | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each photo's path inside the folder, with forward slashes, as reports show it."""
        return tuple("/".join(map(shown, path.relative_to(self.root).parts)) for path in self.paths)


def scan(root: Path, loose: bool = False) -> FaceDataset:
    """Find the people of `root/<person>/`, and every photo below each, by its content.

    loose: photos that lie in `root` itself are taken too, each as a person of its own; right for
        strangers, whose names do not matter.
    Where there are no folders with photos, photos called `Ann.jpg`, `Bob 1.jpg` and `Bob 2.jpg` are
    those of Ann and Bob. Hidden and system folders are passed over; other files, and people who
    have nothing else, are kept in `ignored` and `lost`, and said. Raises KnownfaceError where there
    is no folder, no person or no permission, and where the people seem to be one level deeper.
    """
    root = existing_folder(root)
    try:
        entries = sorted(path for path in root.iterdir() if not is_passed_over(path))
    except PermissionError:
        raise KnownfaceError(f"{root}: no permission to list it (chmod u+rx)") from None
    singles = [path for path in entries if path.is_file() and is_photo(path)]
    found = {folder: find_photos(folder) for folder in entries if folder.is_dir()}
    return _labelled(root, found, singles, loose)


def listed(root: Path, paths: Iterable[Path], loose: bool = False) -> FaceDataset:
    """What `scan` would find if `root` held nothing else than these photos below it."""
    folders, singles = dict[Path, list[Path]](), list[Path]()
    for path in sorted(paths, key=in_order):
        first, *deeper = path.relative_to(root).parts
        (folders.setdefault(root / first, []) if deeper else singles).append(path)
    found = {folder: Found(tuple(some), (), 0) for folder, some in folders.items()}
    return _labelled(root, found, singles, loose)


def _labelled(
    root: Path, found: Mapping[Path, Found], singles: list[Path], loose: bool
) -> FaceDataset:
    """The people of `scan`. found: by their folders; singles: photos that lie in `root` itself."""
    import numpy as np

    photos = {folder: each.photos for folder, each in found.items()}
    if loose:
        photos |= {path: (path,) for path in singles}
    else:
        _refuse_levels(root, photos)
    people = _names([place for place, some in photos.items() if some])
    named = {name: photos[place] for name, place in people.items()}
    if not named and (named := named_by_file(singles)):
        log.info("%s: no folders; each photo is the person's that its name says", root)
        singles = []
    if not named:
        hint = f"put each person's into {root}/<person>/"
        if singles:
            hint = f"photos lie in it directly, move each into {root}/<person>/"
            hint += f", or sort them with {call('group', root, out='DIR')}"
        raise KnownfaceError(f"{root}: no photos in sub-folders; {hint}")
    paths = [path for some in named.values() for path in some]
    labels = [i for i, some in enumerate(named.values()) for _ in some]
    ignored = [path for each in found.values() for path in each.others]
    lost = [folder.name for folder, each in found.items() if each.others and not each.photos]
    ignored += [] if loose else singles
    if ignored:
        log.info("%s: %s", root, passed_over(ignored))
    if lost:
        log.warning("%s: no photo in %s, which is left out", root, ", ".join(map(shown, lost)))
    numbers = np.array(labels, np.int64)
    return FaceDataset(root, tuple(named), tuple(paths), numbers, tuple(ignored), tuple(lost))


def named_by_file(photos: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Photos by the person in their names, sorted; empty where cameras named some, or all alike.

    A number behind a name tells photos of one person apart: `Ann_1`, `Ann (2)`, `Ann3`.
    """
    named: dict[str, list[Path]] = {}
    for path in photos:
        name = unicodedata.normalize("NFC", _NUMBERED.sub("", shown(path.stem)).strip())
        by_camera = _DCF.fullmatch(path.stem) or re.split(r"[\s_-]", name)[0].upper() in CAMERAS
        if not name or by_camera:
            return {}
        named.setdefault(name, []).append(path)
    if len(named) < 2 and len(photos) > 1:
        return {}
    return {name: tuple(some) for name, some in sorted(named.items())}


def _refuse_levels(root: Path, photos: Mapping[Path, Sequence[Path]]) -> None:
    """Folders of folders are not people, unless the inner ones are called by number or date."""
    inner: dict[Path, set[str]] = {}
    for folder, some in photos.items():
        parts = [path.relative_to(folder).parts for path in some]
        if any(len(each) == 1 for each in parts):
            return
        if parts:
            inner[folder] = {each[0] for each in parts}
    if not inner or all(map(_is_a_number, set().union(*inner.values()))):
        return
    names = [folder.name for folder in inner]
    shown = ", ".join(names[:-1]) + " and " * (len(names) > 1) + names[-1]
    first = next((f for f in inner if f.name.lower() in TRAINING_PARTS), next(iter(inner)))
    raise KnownfaceError(
        f"{root}: {shown} hold{'s' * (len(names) == 1)} folders instead of photos; if those are "
        f"the people, pass {first}, else put the photos of each person directly into one folder"
    )


def _is_a_number(name: str) -> bool:
    """Such as 2019, 2019-05-01, IMG_0012 or 100APPLE: an album's name, not a person's."""
    return sum(map(str.isdigit, name)) >= max(2, len(name) // 3)


def existing_folder(root: str | Path) -> Path:
    """The folder of people, or KnownfaceError; costs nothing, to be asked before long work."""
    root = Path(root)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise KnownfaceError(f"{root}: {what}; expected photos in {root}/<person>/*.jpg")
    return root


def existing_place(place: str | Path) -> None:
    """The same of what may also be an index at an address, which is not asked for it here."""
    if "://" not in str(place):
        existing_folder(place)


def _names(folders: Sequence[Path]) -> dict[str, Path]:
    """Folders by normalised name, sorted; two that normalise alike are an error."""
    names: dict[str, Path] = {}
    for folder in folders:
        name = unicodedata.normalize("NFC", shown(folder.name))
        if name in names:
            raise KnownfaceError(f"{folder}: the same name as {names[name]} in Unicode; merge them")
        names[name] = folder
    return dict(sorted(names.items()))


def shown(name: str) -> str:
    """A file's name as text; bytes that are not UTF-8 are read as Latin-1, as they mostly are."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name
