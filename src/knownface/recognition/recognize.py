"""The verb: name every face in photos, folders and globs."""

from __future__ import annotations

import glob
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.errors import KnownfaceError
from knownface.faces.find import SUFFIXES, find_photos, mark_made, passed_over
from knownface.files.whole import names_like, private_folder
from knownface.options import Device, Option, argument, checked
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder
from knownface.recognition.sidecar import write_sidecar
from knownface.recognition.table import FaceTable

if TYPE_CHECKING:
    from knownface.recognition.recognizer import Recognizer
    from knownface.recognition.result import Recognition

log = logging.getLogger(__name__)

Similarity = Annotated[
    float | None,
    Option(
        "Similarity from which a face gets a name.",
        wanted="between -1 and 1, such as 0.4",
        fits=lambda s: -1 <= s <= 1,
    ),
]


def recognize(
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    sources: Annotated[Iterable[str | Path] | str | Path, Option("Photos, folders or globs.")],
    *,
    threshold: Similarity = None,
    out: Annotated[str | Path | None, Option("Folder for annotated copies.")] = None,
    csv: Annotated[str | Path | None, Option("File with a line per face.")] = None,
    albums: Annotated[str | Path | None, Option("Folder with a folder per person.")] = None,
    links: Annotated[bool, Option("Albums of links, not copies.")] = False,
    xmp: Annotated[
        bool, Option("Face regions in photo.jpg.xmp beside each photo or copy.")
    ] = False,
    device: Device = "auto",
    track: Track = silent,
) -> Iterator[Recognition]:
    """Name every face, photo by photo, in order; an unreadable photo carries its error.

    recognizer: one that is loaded, or a run or recognizer folder; `device` is for the latter.
    sources: photos, folders (searched deeply) and globs, one or several.
    threshold: the similarity from which a face gets a name, instead of the recogniser's.
    out: a folder for annotated copies. csv: a file with a line per face. albums: a folder with one
        folder of photos per person; links: symbolic links there instead of copies. xmp: write face
        regions beside the photos, or beside the copies in `out`, as `photo.jpg.xmp`.
    Raises KnownfaceError, at once, where there is no recogniser or nothing to look at, and where
    `out` or `albums` lie among the sources.
    """
    threshold = checked("threshold", Similarity, threshold)
    if isinstance(recognizer, str | Path):
        artifact_folder(Path(recognizer))  # a missing one is said before anything heavy is imported
    from knownface.recognition.recognizer import Recognizer

    named = [sources] if isinstance(sources, str | Path) else list(sources)
    paths = photos_of(named)
    copies, filed = (
        None if given is None else folder_apart(name, given, named, paths)
        for name, given in (("out", out), ("albums", albums))
    )
    loaded = Recognizer.given(recognizer, device)
    if threshold is not None:
        chosen = replace(loaded.threshold, value=threshold, source=argument("threshold"))
        loaded = replace(loaded, threshold=chosen)
    writers: list[Callable[[Recognition], object]] = []
    if csv is not None:
        writers.append(_table(csv))
    if filed:
        from knownface.recognition.albums import Albums

        writers.append(Albums(filed, loaded.people, links))
    if copies:
        writers.append(lambda recognition: _copy(recognition, copies, xmp))
    elif xmp:
        writers.append(lambda recognition: write_sidecar(recognition, Path(recognition.path)))
    found = loaded.recognize_photos(paths, track, pixels=copies is not None)
    return _written(found, writers) if writers else found


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


def folder_apart(
    name: str, given: str | Path, sources: Iterable[str | Path], photos: Iterable[Path]
) -> Path:
    """A folder to write into, which is made; KnownfaceError where it lies among the sources.

    name: of the option; photos: what `photos_of` found in the sources. It may neither lie in a
    folder that is searched, whose next search would find it, nor hold one of the photos. Below the
    folder of a photo that was named alone it is marked, so that no search finds it.
    """
    if not str(given):
        raise KnownfaceError(f"{argument(name)} must name a folder")
    folder = Path(given).resolve()
    searched = [Path(each) for each in sources if Path(each).is_dir()]
    searched += [
        Path(str(each).split("**")[0]) for each in sources
        if "**" in str(each) and not Path(each).exists()
    ]  # fmt: skip
    inside = [each for each in searched if folder.is_relative_to(each.resolve())]
    inside += [each for each in {p.parent for p in photos} if each.resolve().is_relative_to(folder)]
    if inside:
        raise KnownfaceError(
            f"{argument(name, given)}: lies among the photos ({inside[0]}); name a folder apart "
            "from them"
        )
    try:
        private_folder(folder)
        if any(folder.is_relative_to(photo.parent.resolve()) for photo in photos):
            mark_made(folder)
    except OSError as error:
        raise KnownfaceError(f"{given}: cannot be written ({error.strerror})") from None
    return Path(given)


def _table(given: str | Path) -> FaceTable:
    path = Path(given)
    if not str(given) or path.is_dir() or path.suffix.lower() in SUFFIXES:
        raise KnownfaceError(f"{argument('csv', given)}: must name a file such as faces.csv")
    return FaceTable(path)


def _written(
    recognitions: Iterable[Recognition], writers: Iterable[Callable[[Recognition], object]]
) -> Iterator[Recognition]:
    """The same, each written by all writers before it is given."""
    for recognition in recognitions:
        for write in writers:
            write(recognition)
        yield recognition


def _copy(recognition: Recognition, folder: Path, xmp: bool) -> None:
    """Draw a photo into a folder, if it could be read, and write its regions beside the copy."""
    if recognition.pixels is None:
        return
    from knownface.faces.photo import write_image
    from knownface.recognition.draw import annotate

    names = names_like(folder / f"{Path(recognition.path).stem}.jpg")
    target = next(path for path in names if not path.exists())
    write_image(target, annotate(recognition.pixels, recognition))
    if xmp:
        write_sidecar(recognition, target)
