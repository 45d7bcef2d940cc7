"""Reading photos: any file that a phone or a camera makes becomes upright RGB uint8."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from knownface.errors import KnownfaceError
from knownface.faces.decode import FORMATS, opened, to_rgb, upright
from knownface.faces.picture import Picture
from knownface.files.whole import whole_file

MAX_BYTES = 200 * 2**20
MAX_PIXELS = 120_000_000  # the largest phone and medium-format sensors have just over 100 million
MAX_SIDE = 65_535  # what JPEG can say; longer strips are no photos
# A file, its bytes, what they are read from, or pixels: of Pillow, or uint8 in grey, RGB or RGBA.
Source = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray
)


class ImageError(KnownfaceError):
    """A photo that cannot be used; the message starts with its path."""


@dataclass(frozen=True)
class Photo:
    """One photo.

    picture: what it shows. data: the file's bytes; empty where it was never a file.
    taken: when, by the camera's clock, in seconds since 1970, as EXIF has it; None where that says
        nothing that may be true. A file's own date says when it was copied, and is never used.
    """

    picture: Picture
    data: bytes = field(default=b"", repr=False)
    taken: float | None = None

    @cached_property
    def digest(self) -> str:
        """Hex BLAKE2b-128 of the file's bytes, the photo's identity wherever it lies, or empty.

        Of a large photo that takes a tenth of the time in which its faces are found.
        """
        return digest_of(self.data) if self.data else ""


def read_image(source: Source) -> np.ndarray:
    """Decode a photo to upright RGB, (height, width, 3) uint8; such an array is itself.

    Raises ImageError for anything that is not a readable photo within MAX_BYTES and MAX_PIXELS.
    """
    return open_photo(source).picture.whole()


def open_photo(source: Source) -> Photo:
    """A photo whose picture is decoded when it is asked for.

    Raises ImageError, now or then, as `read_image` does.
    """
    if isinstance(source, np.ndarray):
        return Photo(Picture.of(_checked(source)))
    path = path_of(source)
    name = "the image data" if path is None else str(path)
    if isinstance(source, Image.Image):
        with _said_of(name):
            _refuse_too_large(source.size, name)
            return Photo(Picture.of(upright(source)))
    data = _bytes_of(source) if path is None else read_bytes(path)
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes); copy it again from its source")
    with _said_of(name):
        encoded = opened(data)
        _refuse_too_large((encoded.width, encoded.height), name)
        picture = encoded.picture(_said_of(name))
    return Photo(picture, data, encoded.taken)


def digest_of(data: bytes) -> str:
    """The identity of a photo's file, by its content: hex BLAKE2b-128."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


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
    return to_rgb(Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and colours == 1 else pixels))


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


def _refuse_too_large(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise _too_large(name, f"{width} x {height} pixels")


def _too_large(name: str, size: str) -> ImageError:
    limit = f"{MAX_PIXELS // 10**6} million pixels and {MAX_BYTES // 2**20} MiB"
    return ImageError(f"{name}: too large ({size}; the limit is {limit}); scale it down first")
