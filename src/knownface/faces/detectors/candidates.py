"""Rows of a detector: the candidates that its network sees, and what they are together.

A row (15,) is x, y, width, height, the five landmarks (x, y) as `Face` has them, and the score.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

SAME_FACE = 0.3  # overlap (intersection over union) above which two candidates are one face
AVERAGED = 0.5  # overlap with the best candidate from which another joins its average
STRIDES = (8, 16, 32)  # pixels of YuNet's cells
NOTHING = np.zeros((0, 15))


def candidates(found: list[np.ndarray], columns: int, least: float) -> np.ndarray:
    """What YuNet sees with a score of at least `least`: (k, 15), in pixels of its input.

    found: its twelve outputs, for each stride of STRIDES the probability of a face (1, n, 1), next
        of an object, then box (1, n, 4) and landmarks (1, n, 10), relative to n cells.
    columns: the width of its input.
    """
    face, thing = (np.concatenate(found[i : i + 3], 1)[0, :, 0].clip(0, 1) for i in (0, 3))
    both = face * thing
    kept = np.flatnonzero(both >= least**2)
    cells, stride = (
        each[kept] for each in _cells(tuple(each.shape[1] for each in found[:3]), columns)
    )
    box, points = (np.concatenate(found[i : i + 3], 1)[0, kept] for i in (6, 9))
    rows = np.empty((len(kept), 15))
    rows[:, 2:4] = np.exp(box[:, 2:])
    rows[:, :2] = cells + box[:, :2] - rows[:, 2:4] / 2
    rows[:, 4:14] = (points.reshape(-1, 5, 2) + cells[:, None]).reshape(-1, 10)
    rows[:, :14] *= stride[:, None]
    rows[:, 14] = np.sqrt(both[kept])
    return rows


@lru_cache(maxsize=32)
def _cells(counts: tuple[int, ...], columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the cells of all strides are, (n, 2) x and y in cells, and their strides (n,)."""
    place = np.concatenate([np.arange(count) for count in counts])
    stride = np.repeat(STRIDES, counts)
    across = columns // stride
    return np.stack([place % across, place // across], 1), stride


def merge_candidates(rows: np.ndarray) -> np.ndarray:
    """Average the candidates of each face by their scores: (k, 15) to (faces, 15).

    Neighbouring cells err independently, so that their mean is steadier than the best of them
    (weighted boxes fusion, Solovyev et al., 2021).
    """
    rows = rows[np.argsort(-rows[:, 14], kind="stable")]
    merged = []
    while len(rows):
        overlap = overlaps(rows[:, :4], rows[0, :4])
        near = rows[overlap >= AVERAGED]
        weights = near[:, 14:]
        mean = (near * weights).sum(0) / weights.sum()
        mean[14] = rows[0, 14]
        merged.append(mean)
        rows = rows[overlap < SAME_FACE]
    return np.array(merged).reshape(-1, 15)


def apart(rows: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The best candidates, as they are, of what is none of the faces."""
    for face in faces:
        rows = rows[overlaps(rows[:, :4], face[:4]) < SAME_FACE]
    boxes, scores = rows[:, :4].tolist(), rows[:, 14].tolist()
    return rows[list(cv2.dnn.NMSBoxes(boxes, scores, 0.0, SAME_FACE))]


def overlaps(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Intersection over union of (k, 4) boxes with one."""
    x, y, width, height = boxes.T
    left, top, wide, high = box.tolist()
    across = np.minimum(x + width, left + wide) - np.maximum(x, left)
    down = np.minimum(y + height, top + high) - np.maximum(y, top)
    common = np.maximum(across, 0) * np.maximum(down, 0)
    return np.asarray(common / (width * height + wide * high - common))


def best(rows: np.ndarray) -> float:
    return float(rows[:, 14].max(initial=0.0))


def moved(rows: np.ndarray, scale: float, shift: float | np.ndarray) -> np.ndarray:
    """Candidates (k, 15) in other coordinates: scaled, then shifted by (x, y)."""
    rows = rows.copy()
    shifts = np.zeros((7, 2))
    shifts[:] = shift
    shifts[1] = 0  # width and height
    rows[:, :14] = rows[:, :14] * scale + shifts.ravel()
    return rows
