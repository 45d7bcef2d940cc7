"""Geometry of face crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from knownface.faces.align import TEMPLATE_112, crop_face, crop_matrix, similarity
from knownface.faces.face import Crop, Face, whole_image
from knownface.faces.picture import Picture

RNG = np.random.default_rng(3)


def transform(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0, 3.0])
def test_similarity_recovers_an_exact_one(angle: float) -> None:
    matrix = transform(angle, 3.7, (40.0, -11.0))
    np.testing.assert_allclose(
        similarity(TEMPLATE_112, moved(TEMPLATE_112, matrix)), matrix, atol=1e-9
    )


def test_similarity_is_umeyamas_for_noisy_points() -> None:
    for _ in range(20):
        source = TEMPLATE_112 * 2 + RNG.normal(0, 6, (5, 2))
        # Umeyama (1991), equations 40 to 42.
        a, b = source - source.mean(0), TEMPLATE_112 - TEMPLATE_112.mean(0)
        u, d, vt = np.linalg.svd(b.T @ a / 5)
        sign = np.diag([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
        rotation = u @ sign @ vt
        scale = np.trace(np.diag(d) @ sign) / a.var(0).sum()
        shift = TEMPLATE_112.mean(0) - scale * rotation @ source.mean(0)
        expected = np.column_stack([scale * rotation, shift])
        np.testing.assert_allclose(similarity(source, TEMPLATE_112), expected, atol=1e-9)


def dots(matrix: np.ndarray, size: int, radius: int) -> tuple[np.ndarray, Face]:
    """A photo with a white dot at each landmark of a face placed by `matrix`."""
    points = moved(TEMPLATE_112, matrix)
    image = np.zeros((size, size, 3), np.uint8)
    for x, y in points:
        centre = (round(x * 16), round(y * 16))
        cv2.circle(image, centre, radius * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
    low, high = points.min(0), points.max(0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return image, Face(box, points, 1.0)


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5, 9.0])
@pytest.mark.parametrize("size", [112, 160])
def test_landmarks_land_on_the_template_at_every_scale(scale: float, size: int) -> None:
    photo, face = dots(
        transform(0.6, scale, (300.0, 90.0)), int(500 + 150 * scale), max(2, int(3 * scale))
    )
    crop = crop_face(Picture.of(photo), face, Crop("five_point", size))
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    for x, y in TEMPLATE_112 * (size / 112):
        rows, columns = np.mgrid[int(y) - 7 : int(y) + 9, int(x) - 7 : int(x) + 9]
        light = crop[rows, columns, 0].astype(float)
        found = (light * columns).sum() / light.sum(), (light * rows).sum() / light.sum()
        assert found == pytest.approx((x, y), abs=0.4)


def test_a_box_crop_is_square_and_centred() -> None:
    face = Face((100.0, 50.0, 60.0, 80.0), TEMPLATE_112, 1.0)
    matrix = crop_matrix(face, Crop("box", 160, margin=0.25))
    side = 80 * 1.25
    corners = np.array([[130 - side / 2, 90 - side / 2], [130 + side / 2, 90 + side / 2]])
    np.testing.assert_allclose(moved(corners, matrix), [[0, 0], [160, 160]], atol=1e-9)


def test_outside_the_photo_is_black() -> None:
    face = Face((-30.0, -30.0, 60.0, 60.0), TEMPLATE_112, 1.0)
    crop = crop_face(Picture.of(np.full((100, 100, 3), 255, np.uint8)), face, Crop("box", 64))
    assert (crop[:30, :30] == 0).all()
    assert (crop[34:, 34:] == 255).all()


def test_strong_reduction_averages() -> None:
    """Fine stripes become grey, not an alias of themselves."""
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = crop_face(
        Picture.of(stripes),
        Face((100.0, 100.0, 1800.0, 1800.0), TEMPLATE_112, 1.0),
        Crop("box", 112),
    )
    assert np.abs(crop[2:-2, 2:-2].astype(int) - 127).max() <= 4


@pytest.mark.parametrize("side", [50, 112, 300])
def test_a_ready_crop_is_only_resized(side: int) -> None:
    image = cv2.resize(np.array([[[0] * 3, [255] * 3]], np.uint8), (side, side))
    crop = crop_face(Picture.of(image), whole_image(Picture.of(image)), Crop("five_point", 112))
    expected = cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA)
    assert np.abs(crop.astype(int) - expected.astype(int)).max() <= 6
