"""What a verb is to look at: photos, videos and live sources, and folders apart from them."""

from __future__ import annotations

import glob
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from knownface.errors import KnownfaceError
from knownface.faces.find import find_photos, mark_made, passed_over
from knownface.faces.video_source import is_live, is_video
from knownface.files.whole import private_folder
from knownface.options import argument

log = logging.getLogger(__name__)


def sources_of(sources: Iterable[str | Path]) -> tuple[list[Path], list[str | Path]]:
    """Photos, and videos and live sources, that are named; KnownfaceError if one names nothing.

    Folders are searched for photos alone: videos take long, and are named, or matched by globs.
    """
    photos, videos = list[Path](), list[str | Path]()
    for source in sources:
        if is_live(source):
            videos.append(source)
            continue
        folder = Path(source).is_dir()
        for path in photos_of([source]):
            if folder or not is_video(path):
                photos.append(path)
            else:
                videos.append(path)
    return photos, videos


def has_videos(sources: Iterable[str | Path]) -> bool:
    """Whether any of them is a video or a live source; no folder is searched for it."""
    named = [each for each in sources if is_live(each) or not Path(each).is_dir()]
    return any(is_live(each) or any(map(is_video, photos_of([each]))) for each in named)


def photos_of(sources: Iterable[str | Path], linked: bool = False) -> list[Path]:
    """Files named by paths, folders (searched for photos) and globs; KnownfaceError if none.

    linked: in folders, as in `find_photos`.
    """
    found: list[Path] = []
    for source in sources:
        path = Path(source)
        if path.is_dir():
            inside = find_photos(path, linked)
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
    name: str,
    given: str | Path,
    sources: Iterable[str | Path],
    photos: Iterable[Path],
    expect: Callable[[Path], None] = lambda folder: None,
    made: bool = False,
) -> Path:
    """A folder to write into, which is made; KnownfaceError where it lies among the sources.

    name: of the option; photos: what `photos_of` found in the sources. It may neither lie in a
    folder that is searched, whose next search would find it, nor hold one of the photos. Below the
    folder of a photo that was named alone it is marked, so that no search finds it.
    expect: raises KnownfaceError where the folder, as it was before, holds what it may not. made:
        it is for our copies alone, and marked wherever it lies.
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
        expect(Path(given))
        private_folder(folder)
        if made or any(folder.is_relative_to(photo.parent.resolve()) for photo in photos):
            mark_made(folder)
    except OSError as error:
        raise KnownfaceError(f"{given}: cannot be written ({error.strerror})") from None
    return Path(given)
