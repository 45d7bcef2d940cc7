"""Reading photos: every format, every orientation, and everything that is not a photo."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from knownface.faces.photo import MAX_PIXELS, ImageError, open_photo, read_image, write_image

RED, GREEN, BLUE, GREY = (200, 30, 30), (30, 180, 40), (40, 50, 210), (128, 128, 128)
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF", "BMP", "GIF", "PPM")


def quadrants(height: int = 48, width: int = 64) -> np.ndarray:
    """Red top left, green top right, blue bottom left, grey bottom right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = RED
    image[: height // 2, width // 2 :] = GREEN
    image[height // 2 :, : width // 2] = BLUE
    image[height // 2 :, width // 2 :] = GREY
    return image


def corners(image: np.ndarray) -> np.ndarray:
    """The colours near the four corners: (4, 3), row by row."""
    return image[[6, 6, -7, -7], [6, -7, 6, -7]].astype(int)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_picture(kind: str, tmp_path: Path) -> None:
    expected = quadrants()
    data = encoded(Image.fromarray(expected), kind)
    path = tmp_path / "photo.jpg"  # the content decides, not the suffix
    path.write_bytes(data)
    for found in (read_image(data), read_image(path), read_image(str(path))):
        assert found.dtype == np.uint8
        assert found.shape == expected.shape
        assert np.abs(corners(found) - corners(expected)).max() <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_rotation_is_applied(kind: str, orientation: int) -> None:
    upright = quadrants()
    stored = {  # how a camera lays the upright picture down (EXIF 2.3, tag 0x0112)
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read_image(encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif))
    assert found.shape == upright.shape
    assert np.abs(corners(found) - corners(upright)).max() <= 8


def test_sixteen_bits_in_one_channel_keep_their_brightness() -> None:
    deep = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None], 32, axis=0)
    for kind in ("PNG", "TIFF"):
        found = read_image(encoded(Image.fromarray(deep), kind))
        assert np.abs(found[..., 0].astype(int) - np.rint(deep / 257).astype(int)).max() <= 1
        assert (found[..., 0] == found[..., 2]).all()


def test_sixteen_bit_colour_keeps_its_brightness(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), quadrants()[..., ::-1].astype(np.uint16) * 257)
    assert np.abs(corners(read_image(tmp_path / "deep.png")) - corners(quadrants())).max() <= 1


def test_float_tiff_in_unit_range() -> None:
    found = read_image(encoded(Image.fromarray(np.full((16, 16), 0.5, np.float32)), "TIFF"))
    assert set(np.unique(found)) <= {127, 128}


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "YCbCr"])
def test_other_colour_modes(mode: str) -> None:
    kind = "PNG" if mode in ("L", "P", "1") else "JPEG"
    found = read_image(encoded(Image.fromarray(quadrants()).convert(mode), kind))
    assert found.shape == (48, 64, 3)
    if mode not in ("L", "1"):
        assert np.abs(corners(found) - corners(quadrants())).max() <= 40
    else:
        assert (found[..., 0] == found[..., 1]).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_becomes_white(mode: str) -> None:
    image = Image.fromarray(quadrants()).convert(mode)
    image.putalpha(Image.fromarray(np.tile(np.repeat([0, 255], 32).astype(np.uint8), (48, 1))))
    found = read_image(encoded(image, "PNG"))
    assert (found[:, :30] == 255).all()
    assert (found[:, 34:] != 255).any()


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.fromarray(quadrants()), Image.new("RGB", (64, 48), "white")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.abs(corners(read_image(data)) - corners(quadrants())).max() <= 8


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_that_begins_blank_gives_its_first_picture(kind: str) -> None:
    blank = Image.new("RGB", (64, 48), "black")
    frames = [blank, Image.fromarray(quadrants())]
    data = encoded(blank, kind, save_all=True, append_images=frames, duration=100)
    assert np.abs(corners(read_image(data)) - corners(quadrants())).max() <= 8
    nothing = encoded(blank, kind, save_all=True, append_images=[blank], duration=100)
    assert not read_image(nothing).any()


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_fewer_bits_in_sixteen_keep_their_brightness(bits: int, kind: str) -> None:
    white = 2**bits - 1
    deep = np.repeat(np.linspace(0, white, 64).round().astype(np.uint16)[None], 32, axis=0)
    for stored in (deep, deep.astype(np.float32)) if kind == "TIFF" else (deep,):
        found = read_image(encoded(Image.fromarray(stored), kind))
        assert np.abs(found[0, :, 0].astype(float) - deep[0] * (255 / white)).max() <= 1


