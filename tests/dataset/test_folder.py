"""Scanning a folder of people."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from knownface.dataset.folder import scan
from knownface.errors import KnownfaceError


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
