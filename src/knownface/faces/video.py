"""Videos: files, cameras and streams become upright RGB frames with their times."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any

import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.video_source import STREAM, is_live, named, pyav

log = logging.getLogger(__name__)

# What a source may open besides itself: a playlist shall not read files of this machine.
LOCAL, REMOTE = "file,crypto,data", "rtsp,rtsps,rtmp,rtmps,http,https,udp,rtp,tcp,tls,srt,crypto"
USUAL_RATE = 25.0  # frames a second, where a file does not say
CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}:none")}
TIMEOUT = 10.0  # seconds in which a stream must open, and in which its next packet must come
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before a lost stream is tried again, doubling
ENDS_EARLY = 1.0  # seconds that a whole file may lack of what its head says, if 5 % do not


class VideoError(KnownfaceError):
    """A video that cannot be used; the message starts with its name."""


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    pixels: (height, width, 3) RGB uint8, upright, of square pixels.
    seconds: since the video's first picture; of a live source, since it was opened.
    """

    pixels: np.ndarray = field(repr=False)
    seconds: float


# ---------------------------------------------------------------- pictures
def rgb(picture: Any, ratio: float) -> np.ndarray:
    """A decoded picture, upright, in RGB: (height, width, 3); ratio: width to height of a pixel."""
    width = max(2, round(picture.width * ratio))
    pixels = picture.to_ndarray(format="rgb24", width=width, height=picture.height)
    return np.ascontiguousarray(np.rot90(pixels, round((picture.rotation or 0) / 90)))


# ---------------------------------------------------------------- files
class VideoFile:
    """A video that is read once from its start to its end, whatever its frame rate.

    duration: in seconds, as its head says; 0 where it does not. rate: frames a second, on average.
    ratio: width to height of a pixel. start: time of the first picture by the file's clock, which
        sound has too.
    fault: after reading, a sentence if it ended early or had damaged parts; what could be read
        was given.
    Raises VideoError where it cannot be opened or has no pictures.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = named(path)
        self.fault, self.start = "", 0.0
        self._damaged = 0
        self._container = _opened(path)
        cover = pyav().stream.Disposition.attached_pic  # one still, such as that of a song
        moving = [s for s in self._container.streams.video if not s.disposition & cover]
        if not moving:
            kinds = _kinds(self._container)
            self.close()
            raise VideoError(f"{self.name}: has no moving pictures, only {kinds}")
        self.stream = moving[0]
        self.stream.thread_type = "AUTO"
        self.sound = next(iter(self._container.streams.audio), None)
        self.rate = float(self.stream.average_rate or self.stream.guessed_rate or USUAL_RATE)
        self.ratio = float(self.stream.sample_aspect_ratio or 1)
        self.duration = self._duration()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """Every so many-th picture."""
        for number, (picture, seconds) in enumerate(self.pictures()):
            if number % every == 0:
                yield Frame(rgb(picture, self.ratio), seconds)

    def pictures(self, sound: bool = False) -> Iterator[tuple[Any, float]]:
        """Each decoded picture and its time; with `sound`, packets of sound and -1 between."""
        av, begun, last = pyav(), False, -1.0
        for packet in self._packets(sound):
            if packet.stream.type == "audio":
                yield packet, -1.0
                continue
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                self._damaged += 1
                continue
            for picture in pictures:
                shown = picture.time
                if not begun:
                    self.start, begun = shown or 0.0, True
                seconds = -1.0 if shown is None else shown - self.start
                if seconds <= last:  # it does not say, or jumps back
                    seconds = last + 1 / self.rate if last >= 0 else 0.0
                last = seconds
                yield picture, seconds
        self._judge(last)

    def _packets(self, sound: bool) -> Iterator[Any]:
        wanted = [self.stream] + ([self.sound] if sound and self.sound else [])
        packets = self._container.demux(*wanted)
        while True:
            try:
                packet = next(packets, None)
            except (pyav().error.FFmpegError, OSError):
                self._damaged += 1
                return
            if packet is None:
                return
            yield packet

    def _judge(self, last: float) -> None:
        end = last + 1 / self.rate
        if last < 0:
            raise VideoError(f"{self.name}: no picture of it can be read; copy it again")
        if self.duration - end > max(ENDS_EARLY, 0.05 * self.duration):
            self.fault = (
                f"{self.name}: ends after {end:.1f} of {self.duration:.1f} seconds; what could be "
                "read was used, copy it again for the rest"
            )
        elif self._damaged:
            self.fault = f"{self.name}: {self._damaged} damaged parts were passed over"

    def _duration(self) -> float:
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        return (self._container.duration or 0) / 1e6


def _kinds(container: Any) -> str:
    return ", ".join(sorted({each.type for each in container.streams})) or "nothing"


def _opened(source: str | Path) -> Any:
    """PyAV's container of a file or a live source; VideoError says why not."""
    av, text, options = pyav(), str(source), {"protocol_whitelist": LOCAL}
    kind, address, timeout = None, f"file:{text}", None
    if STREAM.match(text):
        options = {"protocol_whitelist": REMOTE, "rtsp_transport": "tcp"}
        address, timeout = text, (TIMEOUT, TIMEOUT)
    elif is_live(text):
        options = {}
        kind, address = _camera(int(text))
    try:
        return av.open(address, format=kind, options=options, timeout=timeout)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        # Its own text would repeat the address, with a password perhaps.
        why = getattr(error, "strerror", None) or type(error).__name__
        mend = "is it there, and does it stream?" if is_live(text) else "copy it again"
        raise VideoError(f"{named(text)}: cannot be read as a video ({why}); {mend}") from None