def test_a_jpeg_without_its_end_is_read_and_half_of_one_is_not() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), "JPEG")
    for cut in (1, 2):
        np.testing.assert_array_equal(read_image(whole[:-cut]), read_image(whole))
    for cut in (200, len(whole) // 2):
        with pytest.raises(ImageError, match="damaged or truncated"):
            read_image(whole[:-cut])


ODD = [(282, "wide"), (315, 7), (40965, "far"), (283, (1, 0)), (306, b"\xff\xff"), (274, "up")]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize(("tag", "value"), ODD)
def test_tags_that_make_no_sense_do_not_end_anything(kind: str, tag: int, value: object) -> None:
    """The photo is read, upright, or refused in one sentence: nothing else ever comes out."""
    exif = Image.Exif()
    exif[274] = 6
    exif[tag] = value
    try:
        data = encoded(Image.fromarray(quadrants()), kind, exif=exif)
    except Exception:  # noqa: BLE001 - Pillow does not write this one
        pytest.skip("cannot be written")
    assert read_image(data).shape in ((48, 64, 3), (64, 48, 3))


def test_damaged_tags_end_in_a_picture_or_in_one_sentence() -> None:
    exif = Image.Exif()
    exif[274], exif[282], exif[315] = 6, 72.0, "nobody"
    data = encoded(Image.fromarray(quadrants()), "JPEG", exif=exif)
    start = data.index(b"Exif") + 6
    for place in range(start, start + 100):
        for value in (0, 1, 7, 255):
            with contextlib.suppress(ImageError):
                assert read_image(data[:place] + bytes([value]) + data[place + 1 :]).ndim == 3


def test_a_pipe_is_no_photo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "photo.jpg")
    with pytest.raises(ImageError, match=r"photo\.jpg: is a device, a pipe or a socket"):
        read_image(tmp_path / "photo.jpg")
    with pytest.raises(ImageError, match="is a device"):
        read_image("/dev/zero")


def test_capture_time_and_digest() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({36867: "2024:05:06 07:08:09", 37521: "50"})
    first = open_photo(encoded(Image.fromarray(quadrants()), "JPEG", exif=exif))
    exif.get_ifd(0x8769)[36867] = "2024:05:06 07:08:11"
    second = open_photo(encoded(Image.fromarray(quadrants()), "JPEG", exif=exif))
    assert first.taken is not None
    assert second.taken is not None
    assert second.taken - first.taken == 2.0
    assert first.taken % 1 == 0.5
    assert first.digest != second.digest


ORIGINAL, DIGITIZED, FILE = 36867, 36868, 306  # tags of EXIF: DateTimeOriginal, ...
BLANK = "    :  :     :  :  "  # EXIF's way to say that nobody knows


@pytest.mark.parametrize("kind", ["AVIF", "HEIF", "JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("tags", "day"), [
    ({ORIGINAL: "2003:05:06 07:08:09", DIGITIZED: "2011:01:02 00:00:00"}, "2003-05-06"),
    ({ORIGINAL: BLANK, DIGITIZED: "2011:01:02 00:00:00"}, "2011-01-02"),
    ({FILE: "1968:07:01 12:00:00"}, "1968-07-01"),
    ({ORIGINAL: "1980:01:01 00:12:40", FILE: "2019:01:01 10:00:00"}, None),
    ({ORIGINAL: "1970:01:01 00:00:00"}, None),
    ({ORIGINAL: "2000:01:01 00:00:00"}, None),
    ({ORIGINAL: "1899:12:31 12:00:00"}, None),
    ({ORIGINAL: "2999:01:01 12:00:00"}, None),
    ({ORIGINAL: "0000:00:00 00:00:00"}, None),
    ({ORIGINAL: "yesterday"}, None),
    ({}, None),
])  # fmt: skip
def test_when_it_was_taken(tags: dict[int, str], day: str | None, kind: str) -> None:
    exif = Image.Exif()
    exif[271] = "a maker"  # Pillow writes no EXIF without a tag outside this part of it
    exif.get_ifd(0x8769).update({key: tags[key] for key in tags.keys() - {FILE}})
    exif.update({key: tags[key] for key in tags.keys() & {FILE}})
    taken = open_photo(encoded(Image.fromarray(quadrants()), kind, exif=exif)).taken
    found = None if taken is None else datetime.fromtimestamp(taken, UTC).date().isoformat()
    assert found == day


