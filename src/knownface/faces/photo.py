"""Reading photos: any file that a phone or a camera makes becomes upright RGB uint8."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError

from knownface.errors import KnownfaceError
from knownface.files.whole import whole_file

pillow_heif.register_heif_opener()
# Larger than what glibc keeps for each thread after it was freed (32 MiB): eight threads that read
# photos of 119 million pixels took 4.9 GB with Pillow's blocks of 16 MiB, and take 2.8 with these.
Image.core.set_block_size(64 * 2**20)  # type: ignore[attr-defined]
Image.init()  # loads the decoders once, here: Pillow does not do it safely from several threads

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF", "PPM")
MAX_BYTES = 200 * 2**20
MAX_PIXELS = 120_000_000  # the largest phone and medium-format sensors have just over 100 million
MAX_SIDE = 65_535  # what JPEG can say; longer strips are no photos
# At most, of several kinds of 119 million pixels: 7 for plain JPEG and 16-bit grey, 8 for PNG with
# alpha, 11 for JPEG that is turned, 16 for WebP.
BYTES_PER_PIXEL = 16
FRAMES = 20  # of an animation in which a picture is looked for
BAND = 1 << 20  # pixels converted at once
DEPTHS = (8, 10, 12, 14, 16)  # bits of a channel
JPEG_END = b"\xff\xd9"
BLOCK = 8  # pixels of a side of JPEG's blocks
TURNS = {  # EXIF 2.3, tag 0x0112
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# A file, its bytes, what they are read from, or pixels: of Pillow, or uint8 in grey, RGB or RGBA.
Source = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray
)


class ImageError(KnownfaceError):
    """A photo that cannot be used; the message starts with its path."""


@dataclass(frozen=True)
class Photo:
    """One decoded photo.

    pixels: (height, width, 3) uint8, RGB, upright.
    digest: hex BLAKE2b-128 of the file's bytes, the photo's identity wherever it lies; empty where
        it was never a file.
    taken: capture time in seconds since 1970 as the camera wrote it, or None.
    """

    pixels: np.ndarray
    digest: str
    taken: float | None


def read_image(source: Source) -> np.ndarray:
    """Decode a photo to upright RGB, (height, width, 3) uint8; such an array is itself.

    Raises ImageError for anything that is not a readable photo within MAX_BYTES and MAX_PIXELS.
    """
    return read_photo(source).pixels


def read_photo(source: Source) -> Photo:
    """Like `read_image`, together with the file's digest and capture time."""
    if isinstance(source, np.ndarray):
        return Photo(_checked(source), "", None)
    path = path_of(source)
    name = "the image data" if path is None else str(path)
    if isinstance(source, Image.Image):
        with _said_of(name):
            _refuse_too_large(source, name)
            return Photo(_to_rgb(_upright(source)), "", None)
    data = _bytes_of(source) if path is None else read_bytes(path)
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes); copy it again from its source")
    with _said_of(name):
        pixels, taken = _decode(data, name)
    return Photo(pixels, hashlib.blake2b(data, digest_size=16).hexdigest(), taken)


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    """Whatever goes wrong with a picture is an ImageError that names it."""
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name, "far too many pixels") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: not an image that can be read (JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP, GIF "
            "or PNM)"
        ) from None
    except Exception as error:  # noqa: BLE001 - damaged files raise anything inside Pillow's decoders
        detail = str(error).split("\n")[0] or type(error).__name__
        raise ImageError(f"{name}: damaged or truncated ({detail}); copy it again") from None


def path_of(source: object) -> Path | None:
    """Where a photo lies; None for one that is given itself."""
    return Path(source) if isinstance(source, str | os.PathLike) else None


def _bytes_of(source: object) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    content = read() if callable(read := getattr(source, "read", None)) else None
    if not isinstance(content, bytes):
        raise ImageError(
            "a photo is a path, the bytes of a file, a file opened for reading bytes, a picture of "
            f"Pillow, or a uint8 array, not {type(source)}"
        )
    return content


