"""A folder of people: scanning it, and splitting it without leaks."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from knownface.errors import KnownfaceError
from knownface.images import SUFFIXES

# Two photos whose 256-bit difference hashes differ in at most this many bits are one picture.
# On 800 portraits without near-duplicates the closest pair differs in 53.
NEAR_DUPLICATE_BITS = 26
COMPARED = 500_000  # pairs of photos compared at once, a few MB
BURST_SECONDS = 3.0  # photos of one person taken within this time belong to one session


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


def scan(root: Path, loose: bool = False) -> FaceDataset:
    """Find the people of `root/<person>/**/*.jpg` and the other photo formats.

    loose: photos that lie in `root` itself are taken too, each as a person of its own; right for
        strangers, whose names do not matter.
    Hidden files and files of other kinds are passed over. Raises KnownfaceError where there is
    no folder, no person, or no permission.
    """
    root = Path(root)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise KnownfaceError(f"{root}: {what}; expected photos in {root}/<person>/*.jpg")
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


# ---------------------------------------------------------------- groups and splits
def group_photos(
    fingerprints: np.ndarray, labels: np.ndarray, taken: Sequence[float | None]
) -> np.ndarray:
    """Group near-duplicates (whoever is in them) and bursts of one person: (n,) group numbers.

    fingerprints: (n, 32) uint8 difference hashes; taken: capture times in seconds, or None.
    """
    pairs = near_duplicates(fingerprints) + bursts(labels, taken)
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(labels),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1])


def near_duplicates(fingerprints: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of (n, 32) uint8 fingerprints within NEAR_DUPLICATE_BITS."""
    bits = np.unpackbits(fingerprints, axis=1).astype(np.float32)
    pairs: list[tuple[int, int]] = []
    ones = bits.sum(1)
    for start, stop in blocks(len(bits)):
        distance = ones[start:stop, None] + ones - 2 * bits[start:stop] @ bits.T
        rows, columns = np.nonzero(distance <= NEAR_DUPLICATE_BITS)
        pairs += [
            (start + int(r), int(c)) for r, c in zip(rows, columns, strict=True) if start + r < c
        ]
    return pairs


def blocks(count: int) -> Iterator[tuple[int, int]]:
    """Starts and ends of rows to compare with all `count` at once, in bounded memory."""
    rows = max(1, COMPARED // max(count, 1))
    return ((start, start + rows) for start in range(0, count, rows))


def bursts(labels: np.ndarray, taken: Sequence[float | None]) -> list[tuple[int, int]]:
    """Pairs of photos of one person taken within BURST_SECONDS, the earlier one first."""
    timed = sorted((int(labels[i]), t, i) for i, t in enumerate(taken) if t is not None)
    return [
        (a, b)
        for (person, before, a), (other, after, b) in pairwise(timed)
        if person == other and after - before <= BURST_SECONDS
    ]


def split(
    labels: np.ndarray, groups: np.ndarray, validation: float = 0.2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Stratified train and validation indices that keep every group on one side.

    Each person gives about `validation` of their photos, at least one where they have two
    groups, and always keeps one for training. Deterministic in `seed`.
    """
    if not 0 < validation < 1:
        raise KnownfaceError(
            f"--validation must lie between 0 and 1, such as 0.2, not {validation}"
        )
    counts = np.bincount(labels)
    wanted = np.minimum(np.maximum(1, np.floor(counts * validation + 0.5)), counts - 1)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    members = [members[i] for i in np.random.default_rng(seed).permutation(len(members))]
    taken = np.zeros_like(counts)
    held_out = np.zeros(len(labels), bool)
    for rows in members:
        adds = np.bincount(labels[rows], minlength=len(counts))
        if (taken + adds <= wanted)[adds > 0].all():
            taken += adds
            held_out[rows] = True
    for rows in sorted(members, key=len):  # people whose groups are all larger than their share
        adds = np.bincount(labels[rows], minlength=len(counts))
        unserved = (taken[adds > 0] == 0).all()
        if unserved and (adds < counts)[adds > 0].all():
            taken += adds
            held_out[rows] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def split_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Stratified folds that keep every group whole: (n,) fold numbers from 0.

    Each group, the largest first, goes where its people have the fewest photos so far, so that
    everybody with two groups is in two folds at least. Deterministic in `seed`. Raises
    KnownfaceError where a fold would stay empty.
    """
    most = max(len(np.unique(groups[labels == person])) for person in np.unique(labels))
    if not 2 <= folds <= most:
        raise KnownfaceError(
            f"--folds {folds}: the photos cannot be parted so; nobody has more than {most} that "
            f"are not near-duplicates or one burst{f', choose 2 to {most}' if most > 1 else ''}"
        )
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    members = [members[i] for i in np.random.default_rng(seed).permutation(len(members))]
    counts = np.zeros((folds, labels.max() + 1), np.int64)
    numbers = np.zeros(len(labels), np.int64)
    for rows in sorted(members, key=len, reverse=True):
        adds = np.bincount(labels[rows], minlength=counts.shape[1])
        crowded = counts[:, adds > 0].sum(1)
        fold = np.lexsort((counts.sum(1), crowded))[0]
        counts[fold] += adds
        numbers[rows] = fold
    return numbers
