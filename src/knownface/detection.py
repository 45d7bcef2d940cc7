"""Finding faces: YuNet through OpenCV, or MTCNN where YuNet's file cannot be had."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np

from knownface.errors import KnownfaceError
from knownface.progress import Track, silent
from knownface.weights import WeightError, WeightFile, obtain

log = logging.getLogger(__name__)

FacesMode = Literal["detect", "cropped"]

YUNET = WeightFile(
    name="face_detection_yunet_2023mar.onnx",
    url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2023mar.onnx",
    bytes=232_589,
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    licence="MIT",
    source="OpenCV Zoo",
)
# Longest side at which faces are looked for: large photos are reduced to it.
DETECTION_SIZE = 640
# Head crops up to SMALL pixels get a border of BORDER times their longest side and are enlarged to
# ENLARGED pixels, because YuNet places landmarks poorly on faces that fill the picture. With the
# merging below, this took the frozen MobileFaceNet from 0.980 to 0.993 on LFW view 1.
SMALL = 320
ENLARGED = 480
BORDER = 0.25
SCORE_THRESHOLD = 0.6  # OpenCV's own sample uses 0.9 and misses profiles
SAME_FACE = 0.3  # overlap (intersection over union) above which two candidates are one face
AVERAGED = 0.5  # overlap with the best candidate from which another joins its average


@dataclass(frozen=True)
class Face:
    """One face, in pixels of the photo.

    box: (x, y, width, height).
    landmarks: (5, 2) float32, x and y of the eye, eye, nose tip, mouth corner, mouth corner, the
        one on the left of the picture first.
    score: the detector's confidence in [0, 1].
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]


class Detector(Protocol):
    """Finds faces; `name` is part of the key under which crops are cached."""

    name: str

    def clone(self) -> Detector:
        """One that may be used by another thread at the same time."""
        ...

    def find_faces(self, image: np.ndarray) -> list[Face]:
        """All faces in an RGB uint8 (height, width, 3) image, the largest first."""
        ...


class YuNet:
    """YuNet (Wu, Peng and Yu, 2023), its candidates averaged instead of suppressed.

    Not safe for use from several threads at once: `clone` gives each its own.
    """

    name = "yunet"

    def __init__(self, path: Path) -> None:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        self._path = path
        try:
            # An overlap threshold of 1 suppresses nothing: `merge_candidates` does.
            self._network = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), SCORE_THRESHOLD, 1.0
            )
        except cv2.error as error:
            raise WeightError(f"{path}: OpenCV cannot load this detector ({error.err})") from None

    def clone(self) -> YuNet:
        return YuNet(self._path)

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
        self._network.setInputSize((scaled.shape[1], scaled.shape[0]))
        rows = self._network.detect(scaled)[1]
        if rows is None:
            return []
        rows = rows[(rows[:, 2] >= 1) & (rows[:, 3] >= 1)].astype(np.float64)
        rows[:, :14] = rows[:, :14] / scale
        rows[:, [0, 1, *range(4, 14)]] -= border
        return [
            Face(
                (row[0], row[1], row[2], row[3]),
                row[4:14].reshape(5, 2).astype(np.float32),
                row[14],
            )
            for row in merge_candidates(rows)
        ]


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


def load_detector(track: Track = silent, name: str | None = None) -> Detector:
    """YuNet, or MTCNN where YuNet's file cannot be had, or where `name` asks for it.

    name: the detector that a recogniser was trained with; None where nobody has a wish.
    Raises KnownfaceError where no detector can be had.
    """
    from knownface.mtcnn import Mtcnn

    if name == Mtcnn.name:
        return Mtcnn()
    try:
        return YuNet(obtain(YUNET, track))
    except WeightError as error:
        try:
            detector = Mtcnn()
        except WeightError as other:
            raise KnownfaceError(
                f"No face detector: {error}; or, {other}; or say --faces cropped if the photos are "
                "aligned face crops"
            ) from None
        log.debug("%s", error)
        log.warning(
            "Detector: MTCNN, slower than YuNet on large photos, whose file is not here (%s, for a "
            "folder named in KNOWNFACE_WEIGHTS)",
            YUNET.url,
        )
        return detector


def whole_image(image: np.ndarray) -> Face:
    """A ready face crop as one `Face`: its box is the image, its landmarks are not known (NaN)."""
    height, width = image.shape[:2]
    return Face((0.0, 0.0, float(width), float(height)), np.full((5, 2), np.nan, np.float32), 1.0)


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    if scale == 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation))
