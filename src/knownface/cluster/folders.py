"""The folders that `group` makes, one for each person: written, and read back when somebody moved
photos between them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from knownface.errors import KnownfaceError
from knownface.faces.find import MADE, is_system, mark_made
from knownface.faces.photo import ImageError, digest_of, read_bytes
from knownface.files.runs import write_json
from knownface.files.values import from_json, read_json
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


Written = tuple[int, int, int]  # a copy that was written: id of the face, then its `_state`


@dataclass(frozen=True)
class Noted:
    """What was written, by `_mark` of its place; deleted: by somebody, the ids of the faces."""

    written: dict[str, Written]
    deleted: list[int]


class Folders:
    """out/<person>/photo.jpg, copies or links. memory: where what was written is noted.

    What somebody deletes there stays deleted; what they change, or put there, is left alone.
    Raises KnownfaceError where the disk is too small.
    """

    def __init__(self, out: Path, memory: Path, links: bool) -> None:
        self.out, self._links, self._file = out, links, memory / COPIES
        self._noted = Noted({}, [])
        if self._file.is_file():
            with suppress(
                OSError, ValueError
            ):  # then everything is written as if for the first time
                self._noted = from_json(Noted, read_json(self._file))

    # ------------------------------------------------------------ what somebody moved
    def moved(self, copies: Sequence[Copy]) -> tuple[dict[int, str | int], list[Path]]:
        """Who faces are, by their ids, as photos lie in folders now; and photos that say nothing.

        copies: as they are to lie. A folder that was renamed, and a photo that lies in another
        folder than before, say whose they are: the name of the folder, or the number of a person
        without a name. Photos say nothing where it is not clear which of their faces is meant.
        """
        there, written = self._files(), self._noted.written
        wanted = {_mark(copy.place) for copy in copies}
        digests = {copy.face: copy.digest for copy in copies}
        gone: dict[str, list[int]] = {}
        for mark, (face, _, _) in written.items():
            if mark not in there and face in digests:
                gone.setdefault(digests[face], []).append(face)
        said: dict[int, str | int] = {}
        unclear = []
        for mark, place in there.items():
            if mark in written or mark in wanted or len(place.parts) < 2:
                continue
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
        """Make the folders as they are to be: what lies elsewhere by now is moved, not copied."""
        there = self._files()
        ours = self._ours(there, {copy.digest for copy in copies})
        gone = {face for mark, (face, _, _) in self._noted.written.items() if mark not in there}
        deleted = gone | set(self._noted.deleted)
        written, new = self._compared(copies, there, ours, deleted)
        moving = {copy.face: ours.pop(copy.face) for copy in new if copy.face in ours}
        self._check_room([copy for copy in new if copy.face not in moving])
        for copy in track(new, "Sorting photos", len(new)):
            if self._put(copy, moving.get(copy.face)):
                written[_mark(copy.place)] = (copy.face, *_state(self.out / copy.place))
        for place in ours.values():
            if _mark(place) not in written:
                (self.out / place).unlink()
        put = {face for face, _, _ in written.values()}
        wanted = {copy.face for copy in copies}
        self._noted = Noted(written, sorted(deleted & wanted - put))
        with whole_file(self._file) as part:
            write_json(part, asdict(self._noted))
        self._clear()

    def _ours(self, there: Mapping[str, Path], digests: AbstractSet[str]) -> dict[int, Path]:
        """Where copies lie that are as they were written, by their faces."""
        return {
            face: there[mark]
            for mark, (face, *state) in self._noted.written.items()
            if mark in there and self._is_same(there[mark], state, digests)
        }

    def _is_same(self, place: Path, state: list[int], digests: AbstractSet[str]) -> bool:
        """By its size and date; of folders that were copied, by itself."""
        return state == [*_state(self.out / place)] or self._digest(place) in digests

    def _compared(
        self,
        copies: Sequence[Copy],
        there: Mapping[str, Path],
        ours: dict[int, Path],
        deleted: AbstractSet[int],
    ) -> tuple[dict[str, Written], list[Copy]]:
        """What is noted of copies that lie where they are to, and those that have to be put there.

        What of `ours` is in the way of another photo is taken out: it gives way.
        """
        digests = {copy.face: copy.digest for copy in copies}
        written: dict[str, Written] = {}
        new = []
        for copy in copies:
            mark = _mark(copy.place)
            noted = self._noted.written.get(mark)
            if mark not in there:
                if copy.face not in deleted:
                    new.append(copy)
            elif noted is None:
                if self._digest(copy.place) == copy.digest:  # moved there by somebody
                    written[mark] = (copy.face, *_state(self.out / copy.place))
            elif digests.get(noted[0]) == copy.digest:
                mine = ours.get(noted[0]) == copy.place
                state = _state(self.out / copy.place) if mine else noted[1:]
                written[mark] = (copy.face, *state)
            elif ours.get(noted[0]) == copy.place:
                del ours[noted[0]]
                new.append(copy)
        return written, new

    def _put(self, copy: Copy, lies: Path | None) -> bool:
        """Whether the photo is in its place now: it may have gone since it was seen."""
        target = self.out / copy.place
        private_folder(target.parent)
        if lies is not None:
            (self.out / lies).replace(target)
        elif not copy.source.is_file():
            return False
        elif self._links:
            target.unlink(missing_ok=True)
            target.symlink_to(copy.source)
        else:
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

    def _files(self) -> dict[str, Path]:
        """What lies in the folders, by what it is noted by."""
        return {_mark(place): place for place in self._places()}

    def _places(self) -> Iterator[Path]:
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


def _state(path: Path) -> tuple[int, int]:
    """Size, and date in milliseconds, by which a file that somebody has changed is told."""
    found = path.lstat()
    return found.st_size, found.st_mtime_ns // 1_000_000
