"""Scanning a folder of people."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
        (
            ["1.jpg", "2.jpg"],
            r"move each into .*<person>/, or sort them with group\(.*, out='DIR'\)",
        ),
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


# ---------------------------------------------------------------- folders as people have them
def jpeg(root: Path, *names: str | bytes) -> Path:
    """Files that begin as a JPEG does, whatever they are called."""
    for name in names:
        path = Path(os.fsdecode(os.path.join(os.fsencode(root), os.fsencode(name))))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(20))
    return root


def test_content_decides_what_is_a_photo(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "knownface")
    starts = {
        "Ann/scan.pgm": b"P5\n4 4\n255\n", "Ann/x.jpg_large": b"\xff\xd8\xff\xe1",
        "Ann/none": b"\x89PNG\r\n\x1a\n", "Ann/phone.dat": b"\0\0\0\x18ftypheic",
        "Ann/anim": b"RIFF\0\0\0\0WEBPVP8 ", "Bob/empty.jpg": b"",
    }  # fmt: skip
    others = {
        "Ann/song.wav": b"RIFF\0\0\0\0WAVEfmt ", "Ann/clip.mp4": b"\0\0\0\x18ftypisom",
        "Cid/holiday.mp4": b"\0\0\0\x18ftypmp42", "Cid/notes.txt": b"P5 is a format",
    }  # fmt: skip
    for name, start in {**starts, **others}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(start)
    found = scan(jpeg(tmp_path, "loose.jpg"))
    assert found.people == ("Ann", "Bob")
    assert sorted(found.names) == sorted(starts)
    assert {path.name for path in found.ignored} == {"song.wav", "clip.mp4", "holiday.mp4",
                                                     "notes.txt", "loose.jpg"}  # fmt: skip
    assert found.lost == ("Cid",)
    assert [record.getMessage().removeprefix(f"{tmp_path}: ") for record in caplog.records] == [
        "5 files passed over, not photos of a person (2 .mp4, 1 .wav, 1 .txt, 1 .jpg)",
        "no photo in Cid, which is left out",
    ]
    caplog.clear()
    scan(jpeg(tmp_path / "all", "A/1.jpg", "B/2.jpg"))
    assert not caplog.records


@pytest.mark.parametrize("junk", ["@eaDir", ".thumbnails", "#recycle", "__MACOSX", "lost+found"])
def test_system_folders_are_never_people(junk: str, tmp_path: Path) -> None:
    root = jpeg(tmp_path, "A/1.jpg", "B/1.jpg", f"{junk}/1.jpg", f"A/{junk}/2.jpg", "B/._1.jpg",
                "B/Thumbs.db")  # fmt: skip
    assert scan(root).people == ("A", "B")
    assert scan(root).names == ("A/1.jpg", "B/1.jpg")
    assert not scan(root).ignored


def test_a_pipe_is_passed_over(tmp_path: Path) -> None:
    jpeg(tmp_path, "A/1.jpg")
    os.mkfifo(tmp_path / "A" / "pipe")
    assert scan(tmp_path).names == ("A/1.jpg",)


@pytest.mark.parametrize(
    ("files", "right"),
    [
        (["train/A/1.jpg", "train/B/1.jpg", "test/A/2.jpg", "test/B/2.jpg"], "train"),
        (["test/A/2.jpg", "train/A/1.jpg", "val/A/3.jpg"], "train"),
        (["people/A/1.jpg", "people/B/1.jpg", "strangers/C/1.jpg"], "people"),
        (["Family/Ann/1.jpg", "Family/Bob/1.jpg", "Friends/Cid/1.jpg"], "Family"),
        (["dataset/Ann/1.jpg", "dataset/Bob/1.jpg"], "dataset"),
    ],
)
def test_one_level_deeper_is_refused_with_the_folder_to_pass(
    files: list[str], right: str, tmp_path: Path
) -> None:
    with pytest.raises(KnownfaceError) as caught:
        scan(jpeg(tmp_path, *files))
    assert f"pass {tmp_path / right}," in str(caught.value)
    assert "instead of photos" in str(caught.value)
    assert len(scan(tmp_path / right).people) >= 1


@pytest.mark.parametrize(
    "files",
    [
        ["Ann/2019/1.jpg", "Ann/2020/2.jpg", "Bob/2019-05-01/1.jpg", "Bob/100APPLE/2.jpg"],
        ["Ann/1.jpg", "Ann/holiday/2.jpg", "Bob/holiday/1.jpg"],
    ],
)
def test_albums_of_a_person_are_the_person(files: list[str], tmp_path: Path) -> None:
    assert scan(jpeg(tmp_path, *files)).people == ("Ann", "Bob")


def test_a_name_that_is_not_utf_8_is_read_as_latin_1(tmp_path: Path) -> None:
    found = scan(jpeg(tmp_path, b"Jos\xe9/1.jpg", b"Zo\xc3\xab/\xe9.jpg"))
    assert found.people == ("José", "Zoë")
    assert found.names == ("José/1.jpg", "Zoë/é.jpg")
    assert all(path.is_file() for path in found.paths)
    for text in (*found.people, *found.names):
        text.encode()


@pytest.mark.parametrize(
    ("files", "people"),
    [
        (["Ann.jpg", "Bob.jpg"], {"Ann": 1, "Bob": 1}),
        (["Ann 1.jpg", "Ann (2).jpg", "Bob_3.jpg", "Ève-04.jpg"], {"Ann": 2, "Bob": 1, "Ève": 1}),
        (["John Paul.jpg"], {"John Paul": 1}),
    ],
)
def test_in_a_flat_folder_the_name_says_who_it_is(
    tmp_path: Path, files: list[str], people: dict[str, int]
) -> None:
    for name in files:
        Image.new("RGB", (60, 60)).save(tmp_path / name)
    found = scan(tmp_path)
    assert dict(zip(found.people, np.bincount(found.labels).tolist(), strict=True)) == people
    assert found.ignored == ()


@pytest.mark.parametrize(
    "files",
    [
        ["IMG_0001.jpg", "IMG_0002.jpg"], ["PXL_20230101_123456789.jpg", "Ann.jpg"],
        ["20230101_121212.jpg"], ["DSCF0001.jpg", "ANNA0001.jpg"], ["Ann 1.jpg", "Ann 2.jpg"],
        ["WhatsApp Image 2023-01-01 at 12.12.jpg", "Ann.jpg"], ["Screenshot (4).png", "Ann.jpg"],
    ],
)  # fmt: skip
def test_names_that_cameras_give_are_nobodys(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        Image.new("RGB", (60, 60)).save(tmp_path / name)
    with pytest.raises(KnownfaceError, match=r"photos lie in it directly, move each into .*person"):
        scan(tmp_path)
