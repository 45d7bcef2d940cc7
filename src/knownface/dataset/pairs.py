"""The published lists of photo pairs: LFW and MFR2 (names and numbers), CFP (folds by index)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.find import SUFFIXES

FOLDS = 10  # of every protocol; a list that names none, such as LFW view 1, is dealt out in turn
NAMES = "'name i j' or 'name i other j'"


@dataclass(frozen=True)
class Pairs:
    """n pairs of photos by index into `paths`; same: (n,) bool; folds: (n,) fold numbers."""

    paths: tuple[Path, ...]
    left: np.ndarray
    right: np.ndarray
    same: np.ndarray
    folds: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[tuple[Path, Path, bool]], folds: np.ndarray) -> Pairs:
        """From the two photos of each pair, and whether they show one person."""
        first, second, same = zip(*rows, strict=True)
        numbers = {path: i for i, path in enumerate(dict.fromkeys([*first, *second]))}
        left, right = (np.array([numbers[path] for path in side]) for side in (first, second))
        return cls(tuple(numbers), left, right, np.array(same, bool), folds)


def read_pairs(place: Path, images: Path) -> Pairs:
    """A pair list: a file in the format of LFW and MFR2, or a folder of folds as CFP has them.

    images: the folder that holds `name/name_0001.jpg`, or CFP's `Data` or the folder around it.
    Raises KnownfaceError naming the line that cannot be used.
    """
    if place.is_dir():
        return read_cfp(place, images)
    return read_lfw(place, images)


# ---------------------------------------------------------------- LFW, MFR2
def read_lfw(file: Path, images: Path) -> Pairs:
    """`name i j` for one person, `name i other j` for two, parted by tabs or spaces.

    The first line may be the number of pairs of each kind, after the number of folds if there are
    several (LFW, view 1 and view 2); MFR2 has no such line.
    """
    lines = list(_lines(file))
    header = lines[0][1].split() if lines else []
    if len(header) in (1, 2) and all(map(_is_number, header)):
        del lines[0]
    else:
        header = []
    rows = []
    for number, line in lines:
        cells = line.split("\t") if "\t" in line else line.split()
        if len(cells) not in (3, 4) or not (_is_number(cells[1]) and _is_number(cells[-1])):
            raise KnownfaceError(f"{file}, line {number}: expected {NAMES}, not '{line}'")
        other = cells[0] if len(cells) == 3 else cells[2]
        photos = _photo(images, cells[0], cells[1]), _photo(images, other, cells[-1])
        rows.append((*photos, len(cells) == 3))
    if not rows:
        raise KnownfaceError(f"{file}: no pairs in it")
    return Pairs.of(rows, _folds([row[2] for row in rows], header))


def _is_number(text: str) -> bool:
    """Digits as computers write them: not those of other scripts, nor high ones."""
    return text.isascii() and text.isdigit()


def _folds(same: Sequence[bool], header: Sequence[str]) -> np.ndarray:
    """Published folds where the list has them; otherwise each kind is dealt out in turn."""
    if len(header) == 2:
        return np.arange(len(same)) // max(1, 2 * int(header[1]))
    folds = np.zeros(len(same), np.int64)
    for kind in (True, False):
        rows = np.flatnonzero(np.array(same) == kind)
        folds[rows] = np.arange(len(rows)) % FOLDS
    return folds


def _photo(images: Path, name: str, number: str) -> Path:
    """`images/name/name_0001.jpg`, whatever the suffix; .jpg where there is none."""
    stem = images / name / f"{name}_{int(number):04d}"
    path = stem.with_name(stem.name + ".jpg")
    if not path.is_file():
        others = (stem.with_name(stem.name + suffix) for suffix in sorted(SUFFIXES))
        path = next((other for other in others if other.is_file()), path)
    return path


# ---------------------------------------------------------------- CFP
def read_cfp(folder: Path, images: Path) -> Pairs:
    """`Protocol/Split/FF` or `FP`: in every fold `same.txt` and `diff.txt`, lines such as `21,3`.

    The numbers are those of `Pair_list_F.txt` and, for the second photo of FP (frontal, profile),
    of `Pair_list_P.txt`, which lie two folders up.
    """
    found = sorted(path for path in folder.iterdir() if (path / "same.txt").is_file())
    if not found:
        raise KnownfaceError(
            f"{folder}: no folds in it; expected CFP's Protocol/Split/FF or Protocol/Split/FP with "
            "01/same.txt and 01/diff.txt, or name a file of pairs"
        )
    lists = folder.resolve().parent.parent
    left = _numbered(lists / "Pair_list_F.txt", images)
    right = _numbered(lists / "Pair_list_P.txt", images) if folder.resolve().name == "FP" else left
    rows, folds = [], []
    for fold, path in enumerate(found):
        for name, same in (("same.txt", True), ("diff.txt", False)):
            for number, line in _lines(path / name):
                cells = [cell.strip() for cell in line.split(",")]
                if len(cells) != 2 or cells[0] not in left or cells[1] not in right:
                    raise KnownfaceError(
                        f"{path / name}, line {number}: expected two numbers of the pair lists, "
                        f"such as '21,3', not '{line}'"
                    )
                rows.append((left[cells[0]], right[cells[1]], same))
                folds.append(fold)
    if not rows:
        raise KnownfaceError(f"{folder}: no pairs in it")
    return Pairs.of(rows, np.array(folds))


def _numbered(file: Path, images: Path) -> dict[str, Path]:
    """Photos by number: lines such as `1 ../Data/Images/001/frontal/01.jpg`."""
    photos: dict[str, Path] = {}
    for number, line in _lines(file):
        cells = line.split(maxsplit=1)
        if len(cells) != 2 or not _is_number(cells[0]):
            raise KnownfaceError(
                f"{file}, line {number}: expected a number and a path, not '{line}'"
            )
        photos[cells[0]] = _below(images, Path(cells[1]), file.parent)
    return photos


def _below(images: Path, path: Path, start: Path) -> Path:
    """The photo below `images`, whichever part of its published path that folder stands for."""
    parts = [part for part in path.parts if part != ".."]
    places = [images.joinpath(*parts[skip:]) for skip in range(len(parts))]
    return next((place for place in [*places, start / path] if place.is_file()), places[0])


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, with their numbers from 1."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KnownfaceError(f"{file}: not a readable pair list ({error})") from None
    return ((i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip())
