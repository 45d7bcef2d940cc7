"""Which sources are videos, cameras and streams, and how they are called; light to import."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from knownface.errors import KnownfaceError
from knownface.faces.find import is_photo

SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".3gp", ".mpg", ".mpeg", ".ts", ".mts",
    ".m2ts", ".wmv", ".flv", ".ogv", ".mjpeg", ".h264", ".hevc", ".vob",
))  # fmt: skip
# How files of ISO media, Matroska, MPEG-PS, FLV and ASF begin, wherever photos do not begin so.
STARTS = (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"FLV\x01", b"0&\xb2u\x8ef\xcf\x11")
STREAM = re.compile(r"(rtsps?|rtmps?|https?|udp|rtp|tcp|srt)://", re.IGNORECASE)


def is_video(path: Path) -> bool:
    """Whether a file is a video by its content or, where that does not say, by its name."""
    if is_photo(path):
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(200)
    except OSError:
        start = b""
    packets = start[:1] == start[188:189] == b"G"
    riff = start[:4] == b"RIFF" and start[8:12] == b"AVI "
    known = start.startswith(STARTS) or start[4:8] == b"ftyp" or packets or riff
    return known or path.suffix.lower() in SUFFIXES


def is_live(source: str | Path) -> bool:
    """The number of a camera, or the address of a stream."""
    text = str(source)
    return bool(STREAM.match(text)) or (text.isdecimal() and not Path(text).exists())


def named(source: str | Path) -> str:
    """A source as it is shown and written: an address without its password."""
    text = str(source)
    if not STREAM.match(text):
        return f"camera {text}" if is_live(text) else text
    parts = urlsplit(text)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def pyav() -> Any:
    """The module `av`; KnownfaceError where it is not installed."""
    try:
        import av
    except ImportError:
        raise KnownfaceError(
            'videos and cameras need PyAV: pip install "knownface[video]"'
        ) from None
    return av
