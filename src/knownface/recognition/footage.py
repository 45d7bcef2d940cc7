"""Copies of videos with boxes and names; sound is kept as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.video import VideoFile, rgb
from knownface.faces.video_source import pyav
from knownface.files.whole import whole_file
from knownface.options import argument
from knownface.recognition.draw import annotate
from knownface.recognition.result import Recognition, RecognizedFace

log = logging.getLogger(__name__)

# The first encoder that PyAV has here. Its own packages have x264 (GPL); others may not.
ENCODERS = {
    "libx264": {"preset": "veryfast", "crf": "21"}, "libopenh264": {"b": "6M"}, "mpeg4": {"q": "4"},
}  # fmt: skip
TICK = Fraction(1, 60_000)  # of a second: all usual frame rates are whole numbers of it


class Footage:
    """One video that is being written, and appears when it is closed.

    rate: frames a second, about. sound: PyAV's stream whose packets will be given to `keep`.
    Whatever ends the work early, what was written so far becomes a whole file.
    """

    def __init__(self, target: Path, rate: float, sound: Any = None) -> None:
        self.target = target
        self._rate, self._sound = rate, sound
        self._files = ExitStack()
        self._container: Any = None
        self._stream: Any = None
        self._kept: Any = None
        self._early: list[Any] = []  # sound from before the first picture

    def add(self, pixels: np.ndarray, seconds: float) -> None:
        """Write one more picture: (height, width, 3) RGB, shown from a time on."""
        if self._container is None:
            self._begin(pixels)
        frame = pyav().VideoFrame.from_ndarray(pixels, format="rgb24")
        size = self._stream.width, self._stream.height
        frame = frame.reformat(width=size[0], height=size[1], format="yuv420p")
        frame.pts, frame.time_base = round(seconds / TICK), TICK
        self._container.mux(self._stream.encode(frame))

    def keep(self, packet: Any) -> None:
        """Copy a packet of sound."""
        if self._container is None:
            self._early.append(packet)
        elif self._kept is not None and packet.dts is not None:
            packet.stream = self._kept
            self._container.mux(packet)

    def close(self) -> None:
        """Finish the file."""
        if self._container is None:
            return
        with self._files:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        self._container = None

    def _begin(self, pixels: np.ndarray) -> None:
        part = self._files.enter_context(whole_file(self.target))
        self._open(part, pixels, self._sound)
        if self._container is None and self._sound is not None:
            self._open(part, pixels, None)
            if self._container is not None:
                log.warning(
                    "%s: its sound (%s) does not fit into this kind of file and is left out; "
                    "one called .mkv can hold it", self.target, self._sound.codec_context.name,
                )  # fmt: skip
        if self._container is None:
            self._files.__exit__(KnownfaceError, KnownfaceError(), None)  # nothing is left of it
            raise KnownfaceError(
                f"{argument('out', self.target)}: not a kind of file that such a video can be "
                "written to; name one such as annotated.mp4"
            )
        early, self._early = self._early, []
        for packet in early:
            self.keep(packet)

    def _open(self, part: Path, pixels: np.ndarray, sound: Any) -> None:
        """Begin the file, if its kind can hold all that."""
        av = pyav()
        name = next(each for each in ENCODERS if each in av.codecs_available)
        if name == "mpeg4":
            log.warning("%s: this PyAV has no H.264 encoder; MPEG-4 is larger", self.target)
        try:
            container = av.open(str(part), "w")
            stream = container.add_stream(
                name, rate=Fraction(self._rate).limit_denominator(1001), options=ENCODERS[name]
            )
            stream.height, stream.width = (2 * (side // 2) for side in pixels.shape[:2])
            stream.pix_fmt, stream.codec_context.time_base = "yuv420p", TICK
            kept = container.add_stream_from_template(sound) if sound is not None else None
            container.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            log.debug("%s: %s", self.target, error)
            return
        self._container, self._stream, self._kept = container, stream, kept


class AnnotatedFile:
    """Draws into a copy of a video file, which it reads beside those who look for faces.

    So that no picture has to wait in memory until its faces are known.
    """

    def __init__(self, source: Path, target: Path) -> None:
        self._reader = VideoFile(source)
        self._footage = Footage(target, self._reader.rate, self._reader.sound)
        self._pictures = self._reader.pictures(sound=True)
        self._next: tuple[Any, float] | None = None
        self._before: Recognition | None = None

    def add(self, recognition: Recognition) -> None:
        """Draw all pictures up to the one of this answer."""
        if recognition.seconds is not None:
            self._draw(recognition.seconds, recognition)
            self._before = recognition

    def close(self) -> None:
        """Finish the file with what is drawn; nothing is left of one that could not be written."""
        self._reader.close()
        self._footage.close()

    def finish(self) -> None:
        """Draw the pictures after the last answer."""
        self._draw(float("inf"), self._before)

    def _draw(self, until: float, after: Recognition | None) -> None:
        while (each := self._next or next(self._pictures, None)) is not None:
            picture, seconds = each
            if seconds > until:
                self._next = each
                return
            self._next = None
            if seconds < 0:
                self._footage.keep(picture)
                continue
            pixels, shown = rgb(picture, self._reader.ratio), between(self._before, after, seconds)
            pixels = annotate(pixels, shown) if shown else pixels
            self._footage.add(pixels, seconds + self._reader.start)


class AnnotatedLive:
    """Draws the pictures of a live source that were looked at."""

    def __init__(self, target: Path, rate: float) -> None:
        self._footage = Footage(target, rate)
        self.close: Callable[[], None] = self._footage.close

    def add(self, recognition: Recognition) -> None:
        """Draw one picture, which the answer carries."""
        if recognition.pixels is not None and recognition.seconds is not None:
            self._footage.add(annotate(recognition.pixels, recognition), recognition.seconds)

    def finish(self) -> None:
        """Nothing is left to draw."""


def between(
    before: Recognition | None, after: Recognition | None, seconds: float
) -> Recognition | None:
    """What to draw at a time between two answers: boxes on their way, names as they were before.

    Who is in one of them only is shown for the half of the time that is nearer to it.
    """
    if before is None or after is None or before.seconds is None or after.seconds is None:
        return after if after and after.seconds == seconds else before
    span = after.seconds - before.seconds
    share = (seconds - before.seconds) / span if span > 0 else 0.0
    if share >= 1:
        return after
    later = {face.track: face for face in after.faces if face.track is not None}
    earlier = {face.track for face in before.faces}
    faces = [
        _moved(face, later[face.track], share) if face.track in later else face
        for face in before.faces
        if face.track in later or share < 0.5
    ]
    faces += [f for f in after.faces if f.track not in earlier and share >= 0.5]
    return replace(before, faces=tuple(faces))


def _moved(face: RecognizedFace, to: RecognizedFace, share: float) -> RecognizedFace:
    x, y, wide, high = ((1 - share) * a + share * b for a, b in zip(face.box, to.box, strict=True))
    return replace(face, box=(x, y, wide, high))
