"""The verb: sources in, recognitions out, annotated copies on the way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import knownface
from knownface.recognition.sources import photos_of


def test_sources_are_photos_folders_and_globs(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "deep/c.heic", "notes.txt", "[1].jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in photos_of([tmp_path])]
    assert names == ["[1].jpg", "a.PNG", "b.jpg", "deep/c.heic"]
    assert photos_of([f"{tmp_path}/*/c.*", tmp_path / "b.jpg"]) == [
        tmp_path / "deep" / "c.heic",
        tmp_path / "b.jpg",
    ]
    assert photos_of([tmp_path / "[1].jpg"]) == [tmp_path / "[1].jpg"]  # a file, not a pattern
    assert photos_of([tmp_path / "none.jpg"]) == [tmp_path / "none.jpg"]  # says so when it is read


def test_what_is_wrong_is_said_at_once(run_folder: Path, people: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    wrong = {
        "no such folder": (tmp_path / "none", people),
        "matches no file": (run_folder, f"{tmp_path}/*.jpg"),
        "no photos in this folder": (run_folder, [tmp_path / "empty"]),
    }
    for words, arguments in wrong.items():
        with pytest.raises(knownface.KnownfaceError, match=words):
            knownface.recognize(*arguments)
    with pytest.raises(knownface.KnownfaceError, match="cannot be written"):
        knownface.recognize(run_folder, people, out=tmp_path / "file" / "drawn")
    with pytest.raises(knownface.KnownfaceError, match=r"^device must be auto"):
        knownface.recognize(run_folder, people, device="tpu")  # type: ignore[arg-type]


def test_copies_never_overwrite_each_other(run_folder: Path, people: Path, tmp_path: Path) -> None:
    photo = people / "Megan_Fox" / "001.jpg"
    shutil.copy(photo, tmp_path / "001.jpg")
    (tmp_path / "bad.jpg").touch()
    loaded = knownface.Recognizer.load(run_folder)
    sources = [photo, tmp_path / "001.jpg", tmp_path / "bad.jpg"]
    found = list(knownface.recognize(loaded, sources, out=tmp_path / "drawn"))
    assert [each.path for each in found] == list(map(str, sources))
    assert [each.error is None for each in found] == [True, True, False]
    assert found[0].faces[0].name == "Megan_Fox"
    drawn = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert drawn == ["001-2.jpg", "001.jpg"]
