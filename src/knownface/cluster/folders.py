"""The folders that `group` makes, one for each person: written, and read back when somebody moved
photos between them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from knownface.errors import KnownfaceError
from knownface.faces.find import MADE, is_system, mark_made
from knownface.faces.photo import ImageError, digest_of, read_bytes
from knownface.files.runs import write_json
from knownface.files.values import read_json
from knownface.files.whole import hidden_beside, private_folder, whole_file
from knownface.progress import Track, silent
from knownface.recognition.albums import folder_name
from knownface.recognition.artifact import GALLERY, MEMORY
from knownface.recognition.living.regrouping import Theirs, photos_of_people

COPIES = "copies.json"
ONCE = "seen once"  # people without a name of whom there is one face, each in a folder of its own
UNNAMED = re.compile(r"person-(\d{4,})")


@dataclass(frozen=True)
class Copy:
    """A photo in somebody's folder. place: relative to the folders; face: the id."""

    place: Path
    source: Path
    digest: str
    face: int


def copies_of(people: Sequence[Theirs]) -> list[Copy]:
    """What lies where: a photo of two people in the folders of both, once in each."""
    copies = []
    for each in people:
        taken: set[str] = set()
        seen: set[str] = set()
        for face, source, digest in each.faces:
            if digest in seen:
                continue
            seen.add(digest)
            name = Path(source).name
            if name.lower() in taken:
                name = f"{Path(name).stem}-{digest[:8]}{Path(name).suffix}"
            taken.add(name.lower())
            copies.append(Copy(folder_of(each) / name, Path(source), digest, face))
    return copies


def folder_of(person: Theirs) -> Path:
    """Where somebody's photos lie, relative to the folders."""
    if person.name is not None:
        return Path(folder_name(person.name))
    unnamed = Path(f"person-{person.id:04d}")
    return ONCE / unnamed if len(person.faces) == 1 else unnamed


class Folders:
    """out/<person>/photo.jpg, copies or links. memory: where what was written is noted.

    What somebody deletes there stays deleted; what they change, or put there, is left alone.
    Raises KnownfaceError where the disk is too small.
    """

    def __init__(self, out: Path, memory: Path, links: bool) -> None:
        self.out, self._links, self._noted = out, links, memory / COPIES
        self._written: dict[str, list[int] | None] = {}
        if self._noted.is_file():
            try:
                self._written = dict(read_json(self._noted))
            except (OSError, ValueError, TypeError):
                self._written = {}

    # ------------------------------------------------------------ what somebody moved
    def moved(self, copies: Sequence[Copy]) -> tuple[dict[int, str | int], list[Path]]:
        """Who faces are, by their ids, as photos lie in folders now; and photos that say nothing.

        copies: as they were written. A folder that was renamed, and a photo that lies in another
        folder than before, say whose they are: the name of the folder, or the number of a person
        without a name. Photos say nothing where it is not clear which of their faces is meant.
        """
        strange = [
            place
            for place in self._files()
            if _mark(place) not in self._written and len(place.parts) > 1
        ]
        gone: dict[str, list[int]] = {}
        for copy in copies if strange else ():
            if self._written.get(_mark(copy.place)) and not os.path.lexists(self.out / copy.place):
                gone.setdefault(copy.digest, []).append(copy.face)
        said: dict[int, str | int] = {}
        unclear = []
        for place in strange:
            faces = gone.get(self._digest(place), []) if gone else []
            if len(faces) != 1:
                unclear.append(place)
                continue
            unnamed = UNNAMED.fullmatch(place.parent.name)
            said[faces[0]] = int(unnamed[1]) if unnamed else place.parts[0]
        return said, unclear

    def _digest(self, place: Path) -> str:
        try:
            return digest_of(read_bytes(self.out / place)) if (self.out / place).is_file() else ""
        except ImageError:
            return ""

    # ------------------------------------------------------------ writing
    def write(self, copies: Sequence[Copy], track: Track = silent) -> None:
        """Make the folders as they are to be."""
        wanted = {copy.place: copy for copy in copies}
        marks, digests = {_mark(place) for place in wanted}, {copy.digest for copy in copies}
        for place in [place for place in self._files() if _mark(place) not in marks]:
            if self._is_ours(place, digests):
                (self.out / place).unlink()
        new = [copy for place, copy in wanted.items() if self._is_missing(place)]
        self._check_room(new)
        kept = {mark: self._written[mark] for mark in marks if mark in self._written}
        for place, copy in wanted.items():  # moved there by somebody
            if _mark(place) not in kept and self._digest(place) == copy.digest:
                kept[_mark(place)] = _state(self.out / place)
        for copy in track(new, "Sorting photos", len(new)):
            if self._put(copy):
                kept[_mark(copy.place)] = _state(self.out / copy.place)
        self._written = {
            _mark(place): kept[_mark(place)] if os.path.lexists(self.out / place) else None
            for place in wanted
            if _mark(place) in kept
        }
        with whole_file(self._noted) as part:
            write_json(part, self._written)
        self._clear()

    def _is_ours(self, place: Path, digests: AbstractSet[str]) -> bool:
        """Whether it is as it was written: by its date or, copied since, by itself."""
        if _mark(place) not in self._written:
            return False
        same = self._written[_mark(place)] == _state(self.out / place)
        return same or self._digest(place) in digests

    def _is_missing(self, place: Path) -> bool:
        return _mark(place) not in self._written and not os.path.lexists(self.out / place)

    def _put(self, copy: Copy) -> bool:
        """Whether the photo could be copied: it may have gone since it was seen."""
        target = self.out / copy.place
        private_folder(target.parent)
        if not copy.source.is_file():
            return False
        if self._links:
            target.symlink_to(copy.source)
            return True
        with whole_file(target) as part:
            shutil.copy2(copy.source, part)
        return True

    def _check_room(self, copies: Sequence[Copy]) -> None:
        if self._links:
            return
        needed = sum(copy.source.stat().st_size for copy in copies if copy.source.is_file())
        free = shutil.disk_usage(self.out).free
        if needed > free:
            raise KnownfaceError(
                f"{self.out}: the copies take {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
                "free; ask for links instead (the photos stay where they are), or make room"
            )

    def _clear(self) -> None:
        """Folders that hold nothing any more go, and `seen once` is no person."""
        for parent, _, _ in os.walk(self.out, topdown=False):
            folder = Path(parent)
            if folder != self.out and not is_system(folder.name) and not any(folder.iterdir()):
                folder.rmdir()
        if (self.out / ONCE).is_dir():
            mark_made(self.out / ONCE)
        else:
            hidden_beside(self.out / ONCE, MADE).unlink(missing_ok=True)

    def _files(self) -> Iterator[Path]:
        for parent, folders, files in os.walk(self.out):
            folders[:] = sorted(name for name in folders if not is_system(name))
            for name in sorted(files):
                if not is_system(name):
                    yield (Path(parent) / name).relative_to(self.out)


def sort_again(out: Path) -> None:
    """Bring the folders of a pile in step with who is known now; nothing where it is no pile.

    Raises KnownfaceError, OSError.
    """
    memory = out / MEMORY
    if not (memory / COPIES).is_file():
        return
    links = any(path.is_symlink() for path in out.glob("*/*"))
    Folders(out, memory, links).write(copies_of(photos_of_people(memory / GALLERY)))


def _mark(place: Path) -> str:
    """By which a place is noted: people's names are in it, and are not."""
    return hashlib.blake2b(os.fsencode(place), digest_size=12).hexdigest()


def _state(path: Path) -> list[int]:
    found = path.lstat()
    return [found.st_size, found.st_mtime_ns]
