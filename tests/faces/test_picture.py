"""A photo's pixels at several sizes: decoded as little as possible, and always the same places."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from knownface.faces import decode
from knownface.faces.photo import ImageError, open_photo, read_image
from knownface.faces.picture import ENOUGH, Picture, halved, warp


def scene(width: int, height: int) -> np.ndarray:
    """Something smooth, in which a shift of half a pixel shows."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    waves = [np.sin(9 * x + 4 * y), np.cos(7 * y * y + 2 * x), np.sin(20 * x * y)]
    return (127 + 120 * np.stack(waves, -1)).astype(np.uint8)


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **{"quality": 95, **options})
    return stream.getvalue()


LARGE = scene(2801, 2003)  # odd sides


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """By how much each picture was reduced that was decoded."""
    seen: list[int] = []
    plain = decode._decode

    def counting(encoded: decode.Encoded, factor: int) -> np.ndarray:
        seen.append(factor)
        return plain(encoded, factor)

    monkeypatch.setattr(decode, "_decode", counting)
    return seen


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8, 0, 99])
def test_a_large_jpeg_is_decoded_at_half_its_size_until_more_is_needed(
    orientation: int, decoded: list[int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(LARGE, exif=exif)
    truth = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    picture = open_photo(data).picture
    assert (picture.height, picture.width) == truth.shape[:2]
    small = picture.reduced(0.25)
    assert decoded == [2]
    wanted = np.asarray(Image.fromarray(truth).resize(small.shape[1::-1], Image.Resampling.BOX))
    assert np.abs(small.astype(int) - wanted).mean() < 1
    np.testing.assert_array_equal(picture.whole(), truth)
    assert decoded == [2, 1]


@pytest.mark.parametrize(("scale", "factors"), [(0.1, [2]), (0.4, [2]), (0.7, [1]), (1.5, [1])])
def test_a_part_is_the_same_from_whatever_it_is_cut(
    scale: float, factors: list[int], decoded: list[int]
) -> None:
    side = 100
    matrix = np.array([[scale, 0, -scale * 700.0], [0, scale, -scale * 400.0]])
    data = jpeg(LARGE, quality=100, subsampling=0)
    found = open_photo(data).picture.cut(matrix, side)
    assert decoded == factors
    whole = warp(read_image(data), matrix, side)
    assert np.abs(found.astype(int) - whole)[1:-1, 1:-1].max() <= 3


@pytest.mark.parametrize("scale", [0.1, 0.3, 0.4, 0.7])
def test_a_part_is_the_same_whatever_was_looked_at_before(scale: float) -> None:
    data = jpeg(LARGE)
    matrix = np.array([[scale, 0, -scale * 700.0], [0, scale, -scale * 400.0]])
    fresh, looked_at = open_photo(data).picture, open_photo(data).picture
    looked_at.whole()
    looked_at.reduced(0.2)
    np.testing.assert_array_equal(looked_at.cut(matrix, 100), fresh.cut(matrix, 100))


def test_how_far_a_small_picture_may_be_enlarged_is_the_caller_s(decoded: list[int]) -> None:
    matrix = np.array([[0.9, 0, 0], [0, 0.9, 0]])
    picture = open_photo(jpeg(LARGE)).picture
    picture.cut(matrix, 64, enlarged=2)
    assert decoded == [2]
    picture.cut(matrix, 64)
    assert decoded == [2, 1]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpegs_are_decoded_as_pillow_does(mode: str, options: dict[str, object]) -> None:
    stream = io.BytesIO()
    Image.fromarray(scene(301, 203)).convert(mode).save(stream, "JPEG", **options)
    data = stream.getvalue()
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(read_image(data), expected)


def test_real_jpegs_are_decoded_as_pillow_does(shared: Path) -> None:
    for path in sorted((shared / "data" / "photos").iterdir())[:12]:
        with Image.open(path) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        np.testing.assert_array_equal(read_image(path), expected)


def test_a_damaged_large_jpeg_is_said_when_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    path.write_bytes(jpeg(LARGE)[:40_000])
    photo = open_photo(path)
    for decoding in (photo.picture.start, photo.picture.whole, lambda: photo.picture.reduced(0.1)):
        with pytest.raises(ImageError, match=r"cut\.jpg: damaged or truncated"):
            decoding()


def test_small_photos_and_other_formats_are_decoded_whole(decoded: list[int]) -> None:
    side = int(ENOUGH**0.5)
    stream = io.BytesIO()
    Image.fromarray(LARGE).save(stream, "PNG", compress_level=1)
    for data in (jpeg(LARGE[:side, :side]), stream.getvalue()):
        open_photo(data).picture.start()
    assert decoded == [1, 1]


def test_pixels_that_are_there_are_reduced_by_their_mean() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (801, 1203, 3), np.uint8)
    picture = Picture.of(noise)
    for scale in (0.9, 0.4, 0.06):
        small = picture.reduced(scale)
        assert small.shape == (round(801 * scale), round(1203 * scale), 3)
        assert abs(small.mean() - noise.mean()) < 2
    assert picture.whole() is noise
    assert picture.memory == 0
    assert halved(noise[:1, :1]).shape == (1, 1, 3)
    np.testing.assert_array_equal(halved(noise)[3, 5], noise[6:8, 10:12].mean((0, 1)).round())


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (5, 40_000)])
def test_strips_have_every_size(shape: tuple[int, int]) -> None:
    picture = Picture.of(np.full((*shape, 3), 7, np.uint8))
    for scale in (1.0, 0.3, 0.001):
        assert (picture.reduced(scale) == 7).all()
    assert picture.cut(np.array([[0.01, 0, 0], [0, 0.01, 0]]), 8).shape == (8, 8, 3)
