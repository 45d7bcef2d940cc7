"""YuNet: faces of any size, also in large photos and in photos that lie on their side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import local
from typing import Any

import cv2
import numpy as np

from knownface.faces.align import warp
from knownface.faces.face import DETECTION_SIZE, DetectorRecord, Face
from knownface.faces.photo import resized
from knownface.files.download import WeightError, WeightFile, obtain, verify
from knownface.progress import Track

YUNET = WeightFile(
    name="face_detection_yunet_2023mar.onnx",
    url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2023mar.onnx",
    bytes=232_589,
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    licence="MIT",
    source="OpenCV Zoo",
)
# Head crops up to SMALL pixels get a border of BORDER times their longest side and are enlarged to
# ENLARGED pixels, because YuNet places landmarks poorly on faces that fill the picture. With the
# merging below, this took the frozen MobileFaceNet from 0.980 to 0.993 on LFW view 1.
SMALL = 320
ENLARGED = 480
BORDER = 0.25
SCORE_THRESHOLD = 0.6  # OpenCV's own sample uses 0.9 and misses profiles
SAME_FACE = 0.3  # overlap (intersection over union) above which two candidates are one face
AVERAGED = 0.5  # overlap with the best candidate from which another joins its average
# Photos that are reduced are searched once more at LARGE pixels in all for what may be a small
# face, and each place is looked at again in the photo's own pixels.
LARGE = 1280 * 960
MAYBE = 0.15  # score from which a place is looked at again
MOST_LOOKS = 200  # places looked at again, the likeliest first, which bounds the cost
LOOK, LOOK_FACE = 160, 64  # pixels of such a second look, and of the face in it
# Smaller faces than this where they were found get their landmarks from a second look.
COARSE = 48
# A photo whose best face scores less than SURE may lie on its side or upside down; it does where
# a turned one is GOOD and leads. Of 364 upright photos 8 % are tried and none is turned; turned by
# quarters, all are turned back.
SURE, GOOD, LEAD = 0.92, 0.8, 0.02


class YuNet:
    """YuNet (Wu, Peng and Yu, 2023), its candidates averaged instead of suppressed."""

    name = "yunet"

    def __init__(self, file: Path) -> None:
        self.file = file
        _network(file)

    def __reduce__(self) -> tuple[type[YuNet], tuple[Path]]:
        return YuNet, (self.file,)

    def find_faces(self, image: np.ndarray) -> list[Face]:
        found = self._upright(image)
        if _best(found) < SURE:
            scale = _finer(image)
            small = resized(image, scale)
            turned = max((self._turned(small, quarters) for quarters in (1, 3, 2)), key=_best)
            if _best(turned) >= max(GOOD, _best(found) + LEAD):
                found = _moved(turned, 1 / scale, 0.0)
        faces = [
            Face(
                (row[0], row[1], row[2], row[3]),
                np.array(row[4:14], np.float32).reshape(5, 2),
                min(row[14], 1.0),
            )
            for row in found.tolist()
        ]
        return sorted(faces, key=lambda face: -face.area)

    # ------------------------------------------------------------ one way up
    def _upright(self, image: np.ndarray) -> np.ndarray:
        """Faces (k, 15) of a photo as it is."""
        found = next((rows for rows in self._attempts(image) if len(rows)), NOTHING)
        scale = _reduction(image)
        return found if scale == 1.0 else self._closer(image, found, scale)

    def _attempts(self, image: np.ndarray) -> Iterator[np.ndarray]:
        """What is found one way and another, the likeliest first."""
        longest = max(image.shape[:2])
        border = round(BORDER * longest)
        whole = longest + 2 * border
        if longest <= SMALL:
            yield self._find(_framed(image, border), ENLARGED / whole, -border)
        yield self._find(image, _reduction(image))
        scale = min(1.0, DETECTION_SIZE / whole)
        frame = round(border * scale)  # around the reduced photo: the frame of a strip is square
        framed = _framed(resized(image, scale), frame)
        yield _moved(self._find(framed), 1 / scale, -frame / scale)

    def _find(
        self, image: np.ndarray, scale: float = 1.0, shift: float = 0.0, least: float = 0.0
    ) -> np.ndarray:
        """Merged candidates (k, 15) of a picture searched at a scale, in its own pixels, moved."""
        small = cv2.cvtColor(resized(image, scale), cv2.COLOR_RGB2BGR)
        network = _network(self.file)
        network.setInputSize((small.shape[1], small.shape[0]))
        network.setScoreThreshold(least or SCORE_THRESHOLD)
        rows = network.detect(small)[1]
        rows = NOTHING if rows is None else rows.astype(np.float64)
        rows = rows[(rows[:, 2] >= 1) & (rows[:, 3] >= 1)]
        return _moved(merge_candidates(rows), 1 / scale, shift)

    # ------------------------------------------------------------ large photos
    def _closer(self, image: np.ndarray, found: np.ndarray, scale: float) -> np.ndarray:
        """Faces too small for the first look at a reduced photo, and better landmarks of others."""
        finer = _finer(image)
        places = self._find(image, finer, least=MAYBE) if finer > scale else NOTHING
        new = [row for row in places if not (_overlaps(found[:, :4], row[:4]) >= SAME_FACE).any()]
        coarse = found[:, 2:4].max(1) * scale < COARSE
        looks = [self._look(image, row) for row in [*found[coarse], *new[:MOST_LOOKS]]]
        kept = [row for row, seen in zip(found[coarse], looks, strict=False) if seen is None]
        seen = [row for row in looks if row is not None]
        return merge_candidates(np.array([*found[~coarse], *kept, *seen]).reshape(-1, 15))

    def _look(self, image: np.ndarray, row: np.ndarray) -> np.ndarray | None:
        """The face (15,) at a place, seen in the photo's own pixels; None where there is none."""
        x, y, width, height = row[:4]
        scale = min(LOOK_FACE / max(width, height, 1.0), 1.0)
        corner = np.array([x + width / 2, y + height / 2]) - LOOK / 2 / scale
        matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
        rows = self._find(warp(image, matrix, LOOK))
        off = np.abs(rows[:, :2] + rows[:, 2:4] / 2 - LOOK / 2).max(1)
        if not len(rows) or off.min() > LOOK_FACE / 2:
            return None
        return np.asarray(_moved(rows[off.argmin()][None], 1 / scale, corner)[0])

    # ------------------------------------------------------------ on its side
    def _turned(self, image: np.ndarray, quarters: int) -> np.ndarray:
        """Faces (k, 15) of a photo turned by quarters to the left, in its own pixels."""
        rows = self._upright(np.ascontiguousarray(np.rot90(image, quarters)))
        height, width = image.shape[:2]
        corners = np.stack([rows[:, :2], rows[:, :2] + rows[:, 2:4]], 1)  # (k, 2, 2)
        points = np.concatenate([corners, rows[:, 4:14].reshape(-1, 5, 2)], 1)
        x, y = points[..., 0], points[..., 1]
        x, y = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]
        points = np.stack([x, y], -1)
        low, high = points[:, :2].min(1), points[:, :2].max(1)
        return np.concatenate([low, high - low, points[:, 2:].reshape(-1, 10), rows[:, 14:]], 1)