def _checked(pixels: np.ndarray) -> np.ndarray:
    """The array as RGB, where it is clear what it means."""
    colours = pixels.shape[2] if pixels.ndim == 3 else 1 if pixels.ndim == 2 else 0
    if pixels.dtype != np.uint8 or colours not in (1, 3, 4) or not pixels.size:
        raise ImageError(
            f"the image data: an array of {pixels.dtype} {pixels.shape} is no picture; give uint8 "
            "(height, width, 3) in RGB, (height, width, 4) in RGBA or (height, width) in grey, or "
            "the path or the bytes of a file"
        )
    if colours == 3:
        return np.ascontiguousarray(pixels)
    return _to_rgb(Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and colours == 1 else pixels))


def _decode(data: bytes, name: str) -> tuple[np.ndarray, float | None]:
    """Pixels, upright, and capture time; raises ImageError for a size beyond the limits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # size is checked below; EXIF oddities are harmless
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _refuse_too_large(image, name)
            taken = _capture_time(image)
            _seek_picture(image)
            if not _loads(image):
                return _without_end_marker(data), taken
            return _to_rgb(_upright(image)), taken


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
        return _to_rgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    """Turned as EXIF says; a tag that makes no sense turns nothing.

    `ImageOps.exif_transpose` writes the tags anew, and fails on those of a wrong type.
    """
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - cameras write anything here, and no photo fails for it
        orientation = 1
    method = TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def memory_for(data: bytes) -> int:
    """Bytes that reading a file and finding its faces take at most; 0 where it is no photo."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return image.width * image.height * BYTES_PER_PIXEL
    except Exception:  # noqa: BLE001 - damaged files raise anything; reading it says what is wrong
        return 0


def read_bytes(path: Path) -> bytes:
    """The file's bytes, or ImageError; kind and size are checked before anything is read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{path}: is a device, a pipe or a socket, not a photo")
        if status.st_size > MAX_BYTES:
            raise _too_large(str(path), f"{status.st_size / 2**20:.0f} MiB")
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not a photo") from None
    except PermissionError:
        raise ImageError(f"{path}: no permission to read it (chmod u+r)") from None
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from None


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Save RGB uint8 (height, width, 3), for its owner only; the format follows from the suffix.

    Raises KnownfaceError where the file cannot be written.
    """
    try:
        with whole_file(path) as part:
            Image.fromarray(pixels).save(part, quality=92)
    except OSError as error:
        raise KnownfaceError(f"{path}: cannot be written ({error.strerror or error})") from None


def write_turned(source: Path, target: Path, turns: int) -> None:
    """Copy a photo, turned clockwise by quarters, in its own format and with its camera's data.

    Raises ImageError where it cannot be read, KnownfaceError where the copy cannot be written.
    """
    data = read_bytes(source)
    turned = Image.fromarray(np.rot90(read_image(data), -turns))
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        kind, exif = image.format, image.getexif()
    exif.pop(ExifTags.Base.Orientation, None)
    try:
        try:
            turned.save(target, kind, quality=95, exif=exif)
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - tags of a wrong type cannot be written again
            turned.save(target, kind, quality=95)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise KnownfaceError(f"{target}: cannot be written ({error.strerror or error})") from None
    shutil.copystat(source, target)


def _refuse_too_large(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise _too_large(name, f"{width} x {height} pixels")


def _too_large(name: str, size: str) -> ImageError:
    limit = f"{MAX_PIXELS // 10**6} million pixels and {MAX_BYTES // 2**20} MiB"
    return ImageError(f"{name}: too large ({size}; the limit is {limit}); scale it down first")


def _to_rgb(image: Image.Image) -> np.ndarray:
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


def _capture_time(image: Image.Image) -> float | None:
    """EXIF DateTimeOriginal with its fraction, as seconds; None where absent or malformed."""
    try:
        exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
        text = str(exif[ExifTags.Base.DateTimeOriginal])
        fraction = str(exif.get(ExifTags.Base.SubsecTimeOriginal, "0")).strip()
        moment = datetime.strptime(text.strip("\x00 "), "%Y:%m:%d %H:%M:%S")
        return moment.timestamp() + float(f"0.{fraction}" if fraction.isdigit() else 0)
    except Exception:  # noqa: BLE001 - cameras write anything here, and no photo fails for it
        return None


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation))
