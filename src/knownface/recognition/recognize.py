"""The verb: name every face in photos, folders, globs, videos, cameras and streams."""

from __future__ import annotations

import glob
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.errors import KnownfaceError
from knownface.faces.find import SUFFIXES, find_photos, mark_made, passed_over
from knownface.faces.video_source import SUFFIXES as VIDEO_SUFFIXES
from knownface.faces.video_source import is_live, is_video, named, pyav
from knownface.files.whole import names_like, private_folder
from knownface.options import Device, Option, argument, checked
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder
from knownface.recognition.sidecar import write_sidecar
from knownface.recognition.table import FaceTable, TrackTable

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


Every = Annotated[
    int,
    Option(
        "Of a video, look at every so many-th picture.",
        wanted="1 or more",
        fits=lambda every: every >= 1,
    ),
]


def recognize(
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    sources: Annotated[
        Iterable[str | Path | int] | str | Path | int,
        Option("Photos, folders, globs, videos, a camera (0) or a stream (rtsp://...)."),
    ],
    *,
    threshold: Similarity = None,
    every: Every = 5,
    out: Annotated[
        str | Path | None, Option("Folder for annotated copies; for one video, also a file.")
    ] = None,
    csv: Annotated[
        str | Path | None, Option("File with a line per face; of videos, per track.")
    ] = None,
    albums: Annotated[str | Path | None, Option("Folder with a folder per person.")] = None,
    links: Annotated[bool, Option("Albums of links, not copies.")] = False,
    xmp: Annotated[
        bool, Option("Face regions in photo.jpg.xmp beside each photo or copy.")
    ] = False,
    device: Device = "auto",
    track: Track = silent,
) -> Iterator[Recognition]:
    """Name every face, photo by photo, in order; an unreadable photo carries its error.

    Of a video, a camera (its number) or a stream (its address) there is one `Recognition` for each
    picture that was looked at, with `seconds`, whose faces carry the number of their `track` and
    the answer of that track; `Appearances` makes of them who was there, from when to when. Photos
    come first. A live source goes on until the iteration is ended.

    recognizer: one that is loaded, or a run or recognizer folder; `device` is for the latter.
    sources: photos, folders of photos (searched deeply), globs, videos and live sources, one or
        several. every: of videos, look at each so many-th picture; of live sources at most at
        these, and always at the newest.
    threshold: the similarity from which a face gets a name, instead of the recogniser's.
    out: a folder for annotated copies, or, of one video, the file. csv: a file with a line per
        face, or per track where there are videos. albums: a folder with one folder of photos per
        person; links: symbolic links there instead of copies. xmp: write face regions beside the
        photos, or beside the copies in `out`, as `photo.jpg.xmp`.
    Raises KnownfaceError, at once, where there is no recogniser or nothing to look at, and where
    `out` or `albums` lie among the sources.
    """
    threshold = checked("threshold", Similarity, threshold)
    every = checked("every", Every, every)
    if isinstance(recognizer, str | Path):
        artifact_folder(Path(recognizer))  # a missing one is said before anything heavy is imported
    from knownface.recognition.recognizer import Recognizer

    named_ones = [sources] if isinstance(sources, str | Path | int) else sources
    given = [str(each) if isinstance(each, int) else each for each in named_ones]
    paths, videos = sources_of(given)
    if videos:
        pyav()
        _refuse_for_videos(paths, videos, csv=csv, albums=albums, xmp=xmp)
    film = None
    if out and Path(out).suffix.lower() in VIDEO_SUFFIXES:
        film, out = _film(Path(out), paths, videos), None
    files = paths + [Path(each) for each in videos if not is_live(each)]
    copies, filed = (
        None if folder is None else folder_apart(name, folder, given, files)
        for name, folder in (("out", out), ("albums", albums))
    )
    loaded = Recognizer.given(recognizer, device)
    if threshold is not None:
        chosen = replace(loaded.threshold, value=threshold, source=argument("threshold"))
        loaded = replace(loaded, threshold=chosen)
    writers: list[Callable[[Recognition], object]] = []
    if csv is not None and not videos:
        writers.append(_table(csv))
    if filed:
        from knownface.recognition.albums import Albums

        writers.append(Albums(filed, loaded.people, links))
    if copies:
        writers.append(lambda recognition: _copy(recognition, copies, xmp))
    elif xmp:
        writers.append(lambda recognition: write_sidecar(recognition, Path(recognition.path)))
    found = loaded.recognize_photos(paths, track, pixels=copies is not None)
    answers = _written(found, writers) if writers else found
    if not videos:
        return answers
    seen = _watched(loaded, videos, every, film or copies, _tracks(csv), track)
    return _in_turn(answers, seen)


