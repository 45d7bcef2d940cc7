"""YuNet through OpenCV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import local
from typing import Any

import cv2
import numpy as np

from knownface.faces.face import DETECTION_SIZE, DetectorRecord, Face
from knownface.faces.photo import resized
from knownface.files.download import WeightError, WeightFile, obtain

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


class YuNet:
    """YuNet (Wu, Peng and Yu, 2023), its candidates averaged instead of suppressed."""

    name = "yunet"

    def __init__(self, path: Path) -> None:
        self._path = path
        _network(path)

    def __reduce__(self) -> tuple[type[YuNet], tuple[Path]]:
        return YuNet, (self._path,)

    def find_faces(self, image: np.ndarray) -> list[Face]:
        faces = next(filter(None, self._attempts(image)), [])
        return sorted(faces, key=lambda face: -face.area)

    def _attempts(self, image: np.ndarray) -> Iterator[list[Face]]:
        """What is found one way and another, the likeliest first."""
        longest = max(image.shape[:2])
        border = round(BORDER * longest)
        whole = longest + 2 * border
        if longest <= SMALL:
            yield self._find(_framed(image, border), ENLARGED / whole, border)
        yield self._find(image, min(1.0, DETECTION_SIZE / longest))
        yield self._find(_framed(image, border), min(1.0, DETECTION_SIZE / whole), border)

    def _find(self, image: np.ndarray, scale: float, border: int = 0) -> list[Face]:
        """Faces of a framed photo that is searched at a scale, in pixels of the photo itself."""
        scaled = cv2.cvtColor(resized(image, scale), cv2.COLOR_RGB2BGR)
        network = _network(self._path)
        network.setInputSize((scaled.shape[1], scaled.shape[0]))
        rows = network.detect(scaled)[1]
        if rows is None:
            return []
        rows = rows[(rows[:, 2] >= 1) & (rows[:, 3] >= 1)].astype(np.float64)
        rows[:, :14] = rows[:, :14] / scale
        rows[:, [0, 1, *range(4, 14)]] -= border
        return [
            Face(
                (row[0], row[1], row[2], row[3]),
                np.array(row[4:14], np.float32).reshape(5, 2),
                row[14],
            )
            for row in merge_candidates(rows).tolist()
        ]


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


DETECTOR = DetectorRecord("yunet", 0, lambda track: YuNet(obtain(YUNET, track)))
