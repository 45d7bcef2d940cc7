"""The verb: name every face in photos, folders, globs, videos, cameras and streams."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.errors import KnownfaceError
from knownface.faces.find import SUFFIXES, first_folder_of_photos, is_made, is_photo
from knownface.faces.video_source import SUFFIXES as VIDEO_SUFFIXES
from knownface.faces.video_source import is_live, named, pyav
from knownface.files.whole import names_like
from knownface.options import Device, Option, argument, checked
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder
from knownface.recognition.sidecar import write_sidecar
from knownface.recognition.sources import folder_apart, sources_of
from knownface.recognition.table import FaceTable, TrackTable

if TYPE_CHECKING:
    from knownface.recognition.recognizer import Recognizer
    from knownface.recognition.result import Recognition

ODD_SOUND = (".avi", ".wmv", ".flv", ".ogv", ".vob")  # may have sound that MP4 cannot hold

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
    copies = None if out is None else folder_apart("out", out, given, files, _expect_copies, True)
    filed = None if albums is None else folder_apart("albums", albums, given, files)
    loaded = Recognizer.given(recognizer, device)
    if threshold is not None:
        chosen = replace(loaded.threshold, value=threshold, source=argument("threshold"))
        loaded = replace(loaded, threshold=chosen)
    writers = _writers(loaded.people, None if videos else csv, filed, links, copies, xmp)
    found = loaded.recognize_photos(paths, track, pixels=copies is not None)
    answers = _written(found, writers) if writers else found
    if not videos:
        return answers
    seen = _watched(loaded, videos, every, film or copies, _tracks(csv), track)
    return _in_turn(answers, seen)


def _writers(
    people: Sequence[str],
    csv: str | Path | None,
    albums: Path | None,
    links: bool,
    copies: Path | None,
    xmp: bool,
) -> list[Callable[[Recognition], object]]:
    """What writes the answers for photos."""
    writers: list[Callable[[Recognition], object]] = []
    if csv is not None:
        writers.append(FaceTable(_table_path(csv)))
    if albums:
        from knownface.recognition.albums import Albums

        writers.append(Albums(albums, people, links))
    if copies:
        writers.append(lambda recognition: _copy(recognition, copies, xmp))
    elif xmp:
        writers.append(lambda recognition: write_sidecar(recognition, Path(recognition.path)))
    return writers


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


def _expect_copies(folder: Path) -> None:
    """KnownfaceError where a folder holds other photos than copies of an earlier call."""
    if is_made(folder.resolve()) or not folder.is_dir():
        return
    loose = (path for path in sorted(folder.iterdir()) if path.is_file() and is_photo(path))
    if found := next(loose, None) or first_folder_of_photos(folder):
        raise KnownfaceError(
            f"{argument('out', folder)}: holds photos that are no copies drawn before "
            f"({found.name}); name another folder"
        )


def _is_film(out: Path) -> bool:
    return out.suffix.lower() in VIDEO_SUFFIXES


def _target(video: str | Path, folder: Path) -> Path:
    """A new file in a folder, for the copy of a video: MP4, or what holds any kind of sound."""
    file = Path(re.sub(r"[^\w.-]+", "-", named(video)) if is_live(video) else video)
    name = file.name if is_live(video) else file.stem
    kind = ".mkv" if file.suffix.lower() in ODD_SOUND else ".mp4"
    return next(path for path in names_like(folder / f"{name}{kind}") if not path.exists())


def _film(out: Path, photos: list[Path], videos: list[str | Path]) -> Path:
    """The one video to write."""
    if photos or len(videos) != 1:
        raise KnownfaceError(
            f"{argument('out', out)}: a file is for one video; name a folder for several sources"
        )
    if not is_live(videos[0]) and out.resolve() == Path(videos[0]).resolve():
        raise KnownfaceError(f"{argument('out', out)}: is the video itself; name another file")
    if out.exists():
        raise KnownfaceError(
            f"{argument('out', out)}: is there already; name a new file, or delete it"
        )
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
