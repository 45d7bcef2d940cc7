"""The verb: name every face in photos, folders and globs."""

from __future__ import annotations

import glob
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.errors import KnownfaceError
from knownface.faces.find import find_photos, passed_over
from knownface.options import Device, Option
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder

if TYPE_CHECKING:
    from knownface.recognition.recognizer import Recognizer
    from knownface.recognition.result import Recognition

log = logging.getLogger(__name__)


def recognize(
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    sources: Annotated[Iterable[str | Path] | str | Path, Option("Photos, folders or globs.")],
    *,
    out: Annotated[Path | str | None, Option("Folder for annotated copies.")] = None,
    device: Device = "auto",
    track: Track = silent,
) -> Iterator[Recognition]:
    """Name every face, photo by photo, in order; an unreadable photo carries its error.

    recognizer: one that is loaded, or a run or recognizer folder; `device` is for the latter.
    sources: photos, folders (searched deeply) and globs, one or several.
    out: a folder for annotated copies.
    Raises KnownfaceError, at once, where there is no recogniser or nothing to look at.
    """
    if isinstance(recognizer, str | Path):
        artifact_folder(Path(recognizer))  # a missing one is said before anything heavy is imported
    from knownface.recognition.recognizer import Recognizer

    paths = photos_of([sources] if isinstance(sources, str | Path) else sources)
    loaded = Recognizer.given(recognizer, device)
    if not out:
        return loaded.recognize_photos(paths, track)
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KnownfaceError(f"{folder}: cannot be written ({error.strerror})") from None
    return _annotated(loaded.recognize_photos(paths, track, pixels=True), folder)


def photos_of(sources: Iterable[str | Path]) -> list[Path]:
    """Photo files named by paths, folders (searched deeply) and globs; KnownfaceError if none."""
    found: list[Path] = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            inside = find_photos(path)
            if not inside.photos:
                raise KnownfaceError(f"{path}: no photos in this folder")
            if inside.others:
                log.info("%s: %s", path, passed_over(inside.others))
            found += inside.photos
        elif path.exists() or not glob.has_magic(str(source)):
            found.append(path)
        else:
            matches = sorted(glob.glob(str(source), recursive=True))
            if not matches:
                raise KnownfaceError(f"{source}: matches no file")
            found += [Path(match) for match in matches]
    return found


def _annotated(recognitions: Iterable[Recognition], folder: Path) -> Iterator[Recognition]:
    """The same, each drawn into `folder` as it comes."""
    from knownface.faces.photo import write_image
    from knownface.recognition.draw import annotate

    for recognition in recognitions:
        yield recognition
        if recognition.pixels is not None:
            target = _free_name(folder / f"{Path(recognition.path).stem}.jpg")
            write_image(target, annotate(recognition.pixels, recognition))


def _free_name(path: Path) -> Path:
    """path, or path-2, path-3, ...: the first that does not exist."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