def _in_turn(*answers: Iterator[Recognition]) -> Iterator[Recognition]:
    for each in answers:
        yield from each


def _watched(
    recognizer: Recognizer,
    videos: Iterable[str | Path],
    every: int,
    out: Path | None,
    table: TrackTable | None,
    track: Track,
) -> Iterator[Recognition]:
    """Videos and live sources, one after another."""
    from knownface.recognition.appearances import Appearances
    from knownface.recognition.watch import watch

    for video in videos:
        target = _target(video, out) if out and not _is_film(out) else out
        seen = Appearances()
        try:
            with closing(watch(recognizer, video, every, target, track)) as found:
                for recognition in found:
                    if table:
                        table.add(seen.add(recognition))
                    yield recognition
        finally:
            if table:
                table.add(seen.finish())


def _is_film(out: Path) -> bool:
    return out.suffix.lower() in VIDEO_SUFFIXES


def _target(video: str | Path, folder: Path) -> Path:
    """A new file in a folder, for the copy of a video."""
    name = named(video) if is_live(video) else Path(video).stem
    name = re.sub(r"[^\w.-]+", "-", name).strip("-") if is_live(video) else name
    return next(path for path in names_like(folder / f"{name}.mp4") if not path.exists())


def _film(out: Path, photos: list[Path], videos: list[str | Path]) -> Path:
    """The one video to write."""
    if photos or len(videos) != 1:
        raise KnownfaceError(
            f"{argument('out', out)}: a file is for one video; name a folder for several sources"
        )
    if not is_live(videos[0]) and out.resolve() == Path(videos[0]).resolve():
        raise KnownfaceError(f"{argument('out', out)}: is the video itself; name another file")
    return out


def _refuse_for_videos(photos: list[Path], videos: list[str | Path], **given: object) -> None:
    """What only photos can have."""
    for name in ("albums", "xmp"):
        if given[name]:
            raise KnownfaceError(
                f"{argument(name)}: is for photos, and {named(videos[0])} is a video"
            )
    if given["csv"] is not None and photos:
        raise KnownfaceError(
            f"{argument('csv')}: photos have a line per face and videos one per track; recognize "
            "them one after the other"
        )


def _tracks(csv: str | Path | None) -> TrackTable | None:
    return None if csv is None else TrackTable(_table_path(csv))


def sources_of(sources: Iterable[str | Path]) -> tuple[list[Path], list[str | Path]]:
    """Photos, and videos and live sources, that are named; KnownfaceError if one names nothing.

    Folders are searched for photos alone: videos take long, and are named, or matched by globs.
    """
    photos, videos = list[Path](), list[str | Path]()
    for source in sources:
        if is_live(source):
            videos.append(source)
            continue
        found = photos_of([source])
        films = [] if Path(source).is_dir() else [path for path in found if is_video(path)]
        videos += films
        photos += [path for path in found if path not in films] if films else found
    return photos, videos


def photos_of(sources: Iterable[str | Path]) -> list[Path]:
    """Files named by paths, folders (searched for photos) and globs; KnownfaceError if none."""
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
    return FaceTable(_table_path(given))


def _table_path(given: str | Path) -> Path:
    path = Path(given)
    if not str(given) or path.is_dir() or path.suffix.lower() in SUFFIXES:
        raise KnownfaceError(f"{argument('csv', given)}: must name a file such as faces.csv")
    return path


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
