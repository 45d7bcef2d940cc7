"""What is new, changed or gone among photos, compared with what an index has of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from knownface.cluster.index import Index
from knownface.cluster.index_rows import PhotoFile, Rows
from knownface.faces.photo import ImageError, digest_of, read_bytes
from knownface.progress import Track
from knownface.recognition.sources import photos_of
from knownface.runtime.processors import processors

KNOWN = ("path", "bytes", "modified", "digest")


@dataclass(frozen=True)
class Changes:
    """What is to be done to an index.

    changed: photos whose content is another, in the order in which the index has them, so that
    few of its files are written again at once. new: others, as they were given. saved_again: those
    whose bytes are the same and whose date is not, by path, with the new date. gone: paths.
    """

    changed: tuple[PhotoFile, ...]
    new: tuple[PhotoFile, ...]
    saved_again: dict[str, int]
    gone: AbstractSet[str]
    unchanged: int

    @property
    def todo(self) -> Sequence[PhotoFile]:
        return self.changed + self.new

    def replaced(self, rows: Rows) -> AbstractSet[str]:
        """The paths of these rows that the index had before."""
        paths = {file.path for file in self.changed}
        return paths & set(rows.photos["path"].to_pylist()) if paths else paths


def photo_files(sources: Iterable[str | Path]) -> tuple[dict[str, PhotoFile], list[str]]:
    """Photos by their absolute paths, each once; and of what cannot be read by anybody, why.

    sources: as in `photos_of`, which raises KnownfaceError. Folders have the photos that training
    finds in them, those of people whose folders are links, too.
    """
    files, skipped = dict[str, PhotoFile](), list[str]()
    for photo in photos_of(sources, linked=True):
        path = os.path.abspath(photo)
        try:
            path.encode()
            state = os.stat(path)
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode(errors="backslashreplace")
            skipped.append(f"{shown}: its name is not UTF-8; rename it")
        except OSError as error:
            skipped.append(f"{photo}: cannot be read ({error.strerror})")
        else:
            if not stat.S_ISREG(state.st_mode):
                skipped.append(f"{photo}: is a device, a pipe or a socket, not a photo")
            elif not os.access(path, os.R_OK):
                skipped.append(f"{photo}: no permission to read it (chmod u+r)")
            else:
                files[path] = PhotoFile(path, state.st_size, state.st_mtime_ns)
    return files, skipped


def folders_of(sources: Iterable[str | Path], files: Iterable[str]) -> set[str]:
    """Of the sources, the folders that any of these files lies in, by their absolute paths."""
    places = [Path(each) for each in {os.path.dirname(file) for file in files}]
    above = {str(folder) for place in places for folder in (place, *place.parents)}
    return above & {os.path.abspath(each) for each in sources if Path(each).is_dir()}


def compared(
    index: Index, files: dict[str, PhotoFile], pruned: Sequence[str | Path], track: Track
) -> Changes:
    """What is to be done so that the index has these photos.

    pruned: folders whose photos leave the index where they are not among `files`.
    """
    folders = tuple(os.path.abspath(each) + os.sep for each in pruned if Path(each).is_dir())
    new, gone, other = dict(files), set[str](), list[tuple[PhotoFile, str | None]]()
    for batch in index.photos(KNOWN):
        for path, size, modified, digest in zip(*batch.to_pydict().values(), strict=True):
            file = new.pop(path, None)
            if file is None and path.startswith(folders):
                gone.add(path)
            elif file and (file.bytes, file.modified) != (size, modified):
                other.append((file, digest if file.bytes == size else None))
    changed, saved_again = list[PhotoFile](), dict[str, int]()
    found = track(_same_bytes(other), "Comparing photos", len(other))
    for (file, _), same in zip(other, found, strict=True):
        if same:
            saved_again[file.path] = file.modified
        else:
            changed.append(file)
    unchanged = len(files) - len(new) - len(changed)
    return Changes(tuple(changed), tuple(new.values()), saved_again, gone, unchanged)


def _same_bytes(files: Sequence[tuple[PhotoFile, str | None]]) -> Iterator[bool]:
    """Whether each file has the content of that digest."""

    def same(file: PhotoFile, digest: str | None) -> bool:
        try:
            return digest is not None and digest_of(read_bytes(Path(file.path))) == digest
        except ImageError:
            return False

    with ThreadPoolExecutor(processors()) as pool:
        yield from pool.map(same, *zip(*files, strict=True)) if files else ()
