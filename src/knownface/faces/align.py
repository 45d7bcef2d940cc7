"""Cutting a face out of its photo, in the geometry that a backbone was trained on."""

from __future__ import annotations

import cv2
import numpy as np

from knownface.faces.face import Crop, Face
from knownface.faces.picture import Picture

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


def crop_face(picture: Picture, face: Face, crop: Crop) -> np.ndarray:
    """Cut one face from a photo: (size, size, 3) uint8; outside the photo is black.

    A face without landmarks (a ready crop) is resized as it is.
    """
    if np.isnan(face.landmarks).any():
        image = picture.whole()
        interpolation = cv2.INTER_AREA if min(image.shape[:2]) > crop.size else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, (crop.size, crop.size), interpolation=interpolation))
    return picture.cut(crop_matrix(face, crop), crop.size)


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