def huge_png(width: int, height: int) -> bytes:
    """A PNG that declares a size and carries next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


JPEG = encoded(Image.fromarray(quadrants(400, 400)), "JPEG")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"this is a text", "not an image"),
        (JPEG[: len(JPEG) // 2], "damaged or truncated"),
        (encoded(Image.fromarray(quadrants()), "PNG")[:80], "damaged or truncated"),
        (encoded(Image.fromarray(quadrants()), "HEIF")[:120], "not an image|damaged"),
        (huge_png(30_000, 30_000), "too large"),
        (huge_png(MAX_PIXELS // 1000 + 1, 1000), "too large"),
        (huge_png(1_000_000, 1), "too large"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    ],
    ids=[
        "empty",
        "text",
        "cut jpeg",
        "cut png",
        "cut heic",
        "bomb",
        "just too large",
        "a line",
        "svg",
    ],
)
def test_what_is_no_photo_says_so_in_one_line(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=reason) as caught:
        read_image(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_what_is_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)


def test_writing_gives_back_what_was_written(tmp_path: Path) -> None:
    write_image(tmp_path / "photo.png", quadrants())
    assert (read_image(tmp_path / "photo.png") == quadrants()).all()


@pytest.mark.parametrize(
    "given", ["bytes", "bytearray", "memoryview", "BytesIO", "Pillow", "array", "RGBA array"]
)
def test_a_photo_in_memory_is_the_same_photo(given: str) -> None:
    image = Image.fromarray(quadrants())
    data = encoded(image, "PNG")
    source = {
        "bytes": data, "bytearray": bytearray(data), "memoryview": memoryview(data),
        "BytesIO": io.BytesIO(data), "Pillow": image, "array": quadrants(),
        "RGBA array": np.asarray(image.convert("RGBA")),
    }[given]  # fmt: skip
    np.testing.assert_array_equal(read_image(source), quadrants())


def test_grey_pixels_are_a_grey_photo() -> None:
    grey = np.asarray(Image.fromarray(quadrants()).convert("L"))
    for pixels in (grey, grey[..., None]):
        np.testing.assert_array_equal(read_image(pixels), np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize(
    "pixels",
    [quadrants() / 255, quadrants().astype(np.uint16) * 257, quadrants() > 9,
     quadrants().transpose(2, 0, 1), np.zeros((0, 3, 3), np.uint8), np.zeros(5, np.uint8)],
)  # fmt: skip
def test_pixels_of_unclear_meaning_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ImageError, match="is no picture; give uint8"):
        read_image(pixels)


def test_what_is_no_photo_is_refused() -> None:
    for thing in (3, None, io.StringIO("text"), [1, 2]):
        with pytest.raises(ImageError, match="a photo is a path, the bytes of a file, a file"):
            read_image(thing)  # type: ignore[arg-type]


def test_a_picture_of_pillow_has_the_limits_and_errors_of_a_file() -> None:
    data = encoded(Image.fromarray(quadrants()), "PNG")
    cut = Image.open(io.BytesIO(data[: len(data) // 2]))
    with pytest.raises(ImageError, match="the image data: damaged or truncated"):
        read_image(cut)
    with pytest.raises(ImageError, match="too large"):
        read_image(Image.new("1", (70_000, 2)))
