"""The content of an image file becomes upright RGB uint8, whole or at half its size."""

from __future__ import annotations

import io
import warnings
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

import cv2
import numpy as np
import pillow_heif
import simplejpeg
from PIL import AvifImagePlugin, ExifTags, Image, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401

from knownface.faces.picture import ENOUGH, Decode, Picture, halved

pillow_heif.register_heif_opener()
# Larger than what glibc keeps for each thread after it was freed (32 MiB): eight threads that read
# photos of 119 million pixels took 4.9 GB with Pillow's blocks of 16 MiB, and take 2.8 with these.
Image.core.set_block_size(64 * 2**20)  # type: ignore[attr-defined]
Image.preinit()  # with the imports above all decoders: threads would load them at the same time

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF", "PPM")
FRAMES = 20  # of an animation in which a picture is looked for
BAND = 1 << 20  # pixels converted at once
DEPTHS = (8, 10, 12, 14, 16)  # bits of a channel
JPEG_END = b"\xff\xd9"
BLOCK = 8  # pixels of a side of JPEG's blocks
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: partial(cv2.flip, flipCode=1),
    3: partial(cv2.rotate, rotateCode=cv2.ROTATE_180),
    4: partial(cv2.flip, flipCode=0),
    5: cv2.transpose,
    6: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_COUNTERCLOCKWISE),
}  # by EXIF 2.3, tag 0x0112
TURNED = (5, 6, 7, 8)  # of these, those that exchange width and height
DATES = (
    (ExifTags.Base.DateTimeOriginal, ExifTags.Base.SubsecTimeOriginal),
    (ExifTags.Base.DateTimeDigitized, ExifTags.Base.SubsecTimeDigitized),
    (ExifTags.Base.DateTime, ExifTags.Base.SubsecTime),
)  # tags of EXIF 2.3, each with that of its fraction
# Days on which the clocks of cameras start that nobody has set: Unix's, FAT's, and a round number.
NOT_SET = (date(1970, 1, 1), date(1980, 1, 1), date(2000, 1, 1))
EARLIEST = 1900  # year of what prints that were scanned say


@dataclass(frozen=True)
class Encoded:
    """An image file's content: size as stored, orientation (see TURNS) and time.

    reducible: a JPEG that can be decoded at half its size, in less time.
    """

    data: bytes
    width: int
    height: int
    orientation: int
    taken: float | None
    reducible: bool

    def picture(self, guard: Callable[[Decode], Decode]) -> Picture:
        """What it shows, upright, decoded when it is asked for: at half its size where possible.

        guard: what is put around decoding, for the errors.
        """
        size = (self.width, self.height)
        width, height = size[::-1] if self.orientation in TURNED else size
        factor = 2 if self.reducible and width * height >= 4 * ENOUGH else 1
        return Picture(width, height, guard(partial(_decode, self)), factor)


def opened(data: bytes) -> Encoded:
    """What the head of a file says. Raises what Pillow raises where it is no image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # size is checked by who asks; EXIF oddities are harmless
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            plain = image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB")
            orientation = 1 if image.format == "TIFF" else _orientation(image)  # Pillow turns it
            taken = _capture_time(image)
            return Encoded(data, image.width, image.height, orientation, taken, plain)


def upright(image: Image.Image) -> np.ndarray:
    """A picture of Pillow as upright RGB."""
    return turned(to_rgb(image), _orientation(image))


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turned as EXIF says; a value that makes no sense turns nothing."""
    turn = TURNS.get(orientation)
    return pixels if turn is None else np.asarray(turn(pixels))


# ---------------------------------------------------------------- decoding
def _decode(encoded: Encoded, factor: int) -> np.ndarray:
    """(height / factor, width / factor, 3), the last row and column of an odd side included."""
    pixels = _jpeg(encoded, factor) if encoded.reducible else None
    if pixels is None:
        pixels = _by_pillow(encoded.data)
        pixels = halved(pixels) if factor == 2 else pixels
    return turned(pixels, encoded.orientation)


