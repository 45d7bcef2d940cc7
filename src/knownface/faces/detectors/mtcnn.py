"""MTCNN (Zhang et al., 2016): where YuNet's file cannot be had, faces are found with this.

Three small networks look at ever fewer windows: the first scans a pyramid of the photo, the second
and the third judge and move what is left, and the third places the landmarks. Thresholds, steps and
roundings are those of the `mtcnn` package (version 1.0.0), and so are the results. The border and
enlarging that help YuNet on head crops do not help here (LFW view 1: 0.991 with, 0.992 without).
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from knownface.faces.detectors.mtcnn_networks import OUTPUT, PROPOSAL, REFINEMENT, load_network
from knownface.faces.detectors.yunet import YUNET
from knownface.faces.face import DetectorRecord, Face
from knownface.faces.picture import Picture

DETECTION_SIZE = 640  # longest side of what is searched
SMALLEST_FACE = 20  # pixels, in a photo reduced to DETECTION_SIZE
PYRAMID = 0.709  # from one level of the pyramid to the next: about half the area
CELL, STRIDE = 12, 2  # pixels of the first network's window, and between neighbouring windows
PROPOSED, REFINED, ACCEPTED = 0.6, 0.7, 0.8  # smallest score after each of the networks
LEVEL_OVERLAP, OVERLAP = 0.5, 0.7  # suppressed above it: within one level, everywhere else
NETWORKS = (PROPOSAL, REFINEMENT, OUTPUT)
MOST = 1024  # best windows that compete, which bounds memory; 155 photos had at most 344


class Mtcnn:
    """The cascade; results are those of the package, not rounded to whole pixels.

    Raises WeightError where the package's files are missing or not those of version 1.0.0.
    """

    name = "mtcnn"
    file: Path | None = None  # the networks come with the package

    def __init__(self) -> None:
        for network in NETWORKS:
            load_network(network, os.getpid())

    def find_faces(self, picture: Picture) -> list[Face]:
        if not picture.width * picture.height:
            return []
        scale = min(1.0, DETECTION_SIZE / max(picture.width, picture.height))
        boxes, scores, landmarks = self.detect(picture.reduced(scale))
        boxes, landmarks = boxes / scale, landmarks / scale
        boxes[:, 2:] -= boxes[:, :2]
        faces = [
            Face(tuple(box), points, score)
            for box, score, points in zip(boxes.tolist(), scores.tolist(), landmarks, strict=True)
            if min(box[2:]) >= 1
        ]
        return sorted(faces, key=lambda face: -face.area)

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Corners (k, 4), scores (k,) and landmarks (k, 5, 2), float32, the best score first."""
        pixels = (image.astype(np.float32) - 127.5) / 128
        boxes = self._propose(pixels)
        boxes, scores, _ = self._judge(1, pixels, boxes, 24, REFINED)
        boxes = squares(boxes[suppress(boxes, scores, OVERLAP)])
        boxes, scores, landmarks = self._judge(2, pixels, boxes, 48, ACCEPTED)
        kept = suppress(boxes, scores, OVERLAP, of_smaller=True)
        limits = np.array(image.shape[1::-1] * 2, np.float32) - 1
        return np.clip(boxes[kept], 0, limits), scores[kept], landmarks[kept]

    def _propose(self, pixels: np.ndarray) -> np.ndarray:
        """Square windows (k, 4) from every level of the pyramid of an image in [-1, 1]."""
        found = [self._scan(pixels, scale) for scale in pyramid(pixels.shape)]
        rows = np.concatenate([np.zeros((0, 5), np.float32), *found])
        boxes, scores = rows[:, :4], rows[:, 4]
        return squares(boxes[suppress(boxes, scores, OVERLAP)])

    def _scan(self, pixels: np.ndarray, scale: float) -> np.ndarray:
        """Windows of one level and their scores: (k, 5), in pixels of the whole image."""
        size = (int(pixels.shape[1] * scale), int(pixels.shape[0] * scale))
        from scipy.special import expit

        level = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        cells = _run(0, level[None])[0]  # (rows, columns, 5)
        scores = expit(cells[..., 4])
        y, x = np.nonzero(scores > PROPOSED)
        corners = STRIDE * np.stack([x, y, x, y], 1) + [1, 1, CELL, CELL]
        boxes = ((corners + (CELL - 1) * cells[y, x, :4]) / scale).astype(np.float32)
        scores = scores[y, x]
        kept = suppress(boxes, scores, LEVEL_OVERLAP)
        return np.column_stack([boxes[kept], scores[kept]])

    def _judge(
        self, stage: int, pixels: np.ndarray, boxes: np.ndarray, size: int, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The moved boxes (k, 4) that pass, their scores (k,) and landmarks (k, 0 or 5, 2)."""
        from scipy.special import expit

        crops = sample(pixels, boxes, size)
        found = _run(stage, crops)
        scores = expit(found[:, -1])
        passed = scores > threshold
        boxes, found = boxes[passed], found[passed]
        corner, extent = boxes[:, None, :2], boxes[:, None, 2:] - boxes[:, None, :2] + 1
        points = found[:, 4:-1].reshape(len(found), 2, found.shape[1] // 2 - 2)
        moved = boxes + (found[:, :4].reshape(-1, 2, 2) * extent).reshape(-1, 4)
        return moved, scores[passed], corner + extent * points.transpose(0, 2, 1) - 1


def _run(stage: int, images: np.ndarray) -> np.ndarray:
    network = load_network(NETWORKS[stage], os.getpid())
    return np.asarray(network.run(None, {"images": images})[0])


def pyramid(shape: tuple[int, ...]) -> np.ndarray:
    """Scales at which an image (height, width, ...) is scanned, the largest first."""
    shorter = max(min(shape[:2]), 1)
    levels = round(np.log(shorter / CELL) / np.log(1 / PYRAMID) - 1)
    return np.asarray(CELL / SMALLEST_FACE * PYRAMID ** np.arange(levels))


def suppress(
    boxes: np.ndarray, scores: np.ndarray, most: float, of_smaller: bool = False
) -> np.ndarray:
    """Indices of the boxes (k, 4) that no better one overlaps by more than `most`, best first.

    A suppressed box still suppresses, as in the package. Overlap is intersection over union, or
    over the smaller of both.
    """
    order = np.argsort(scores.astype(np.float64))[::-1][:MOST]  # ties in the package's order too
    low, high = boxes[order, None, :2], boxes[order, None, 2:]
    common = np.minimum(high, high.swapaxes(0, 1)) - np.maximum(low, low.swapaxes(0, 1))
    common = np.clip(common, 0, None).prod(axis=2)
    area = (high - low).prod(axis=2)
    whole = np.minimum(area, area.T) if of_smaller else area + area.T - common
    beaten = np.triu(common > most * whole, 1).any(axis=0)
    return np.asarray(order[~beaten])


def squares(boxes: np.ndarray) -> np.ndarray:
    """Boxes (k, 4) extended to squares about their centres."""
    centre, extent = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    half = extent.max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def sample(pixels: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Boxes (k, 4) cut from an image (h, w, 3) in [-1, 1]: (k, size, size, 3), zero outside.

    Bilinear at `size` points from edge to edge, as TensorFlow's `crop_and_resize`; its coordinates
    shrink by (h - 1) / h, because it takes the last pixel for the far edge.
    """
    steps = np.linspace(0, 1, size)
    rows, row_weights, row_inside = _between(boxes[:, 1::2], steps, pixels.shape[0])
    columns, column_weights, column_inside = _between(boxes[:, ::2], steps, pixels.shape[1])
    crops = np.zeros((len(boxes), size, size, 3), np.float32)
    for i in (0, 1):
        for j in (0, 1):
            weights = row_weights[i][:, :, None] * column_weights[j][:, None, :]
            crops += weights[..., None] * pixels[rows[i][:, :, None], columns[j][:, None, :]]
    inside = row_inside[:, :, None] & column_inside[:, None, :]
    return np.asarray(crops * inside[..., None])


def _between(
    edges: np.ndarray, steps: np.ndarray, side: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Along one axis: both neighbours of each sample, their weights, and what lies inside."""
    at = (edges[:, :1] + steps * (edges[:, 1:] - edges[:, :1])) * (side - 1) / side
    inside = (at >= 0) & (at <= side - 1)
    first = np.clip(np.floor(at), 0, side - 1).astype(np.intp)
    share = (at - first).astype(np.float32)
    return (first, np.minimum(first + 1, side - 1)), (1 - share, share), inside


DETECTOR = DetectorRecord(
    Mtcnn.name,
    1,
    lambda track, file: Mtcnn(),
    f"MTCNN, slower than YuNet on large photos, whose file is not here ({YUNET.url}, for a folder "
    "named in KNOWNFACE_WEIGHTS)",
)
