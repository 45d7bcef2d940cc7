"""Scanning a folder of people, and splitting it without leaks."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from knownface.dataset.folder import scan
from knownface.dataset.split import group_photos, split
from knownface.errors import KnownfaceError
from knownface.faces.fingerprint import NEAR_DUPLICATE_BITS


def folder(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_scan_finds_every_kind_of_photo_of_every_name(tmp_path: Path) -> None:
    names = ["Zoë Müller", "أحمد", "😀", "a"]
    files = [f"{name}/{i}{suffix}" for name in names for i, suffix in enumerate((".JPG", ".heic"))]
    extra = ["a/deep/er/c.png", "a/notes.txt", "a/.hidden.jpg", ".git/x.jpg", "empty/readme"]
    found = scan(folder(tmp_path, *files, *extra))
    assert found.people == tuple(sorted(names))
    assert len(found.paths) == 9
    assert found.names[list(found.paths).index(tmp_path / "a/deep/er/c.png")] == "a/deep/er/c.png"
    for path, label in zip(found.paths, found.labels, strict=True):
        assert path.relative_to(tmp_path).parts[0] == found.people[label]


def test_names_are_normalised_and_must_differ(tmp_path: Path) -> None:
    composed, split_up = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    assert scan(folder(tmp_path, f"{split_up}/1.jpg")).people == (composed,)
    with pytest.raises(KnownfaceError, match="merge them"):
        scan(folder(tmp_path, f"{composed}/1.jpg"))


def test_strangers_may_lie_loose(tmp_path: Path) -> None:
    root = folder(tmp_path, "1.jpg", "2.jpg", "someone/3.jpg")
    assert len(scan(root).paths) == 1
    assert len(scan(root, loose=True).people) == 3


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([], "no photos in sub-folders"),
        (["1.jpg", "2.jpg"], "move each into"),
        (["a/x.txt"], "no ph"),
    ],
)
def test_a_folder_without_people(files: list[str], reason: str, tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match=reason):
        scan(folder(tmp_path, *files))


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match="no such folder"):
        scan(tmp_path / "missing")
    with pytest.raises(KnownfaceError, match="is a file"):
        scan(folder(tmp_path, "file") / "file")


def marks(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 32), dtype=np.uint8)


def flipped(mark: np.ndarray, bits: int) -> np.ndarray:
    values = np.unpackbits(mark)
    values[:bits] ^= 1
    return np.packbits(values)


def test_near_duplicates_group_across_people() -> None:
    prints = marks(6)
    prints[1] = flipped(prints[0], NEAR_DUPLICATE_BITS)
    prints[3] = flipped(prints[2], NEAR_DUPLICATE_BITS + 1)
    groups = group_photos(prints, np.array([0, 1, 0, 0, 1, 1]), [None] * 6)
    assert groups[0] == groups[1]
    assert len(set(groups)) == 5


def test_bursts_group_within_a_person() -> None:
    taken = [100.0, 102.5, 105.0, 109.0, 101.0, None]
    groups = group_photos(marks(6), np.array([0, 0, 0, 0, 1, 0]), taken)
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 4


@pytest.mark.parametrize("seed", range(20))
def test_split_never_leaks_and_keeps_the_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(8), rng.integers(2, 40, 8))
    groups = np.where(rng.random(len(labels)) < 0.2, labels * 1000, np.arange(len(labels)))
    train, held_out = split(labels, groups, 0.2, seed)
    assert sorted([*train, *held_out]) == list(range(len(labels)))
    assert not set(groups[train]) & set(groups[held_out])
    for person in range(8):
        count, out = (labels == person).sum(), (labels[held_out] == person).sum()
        assert (labels[train] == person).sum() >= 1
        if (groups[labels == person] == person * 1000).sum() <= 0.2 * count:
            assert out == max(1, np.floor(count * 0.2 + 0.5))
    again = split(labels, groups, 0.2, seed)
    assert (again[0] == train).all()
    assert (again[1] == held_out).all()


def test_split_depends_on_the_seed() -> None:
    labels, groups = np.repeat([0, 1], 50), np.arange(100)
    assert (split(labels, groups, seed=0)[1] != split(labels, groups, seed=1)[1]).any()


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 20])
def test_an_impossible_share(share: float) -> None:
    with pytest.raises(KnownfaceError, match="between 0 and 1"):
        split(np.array([0, 0]), np.array([0, 1]), share)