NOTHING = np.zeros((0, 15))


_networks = local()  # OpenCV's object serves one thread; each thread's go when it ends


def _network(path: Path) -> Any:
    """The network of one thread of one process. Raises WeightError."""
    known, key = vars(_networks), f"{os.getpid()} {path}"
    if key not in known:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            # An overlap threshold of 1 suppresses nothing: `merge_candidates` does.
            known[key] = cv2.FaceDetectorYN.create(str(path), "", (320, 320), SCORE_THRESHOLD, 1.0)
        except cv2.error as error:
            raise WeightError(f"{path}: OpenCV cannot load this detector ({error.err})") from None
    return known[key]


def _reduction(image: np.ndarray) -> float:
    """Scale of the first look: the longest side at DETECTION_SIZE, of strips more."""
    height, width = image.shape[:2]
    area = float(np.sqrt(DETECTION_SIZE**2 * 3 / 4 / (height * width)))
    return float(min(1.0, max(DETECTION_SIZE / max(height, width), area)))


def _finer(image: np.ndarray) -> float:
    """Scale of the second look: LARGE pixels in all."""
    return float(min(1.0, np.sqrt(LARGE / (image.shape[0] * image.shape[1]))))


def _best(rows: np.ndarray) -> float:
    return float(rows[:, 14].max(initial=0.0))


def _moved(rows: np.ndarray, scale: float, shift: float | np.ndarray) -> np.ndarray:
    """Candidates (k, 15) in other coordinates: scaled, then shifted by (x, y)."""
    rows = rows.copy()
    rows[:, :14] *= scale
    rows[:, [0, 1, *range(4, 14)]] += np.tile(np.broadcast_to(shift, 2), 6)
    return rows


def _framed(image: np.ndarray, border: int) -> np.ndarray:
    return np.asarray(cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_CONSTANT))


def merge_candidates(rows: np.ndarray) -> np.ndarray:
    """Average the candidates of each face by their scores: (k, 15) to (faces, 15).

    A row is x, y, width, height, five landmarks, score, as YuNet gives it. Neighbouring anchors
    err independently, so that their mean is steadier than the best of them (weighted boxes fusion,
    Solovyev et al., 2021).
    """
    rows = rows[np.argsort(-rows[:, 14], kind="stable")]
    merged = []
    while len(rows):
        overlap = _overlaps(rows[:, :4], rows[0, :4])
        near = rows[overlap >= AVERAGED]
        mean = np.average(near, axis=0, weights=near[:, 14])
        merged.append(np.append(mean[:14], rows[0, 14]).tolist())
        rows = rows[overlap < SAME_FACE]
    return np.array(merged).reshape(-1, 15)


def _overlaps(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Intersection over union of (k, 4) boxes with one."""
    low = np.maximum(boxes[:, :2], box[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], box[:2] + box[2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    return np.asarray(common / (np.prod(boxes[:, 2:], axis=1) + np.prod(box[2:]) - common))


def _load(track: Track, file: Path | None) -> YuNet:
    if file is None:
        return YuNet(obtain(YUNET, track, asked=False))
    verify(YUNET, file)
    return YuNet(file)


DETECTOR = DetectorRecord("yunet", 0, _load)
