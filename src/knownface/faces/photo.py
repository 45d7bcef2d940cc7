"""Reading photos: any file that a phone or a camera makes becomes upright RGB uint8."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from knownface.errors import KnownfaceError

pillow_heif.register_heif_opener()
Image.init()  # loads the decoders once, here: Pillow does not do it safely from several threads

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF")
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_OTHERS = (".png", ".webp", ".avif", ".heic", ".heif", ".hif", ".tif", ".tiff", ".bmp", ".gif")
SUFFIXES = frozenset(_JPEG + _OTHERS)
MAX_BYTES = 200 * 2**20
MAX_PIXELS = 120_000_000  # the largest phone and medium-format sensors have just over 100 million
Source = str | os.PathLike[str] | bytes | np.ndarray  # a file, its bytes, or RGB uint8 pixels


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
    """Decode a file or its bytes to upright RGB, (height, width, 3) uint8; such an array is itself.

    Raises ImageError for anything that is not a readable photo within MAX_BYTES and MAX_PIXELS.
    """
    return read_photo(source).pixels


def read_photo(source: Source) -> Photo:
    """Like `read_image`, together with the file's digest and capture time."""
    if isinstance(source, np.ndarray):
        return Photo(_checked(source), "", None)
    if not isinstance(source, str | os.PathLike | bytes):
        raise ImageError(
            f"a photo is a path, the bytes of a file, or an RGB uint8 array, not {type(source)}"
        )
    name = "the image data" if isinstance(source, bytes) else str(source)
    data = source if isinstance(source, bytes) else read_bytes(Path(source))
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes); copy it again from its source")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # size is checked below; EXIF oddities are harmless
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise _too_large(name, f"{width} x {height} pixels")
                taken = _capture_time(image)
                image.seek(0)
                ImageOps.exif_transpose(image, in_place=True)
                pixels = _to_rgb(image)
    except Image.DecompressionBombError:
        raise _too_large(name, "far too many pixels") from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: not an image that can be read (JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF)"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, MemoryError) as error:
        # What Pillow's decoders raise on damaged files differs by format.
        detail = str(error).split("\n")[0] or type(error).__name__
        raise ImageError(f"{name}: damaged or truncated ({detail}); copy it again") from None
    return Photo(pixels, hashlib.blake2b(data, digest_size=16).hexdigest(), taken)


def _checked(pixels: np.ndarray) -> np.ndarray:
    """The array itself, where it is a picture as everything here expects it."""
    fits = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size
    if not fits:
        raise ImageError(
            f"the image data: an array of {pixels.dtype} {pixels.shape} is no RGB picture; give "
            "uint8 (height, width, 3), or the path or the bytes of a file"
        )
    return np.ascontiguousarray(pixels)


def read_bytes(path: Path) -> bytes:
    """The file's bytes, or ImageError; the size is checked before anything is read."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _too_large(str(path), f"{size / 2**20:.0f} MiB")
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
    """Save RGB uint8 (height, width, 3); the format follows from the suffix.

    Raises KnownfaceError where the file cannot be written.
    """
    try:
        Image.fromarray(pixels).save(path, quality=92)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise KnownfaceError(f"{path}: cannot be written ({error.strerror or error})") from None


def _too_large(name: str, size: str) -> ImageError:
    limit = f"{MAX_PIXELS // 10**6} million pixels and {MAX_BYTES // 2**20} MiB"
    return ImageError(f"{name}: too large ({size}; the limit is {limit}); scale it down first")


def _to_rgb(image: Image.Image) -> np.ndarray:
    """Bring every Pillow mode to RGB uint8: (height, width, 3)."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 or 32 bits, or float, in one channel
        return _one_deep_channel(np.asarray(image))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        rgba = image.convert("RGBA")
        background = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(background, rgba)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _one_deep_channel(values: np.ndarray) -> np.ndarray:
    """(height, width) of 16-bit integers, or floats in [0, 1] or [0, 255], to RGB uint8."""
    if np.issubdtype(values.dtype, np.floating):
        values = np.nan_to_num(values)
        scale = 255.0 if values.max(initial=0.0) <= 1.0 else 1.0
    else:
        scale = 1.0 if values.max(initial=0) <= 255 else 255 / 65535
    grey = np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


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
