"""Cutting a face out of its photo, in the geometry that a backbone was trained on."""

from __future__ import annotations

import cv2
import numpy as np

from knownface.faces.face import Crop, Face

# Five-point template of ArcFace for a 112 x 112 crop (insightface, `arcface_dst`), in pixels.
TEMPLATE_112 = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float64,
)

MOST_SIDE = 32_000  # `cv2.warpAffine` counts pixels in 16 bits


def crop_face(image: np.ndarray, face: Face, crop: Crop) -> np.ndarray:
    """Cut one face from an RGB uint8 photo: (size, size, 3) uint8; outside the photo is black.

    A face without landmarks (a ready crop) is resized as it is.
    """
    if np.isnan(face.landmarks).any():
        interpolation = cv2.INTER_AREA if min(image.shape[:2]) > crop.size else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, (crop.size, crop.size), interpolation=interpolation))
    return warp(image, crop_matrix(face, crop), crop.size)


def crop_matrix(face: Face, crop: Crop) -> np.ndarray:
    """The 2 x 3 similarity that maps photo pixels to crop pixels."""
    if crop.kind == "five_point":
        return similarity(face.landmarks, TEMPLATE_112 * (crop.size / 112))
    x, y, width, height = face.box
    scale = crop.size / (max(width, height) * (1 + crop.margin))
    centre = np.array([x + width / 2, y + height / 2])
    shift = crop.size / 2 - scale * centre
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares similarity without reflection from (n, 2) to (n, 2) points, as 2 x 3.

    It is linear in (a, b, tx, ty) with x' = ax - by + tx and y' = bx + ay + ty, so that this is
    the solution of Umeyama (1991) for points that are not mirrored.
    """
    x, y = np.asarray(source, np.float64).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, tx, ty = np.linalg.lstsq(rows, np.asarray(target, np.float64).T.ravel(), rcond=None)[0]
    return np.array([[a, -b, tx], [b, a, ty]])


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Apply a 2 x 3 similarity: (size, size, 3). Strong reductions are averaged, not sampled."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if 0 < scale < 0.5 or max(image.shape) > MOST_SIDE:
        image, matrix = _reduced(image, matrix, size, min(1.0, scale * 2))
    return np.asarray(
        cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    )


def _reduced(
    image: np.ndarray, matrix: np.ndarray, size: int, factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image that the crop shows, shrunk by area to `factor`, and its matrix."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]]) @ inverse.T
    height, width = image.shape[:2]
    pad = 2 / factor
    left, top = np.clip(np.floor(corners.min(0) - pad), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(
        np.ceil(corners.max(0) + pad), [left + 1, top + 1], [width, height]
    ).astype(int)
    part = image[top:bottom, left:right]
    target = (max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor)))
    small = cv2.resize(part, target, interpolation=cv2.INTER_AREA)
    # Pixel centres: x in the photo is (x_small + 0.5) * part_width / small_width - 0.5 + left.
    scale = np.array([part.shape[1] / target[0], part.shape[0] / target[1]])
    offset = 0.5 * scale - 0.5 + [left, top]
    to_photo = np.array([[scale[0], 0, offset[0]], [0, scale[1], offset[1]], [0, 0, 1]])
    return np.asarray(small), matrix @ to_photo
