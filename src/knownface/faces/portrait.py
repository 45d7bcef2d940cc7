"""A face kept as a picture: to be shown, and to be embedded again by another network."""

from __future__ import annotations

import numpy as np
import simplejpeg

from knownface.faces.align import TEMPLATE_112, crop_face, crop_matrix
from knownface.faces.face import Crop, Face
from knownface.faces.photo import read_image
from knownface.faces.picture import Picture

# Twice the face's box: every network's crop lies in it (the widest takes the box and 0.3 of it),
# at 128 pixels for the box.
PORTRAIT = Crop("box", 256, 1.0)
QUALITY = 90  # of the JPEG: about 15 kB


def encode(picture: np.ndarray) -> bytes:
    """A JPEG of a uint8 RGB picture (height, width, 3)."""
    pixels = np.ascontiguousarray(picture)
    return bytes(simplejpeg.encode_jpeg(pixels, QUALITY, colorsubsampling="444"))


def frame_in_portrait(face: Face) -> np.ndarray:
    """(14,) float32: box and landmarks of a face in its portrait; NaN where it fills the picture.

    face: in pixels of the photo.
    """
    if np.isnan(face.landmarks).any():
        return np.full(14, np.nan, np.float32)
    matrix = crop_matrix(face, PORTRAIT)
    scale, shift = matrix[0, 0], matrix[:, 2]
    x, y, width, height = face.box
    corner = scale * np.array([x, y]) + shift
    points = scale * face.landmarks + shift
    numbers = [*corner, scale * width, scale * height, *points.ravel()]
    return np.array(numbers, np.float32)


def frame_of_crop(crop: Crop) -> np.ndarray:
    """The same of a network's own crop; of a box crop nothing but that the face fills it."""
    if crop.kind != "five_point":
        return np.full(14, np.nan, np.float32)
    scale = crop.size / 112
    points = TEMPLATE_112 * scale
    # ArcFace's template: the box of a face reaches about from the brows to the chin.
    box = np.array([20.0, 16.0, 72.0, 96.0]) * scale
    return np.concatenate([box, points.ravel()]).astype(np.float32)


def crop_of_portrait(portrait: bytes, frame: np.ndarray, crop: Crop) -> np.ndarray:
    """What a network sees of a kept face: (size, size, 3) uint8. Raises ImageError."""
    box = tuple(frame[:4].tolist())
    face = Face(box, frame[4:].reshape(5, 2), 1.0)
    return crop_face(Picture.of(read_image(portrait)), face, crop)