def _jpeg(encoded: Encoded, factor: int) -> np.ndarray | None:
    """As Pillow decodes it, bit for bit, in less time and memory; None where anything is odd."""
    least = {} if factor == 1 else {
        "min_height": -(-encoded.height // factor), "min_width": -(-encoded.width // factor),
    }  # fmt: skip
    try:
        return np.asarray(simplejpeg.decode_jpeg(encoded.data, "RGB", strict=True, **least))
    except ValueError:
        return None


def _by_pillow(data: bytes) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _seek_picture(image)
            return to_rgb(image) if _loads(image) else _without_end_marker(data)


def _seek_picture(image: Image.Image) -> None:
    """The first frame; of an animation the first that is not blank, among FRAMES."""
    image.seek(0)
    if image.format not in ("GIF", "WEBP", "PNG", "AVIF"):  # others hold pictures, not frames
        return
    for frame in range(min(FRAMES, getattr(image, "n_frames", 1)) - 1):
        low, high = np.array(image.convert("RGB").getextrema()).T
        if (low != high).any():
            return
        image.seek(frame + 1)


def _loads(image: Image.Image) -> bool:
    """Decode; False for a JPEG that merely has no end."""
    try:
        image.load()
    except OSError:
        if image.format != "JPEG":
            raise
        return False
    return True


def _without_end_marker(data: bytes) -> np.ndarray:
    """A JPEG that lacks its last bytes: complete but for the marker, or OSError.

    Where the decoder ran out of data, it repeats one value to the end of the last row of blocks.
    """
    with Image.open(io.BytesIO(data + JPEG_END), formats=("JPEG",)) as image:
        image.load()
        last = np.asarray(image.convert("RGB"))[-4:, -BLOCK:].reshape(-1, 3)
        if (last == last[0]).all():
            raise OSError("the image file is truncated")
        return to_rgb(image)


# ---------------------------------------------------------------- colours
def to_rgb(image: Image.Image) -> np.ndarray:
    """Bring every Pillow mode to RGB uint8, (height, width, 3), band by band to spare memory."""
    width, height = image.size
    rows = max(1, BAND // width)
    bands = [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
    deep = image.mode.startswith("I") or image.mode == "F"  # 16 or 32 bits, or float
    white = (
        _white(max(float(np.nanmax(_plain(image.crop(band)))) for band in bands), image.mode)
        if deep
        else 0
    )
    pixels = np.empty((height, width, 3), np.uint8)
    for band in bands:
        part = image.crop(band)
        found = _grey(_plain(part), white) if deep else _band_to_rgb(part)
        pixels[band[1] : band[3]] = found
    return pixels


def _band_to_rgb(image: Image.Image) -> np.ndarray:
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        rgba = image.convert("RGBA")
        background = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(background, rgba)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _plain(image: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(image, np.float64))


def _white(highest: float, mode: str) -> float:
    """What stands for white, by the highest value: floats in [0, 1], or so many bits.

    Sensors of 10, 12 and 14 bits are written into 16.
    """
    if mode == "F" and highest <= 1.0:
        return 1.0
    return next((2.0**bits - 1 for bits in DEPTHS if highest <= 2**bits - 1), highest)


def _grey(values: np.ndarray, white: float) -> np.ndarray:
    """(height, width) as RGB uint8 (height, width, 1), to be broadcast."""
    return np.clip(np.rint(values * (255 / white)), 0, 255).astype(np.uint8)[:, :, None]


# ---------------------------------------------------------------- what the camera wrote
def _orientation(image: Image.Image) -> int:
    """`ImageOps.exif_transpose` writes the tags anew, and fails on those of a wrong type."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - cameras write anything here, and no photo fails for it
        return 1
    return found if isinstance(found, int) else 1


def _capture_time(image: Image.Image) -> float | None:
    """When it was taken, see `Photo`: by the first of DATES that EXIF 2.3 can read.

    None where there is none, or where that is no time at which a photo can have been taken.
    """
    try:
        tags = image.getexif()
        found = ChainMap(tags.get_ifd(ExifTags.IFD.Exif), tags)
        moments = (_moment(found[time], found.get(part)) for time, part in DATES if time in found)
        moment = next((each for each in moments if each), None)
    except Exception:  # noqa: BLE001 - cameras write anything here, and no photo fails for it
        return None
    if moment is None or moment.date() in NOT_SET or moment.year < EARLIEST:
        return None
    a_day_ahead = datetime.now(UTC) + timedelta(days=1)  # as the day is elsewhere on earth
    return moment.timestamp() if moment < a_day_ahead else None


def _moment(time: object, part: object) -> datetime | None:
    """`2016:04:13 15:10:18` and its fraction, as if the camera's clock showed UTC; else None."""
    digits = str(part or "").strip("\x00 ")
    share = float(f"0.{digits}") if digits.isascii() and digits.isdecimal() else 0.0
    try:
        moment = datetime.strptime(str(time).strip("\x00 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) + timedelta(seconds=share)
