"""Finding photo files: by what is in them, past the folders that systems make for themselves."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knownface.errors import KnownfaceError
from knownface.files.whole import hidden_beside, whole_file

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_OTHERS = (".png", ".webp", ".avif", ".heic", ".heif", ".hif", ".tif", ".tiff", ".bmp", ".gif")
SUFFIXES = frozenset(_JPEG + _OTHERS)
# How files of each format begin; the fourth and later bytes of HEIF and AVIF name their brand.
SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM",
)  # fmt: skip
PNM = re.compile(rb"P[1-6]\s+[#\d]")
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
# What Synology, QNAP, macOS, Windows and Linux put beside people's own folders.
SYSTEM = frozenset({
    "@eadir", "@recycle", "@recently-snapshot", "@__thumb", "#recycle", "#snapshot", "__macosx",
    "$recycle.bin", "system volume information", "lost+found",
})  # fmt: skip


# Beside a folder of copies that we made, so that no search of what is above takes them for photos.
MADE = ".made-by-knownface"


@dataclass(frozen=True)
class Found:
    """Below a folder: photos, other files, and how many files and folders are a system's own."""

    photos: tuple[Path, ...]
    others: tuple[Path, ...]
    system: int


def find_photos(folder: Path, linked: bool = False) -> Found:
    """Every photo below a folder, in order of their names; KnownfaceError without permission.

    A file is a photo if it is called one, readable or not, or begins like one. System folders,
    hidden files and folders below it that `mark_made` marked are passed over.
    linked: folders that are links are searched, too, where they lie in `folder` itself; never those
        below, which may lead back.
    """

    def refuse(error: OSError) -> None:
        raise KnownfaceError(f"{error.filename}: no permission to list it (chmod u+rx)") from None

    photos, others, system = list[Path](), list[Path](), 0
    for parent, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        own = sorted(name for name in folders if not is_passed_over(Path(parent) / name))
        system += len(folders) - len(own)
        follow = linked and Path(parent) == folder
        folders[:] = [name for name in own if follow or not os.path.islink(Path(parent) / name)]
        for name in sorted(files):
            path = Path(parent) / name
            if is_system(name):
                system += 1
            else:
                (photos if is_photo(path) else others).append(path)
    return Found(tuple(photos), tuple(others), system)


def in_order(photo: Path) -> list[tuple[bool, str]]:
    """A key that sorts photos as `find_photos` has them: files before folders."""
    *folders, name = photo.parts
    return [*((True, each) for each in folders), (False, name)]


def first_folder_of_photos(folder: Path) -> Path | None:
    """The first folder directly in this one that holds photos, a link too; None without any."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    each = (path for path in inside if path.is_dir() and not is_passed_over(path))
    return next((path for path in each if find_photos(path).photos), None)


def mark_made(folder: Path) -> None:
    """Say of a folder that its photos are our copies of others.

    Beside it, or, where nothing can be written there, in it. Raises OSError.
    """
    said = f"knownface made the photos in {folder.name}, and does not read them with this folder.\n"
    try:
        _write(hidden_beside(folder, MADE), said)
    except OSError:
        _write(folder / MADE, said)


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def is_made(folder: Path) -> bool:
    """Whether `mark_made` marked the folder."""
    return hidden_beside(folder, MADE).exists() or (folder / MADE).exists()


def is_passed_over(path: Path) -> bool:
    """Whether a search leaves out a folder or file that it comes across."""
    return is_system(path.name) or is_made(path)


def is_system(name: str) -> bool:
    """A file or folder that nobody put there: hidden, or by the name that a system gives it."""
    return name.startswith(".") or name.lower() in SYSTEM | {"thumbs.db", "desktop.ini"}


def is_photo(path: Path) -> bool:
    """By its name, or by how it begins."""
    return path.suffix.lower() in SUFFIXES or any(_begins_like_one(path))


def _begins_like_one(path: Path) -> Iterator[bool]:
    """Only of files: a pipe would make the reader wait for ever."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError:
        return
    yield start.startswith(SIGNATURES) or PNM.match(start) is not None
    yield start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    yield start[4:8] == b"ftyp" and start[8:12] in BRANDS


def passed_over(files: Sequence[Path]) -> str:
    """A few words about files that are no photos: how many, and of what kinds."""
    kinds = Counter(path.suffix.lower() or "no suffix" for path in files)
    some = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
    return f"{len(files)} file{'s' * (len(files) > 1)} passed over, not photos of a person ({some})"