def _camera(number: int) -> tuple[str, str]:
    """FFmpeg's kind of device, and its name, of the so many-th camera."""
    if sys.platform in CAMERAS:
        kind, name = CAMERAS[sys.platform]
        return kind, name.format(number)
    from av.device import enumerate_input_devices

    found = [d.name for d in enumerate_input_devices("dshow") if "video" in d.media_types]
    if number >= len(found):
        raise VideoError(f"camera {number}: there are {len(found)} cameras, counted from 0")
    return "dshow", f"video={found[number]}"


# ---------------------------------------------------------------- live
class LiveVideo:
    """A camera or a stream: always its newest picture; what nobody took in time is forgotten.

    A thread reads ahead and keeps one picture. A source that was lost is opened again and again,
    less and less often, until `close`; one that never opened raises VideoError.
    every: only each so many-th picture counts.
    """

    def __init__(self, source: str | Path, every: int = 1) -> None:
        self.name = named(source)
        self._source, self._every = source, every
        self._stop, self._changed = Event(), Condition()
        self._newest: tuple[Callable[[], np.ndarray], float] | None = None
        self._error: BaseException | None = None
        self._begun = time.monotonic()

    def __enter__(self) -> LiveVideo:
        pyav()
        Thread(target=self._read, name="knownface-live", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; its thread goes as soon as the source lets it."""
        self._stop.set()

    def frames(self) -> Iterator[Frame]:
        """The newest picture, again and again, until it is closed."""
        while not self._stop.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._newest or self._error, timeout=0.5)
                newest, self._newest = self._newest, None
                error = self._error
            if newest:
                yield Frame(newest[0](), newest[1])
            elif error:
                raise error

    def _read(self) -> None:
        """Keep reading; what goes wrong before the first picture is for `frames` to raise."""
        wait, seen = FIRST_WAIT, False
        while not self._stop.is_set():
            why = "it ended"
            try:
                for picture in self._pictures():
                    if not seen or wait > FIRST_WAIT:
                        log.info("%s: %s", self.name, "is read again" if seen else "is read")
                    seen, wait = True, FIRST_WAIT
                    self._offer(picture)
            except Exception as error:  # noqa: BLE001 - it is raised where frames are taken
                if not seen:
                    with self._changed:
                        self._error = error
                        self._changed.notify_all()
                    return
                why = getattr(error, "strerror", None) or str(error)
            if not self._stop.is_set():
                log.warning("%s: lost (%s); trying again in %.0f s", self.name, why, wait)
                self._stop.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    def _pictures(self) -> Iterator[Callable[[], np.ndarray]]:
        number = 0
        with _opened(self._source) as container:
            if not container.streams.video:
                raise VideoError(f"{self.name}: has no pictures, only {_kinds(container)}")
            stream = container.streams.video[0]
            ratio = float(stream.sample_aspect_ratio or 1)
            for packet in container.demux(stream):
                for picture in _decoded(packet):
                    if self._stop.is_set():
                        return
                    if number % self._every == 0:
                        yield partial(rgb, picture, ratio)  # only of those that are taken
                    number += 1

    def _offer(self, picture: Callable[[], np.ndarray]) -> None:
        with self._changed:
            self._newest = picture, time.monotonic() - self._begun
            self._changed.notify_all()


def _decoded(packet: Any) -> list[Any]:
    """Pictures of a packet of a live source; none of one that came damaged."""
    try:
        return list(packet.decode())
    except pyav().error.InvalidDataError:
        return []
