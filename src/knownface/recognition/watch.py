"""Videos and live sources become answers, one per picture that is looked at, in bounded memory."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.picture import Picture
from knownface.faces.video import USUAL_RATE, LiveVideo, VideoError, VideoFile
from knownface.faces.video_source import is_live, named
from knownface.progress import Track, silent
from knownface.recognition.footage import AnnotatedFile, AnnotatedLive
from knownface.recognition.identity import Identities
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import Recognition

log = logging.getLogger(__name__)


class Copy(Protocol):
    """A drawn copy in the making."""

    def add(self, recognition: Recognition) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


def watch(
    recognizer: Recognizer,
    source: str | Path,
    every: int,
    out: Path | None = None,
    track: Track = silent,
) -> Generator[Recognition]:
    """An answer for each `every`-th picture of a video file, or the newest ones of a live source.

    out: a drawn copy to write. A video that cannot be read is one answer with its error.
    """
    copy: Copy | None = None
    try:
        if is_live(source):
            copy = AnnotatedLive(out, USUAL_RATE / every) if out else None
            found = _live(recognizer, source, every, out is not None)
        else:
            found = _file(recognizer, Path(source), every, track)
            copy = AnnotatedFile(Path(source), out) if out else None
        with closing(found):
            for recognition in found:
                if copy:
                    copy.add(recognition)
                yield recognition
        if copy:
            copy.finish()
    except VideoError as error:
        yield Recognition(named(source), (), str(error))
    finally:
        if copy:
            copy.close()


def _live(
    recognizer: Recognizer, source: str | Path, every: int, pixels: bool
) -> Generator[Recognition]:
    cropper, identities = recognizer.cropper(), Identities(recognizer)
    with LiveVideo(source, every) as video:
        for frame in video.frames():
            faces, crops = cropper.crop_picture(Picture.of(frame.pixels))
            embeddings = recognizer.embedder.embed(crops)
            answers = identities.answers(frame.seconds, faces, embeddings)
            yield Recognition(
                video.name, answers, None, frame.pixels if pixels else None,
                _size(frame.pixels), frame.seconds,
            )  # fmt: skip


def _file(recognizer: Recognizer, path: Path, every: int, track: Track) -> Generator[Recognition]:
    identities, begun = Identities(recognizer), time.perf_counter()
    with VideoFile(path) as video:
        frames = _Frames(video, every)
        bar = _Seconds(track, video)
        now = 0.0
        photos = recognizer.pipeline(track).only_faces(mirrored=False).embed_photos(frames)
        try:
            for each in photos:
                now, size = frames.taken.popleft()
                if each.photo.error:
                    raise KnownfaceError(each.photo.error)
                answers = identities.answers(now, each.photo.faces, each.embeddings)
                bar.reach(now)
                yield Recognition(video.name, answers, None, None, size, now)
        finally:
            with suppress(AttributeError):
                photos.close()  # type: ignore[attr-defined]
        bar.reach(video.duration)
        if video.fault:
            log.warning("%s", video.fault)
    spent = time.perf_counter() - begun
    log.info("%s: %.1f s in %.1f s, %.1f times real time", video.name, now, spent, now / spent)


class _Frames(Sequence[Any]):
    """A video's pictures as sources of the stream of photos, and the times of those in flight."""

    def __init__(self, video: VideoFile, every: int) -> None:
        self.taken: deque[tuple[float, tuple[int, int]]] = deque()
        self._video, self._every = video, every

    def __len__(self) -> int:
        return max(1, round(self._video.duration * self._video.rate / self._every))

    def __getitem__(self, index: Any) -> Any:
        raise TypeError("pictures of a video come in their order")

    def __iter__(self) -> Iterator[np.ndarray]:
        for frame in self._video.frames(self._every):
            self.taken.append((frame.seconds, _size(frame.pixels)))
            yield frame.pixels


class _Seconds:
    """Progress in seconds of the video, so that its rate is how many times real time."""

    def __init__(self, track: Track, video: VideoFile) -> None:
        total = int(video.duration)
        self._ticks = iter(track(range(total), f"{Path(video.name).name}, seconds", total))
        self._done = -1

    def reach(self, seconds: float) -> None:
        while self._done < int(seconds):
            self._done += 1
            next(self._ticks, None)


def _size(pixels: np.ndarray) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]
