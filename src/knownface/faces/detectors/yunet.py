"""YuNet: faces of any size, also in large photos and in photos that lie on their side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from knownface.faces.detectors.candidates import (
    NOTHING,
    apart,
    best,
    candidates,
    merge_candidates,
    moved,
)
from knownface.faces.face import DetectorRecord, Face
from knownface.faces.picture import Picture, resized
from knownface.files.download import WeightFile, obtain, verify
from knownface.progress import Track
from knownface.runtime.network import Network, read_content

YUNET = WeightFile(
    name="face_detection_yunet_2023mar.onnx",
    url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2023mar.onnx",
    bytes=232_589,
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    licence="MIT",
    source="OpenCV Zoo",
)
# Head crops up to SMALL pixels are enlarged to ENLARGED, with a border of EDGE times their longest
# side within it. With the merging below, this took the frozen MobileFaceNet from 0.980 to 0.993 on
# LFW view 1; a border of 0.25 at the same scale is as good there, on portraits and on faces that
# fill the picture (docs/benchmarks.md), and is twice the pixels.
SMALL = 320
ENLARGED = 352
EDGE = 0.05
BORDER = 0.25  # times the longest side, where nothing was found without
SCORE_THRESHOLD = 0.6  # OpenCV's own sample uses 0.9 and misses profiles
FIRST = 512  # longest side of the first look at a photo
MULTIPLE = 32  # of pixels, that the sides of the network's input are
# Photos that are reduced are searched once more, at LARGE pixels, where there are small ones,
# of FINE pixels or less at first: a face, or one of the CHECKED best hints that looks like one in
# the photo's own pixels. Of 1,186 heads pasted into 600 photos 968 are found so, and 960 where any
# hint of 0.03 is enough, which takes a tenth more time (benchmarks/small_faces.py).
LARGE = 1280 * 960
FINE = 32
HINT, CHECKED, LIKELY = 0.02, 8, 0.3
WORTH = 1.5  # how much larger the second search must be to find more
# Each place that may be a face is looked at again in the photo's own pixels.
MAYBE = 0.15  # score of such a place
MOST_LOOKS = 200  # places looked at again, the likeliest first, which bounds the cost
LOOK, LOOK_FACE = 160, 64  # pixels of such a second look, and of the face in it
# Smaller faces than this where they were found get their landmarks from a second look.
COARSE = 48
# Heights and widths of input that have a network of their own: of head crops, of places that are
# looked at again, and of photos at first. Each takes 25 MB. Pictures are filled up to the next one
# by at most SPARED pixels, which take as long as another size than the one before does elsewhere.
COMMON = (ENLARGED, ENLARGED), (LOOK, LOOK), (384, 544), (544, 384)
SPARED = 2**16
# A photo whose best face scores less than SURE may lie on its side or upside down: a quick look,
# QUICK pixels long, says which way to turn it if it is PROMISING and almost as good, and it does
# lie so where the turned one is GOOD and leads. Of 655 upright photos 4 % are tried; on their side
# all are, all are promising, and this way is the best of the three.
SURE, GOOD, LEAD = 0.91, 0.8, 0.02
QUICK, PROMISING, NEARLY = 320, 0.5, 0.05


class YuNet:
    """YuNet (Wu, Peng and Yu, 2023), its candidates averaged instead of suppressed."""

    name = "yunet"

    def __init__(self, file: Path) -> None:
        self.file = file
        self._content = read_content(file, YUNET.sha256)
        self._networks: dict[tuple[int, int] | None, Network] = {}

    def __reduce__(self) -> tuple[type[YuNet], tuple[Path]]:
        return YuNet, (self.file,)

    def find_faces(self, picture: Picture) -> list[Face]:
        found = self._upright(picture)
        quarters = self._lying(picture, best(found)) if best(found) < SURE else 0
        if quarters:
            scale = _finer(picture)
            turned = self._turned(picture.reduced(scale), quarters)
            if best(turned) >= max(GOOD, best(found) + LEAD):
                found = moved(turned, 1 / scale, 0.0)
        faces = [
            Face(
                (row[0], row[1], row[2], row[3]),
                np.array(row[4:14], np.float32).reshape(5, 2),
                min(row[14], 1.0),
            )
            for row in found.astype(np.float32).tolist()
        ]
        return sorted(faces, key=lambda face: -face.area)

    # ------------------------------------------------------------ one way up
    def _upright(self, picture: Picture) -> np.ndarray:
        """Faces (k, 15) of a photo as it is."""
        found, hints = next(
            (each for each in self._attempts(picture) if len(each[0])), (NOTHING, NOTHING)
        )
        scale = _reduction(picture)
        return found if scale == 1.0 else self._closer(picture, found, hints, scale)

    def _attempts(self, picture: Picture) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """What is found one way and another, and hints of more; the likeliest first."""
        longest = max(picture.width, picture.height)
        if longest <= SMALL:
            edge = round(EDGE * longest)
            scale = ENLARGED / (longest + 2 * edge)
            yield self._find(resized(_framed(picture.whole(), edge), scale), scale, -edge)
        scale = _reduction(picture)
        yield self._find(picture.reduced(scale), scale)
        border = round(BORDER * longest)
        scale = min(1.0, FIRST / (longest + 2 * border))
        frame = round(border * scale)  # around the reduced photo: the frame of a strip is square
        framed = _framed(picture.reduced(scale), frame)
        yield self._find(framed, scale, -frame / scale)

    def _find(
        self, pixels: np.ndarray, scale: float = 1.0, shift: float | np.ndarray = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Faces (k, 15) and hints of others (m, 15) in a picture that was reduced, then moved."""
        rows = self._candidates(pixels)
        faces = merge_candidates(rows[rows[:, 14] >= SCORE_THRESHOLD])
        hints = apart(rows, faces)
        return moved(faces, 1 / scale, shift), moved(hints, 1 / scale, shift)

    def _candidates(self, pixels: np.ndarray) -> np.ndarray:
        """(k, 15) with a score of at least HINT."""
        height, width = pixels.shape[:2]
        size = common = _common(height, width)
        if size is None:
            size = height + -height % MULTIPLE, width + -width % MULTIPLE
        below, beside = size[0] - height, size[1] - width
        if below or beside:
            pixels = cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_CONSTANT)
        rows = candidates(self._network_of(common).run(pixels[None]), size[1], HINT)
        return rows[(rows[:, 2] >= 1) & (rows[:, 3] >= 1)]

    def _network_of(self, size: tuple[int, int] | None) -> Network:
        """The one for pictures of this height and width, or of any: compiled when one comes."""
        if size not in self._networks:
            self._networks[size] = Network(
                self.file, digest=YUNET.sha256, pictures=True, keep=True, size=size,
                content=self._content,
            )  # fmt: skip
        return self._networks[size]

    # ------------------------------------------------------------ large photos
    def _closer(
        self, picture: Picture, found: np.ndarray, hints: np.ndarray, scale: float
    ) -> np.ndarray:
        """Faces too small for the first look at a reduced photo, and better landmarks of others."""
        finer = _finer(picture)
        if finer >= WORTH * scale and self._small_ones(picture, found, hints, FINE / scale):
            hints = apart(np.concatenate(self._find(picture.reduced(finer), finer)), found)
        new = hints[hints[:, 14] >= MAYBE]
        new = new[np.argsort(-new[:, 14], kind="stable")][:MOST_LOOKS]
        coarse = found[:, 2:4].max(1, initial=0) * scale < COARSE
        looks = [self._look(picture, row) for row in [*found[coarse], *new]]
        kept = [row for row, seen in zip(found[coarse], looks, strict=False) if seen is None]
        clear = [row for row in looks if row is not None]
        return merge_candidates(np.array([*found[~coarse], *kept, *clear]).reshape(-1, 15))

    def _small_ones(
        self, picture: Picture, found: np.ndarray, hints: np.ndarray, fine: float
    ) -> bool:
        """Whether there are faces of at most so many pixels."""
        if (found[:, 2:4].max(1, initial=0) <= fine).any():
            return True
        small = hints[hints[:, 2:4].max(1, initial=0) <= fine]
        likely = small[np.argsort(-small[:, 14], kind="stable")][:CHECKED]
        looks = (self._around(picture, row)[0] for row in likely)
        return any(max(map(best, look)) >= LIKELY for look in looks)

    def _look(self, picture: Picture, row: np.ndarray) -> np.ndarray | None:
        """The face (15,) at a place, seen in the photo's own pixels; None where there is none."""
        (rows, _), scale, corner = self._around(picture, row)
        off = np.abs(rows[:, :2] + rows[:, 2:4] / 2 - LOOK / 2).max(1)
        if not len(rows) or off.min() > LOOK_FACE / 2:
            return None
        return np.asarray(moved(rows[off.argmin()][None], 1 / scale, corner)[0])

    def _around(
        self, picture: Picture, row: np.ndarray
    ) -> tuple[tuple[np.ndarray, np.ndarray], float, np.ndarray]:
        """What `_find` finds around a place, and where that is: its scale and its corner."""
        x, y, width, height = row[:4]
        scale = min(LOOK_FACE / max(width, height, 1.0), 1.0)
        corner = np.array([x + width / 2, y + height / 2]) - LOOK / 2 / scale
        matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
        return self._find(picture.cut(matrix, LOOK)), scale, corner

    # ------------------------------------------------------------ on its side
    def _lying(self, picture: Picture, upright: float) -> int:
        """By how many quarters to the left a photo is to be turned; 0 where it is upright.

        upright: the best score that was found so.
        """
        longest = max(picture.width, picture.height)
        border = round(BORDER * longest) if longest <= SMALL else 0
        scale = min(1.0, QUICK / (longest + 2 * border))
        small = _framed(resized(picture.whole(), scale), round(border * scale)) if border else (
            picture.reduced(scale)
        )  # fmt: skip
        looks = [np.ascontiguousarray(np.rot90(small, quarters)) for quarters in (1, 2, 3)]
        scores = [best(self._candidates(look)) for look in looks]
        enough = max(PROMISING, upright - NEARLY) if upright else MAYBE
        return 1 + int(np.argmax(scores)) if max(scores) >= enough else 0

    def _turned(self, image: np.ndarray, quarters: int) -> np.ndarray:
        """Faces (k, 15) of a photo turned by quarters to the left, in its own pixels."""
        rows = self._upright(Picture.of(np.ascontiguousarray(np.rot90(image, quarters))))
        height, width = image.shape[:2]
        corners = np.stack([rows[:, :2], rows[:, :2] + rows[:, 2:4]], 1)  # (k, 2, 2)
        points = np.concatenate([corners, rows[:, 4:14].reshape(-1, 5, 2)], 1)
        x, y = points[..., 0], points[..., 1]
        x, y = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters]
        points = np.stack([x, y], -1)
        low, high = points[:, :2].min(1), points[:, :2].max(1)
        return np.concatenate([low, high - low, points[:, 2:].reshape(-1, 10), rows[:, 14:]], 1)


def _common(height: int, width: int) -> tuple[int, int] | None:
    """The one of COMMON that a picture is to be filled up to, if any."""
    most = height * width + SPARED
    fits = [size for size in COMMON if height <= size[0] and width <= size[1]]
    return min((size for size in fits if math.prod(size) <= most), key=math.prod, default=None)


def _reduction(picture: Picture) -> float:
    """Scale of the first look: the longest side at FIRST, of strips more."""
    height, width = picture.height, picture.width
    area = float(np.sqrt(FIRST**2 * 3 / 4 / (height * width)))
    return float(min(1.0, max(FIRST / max(height, width), area)))


def _finer(picture: Picture) -> float:
    """Scale of the second look: LARGE pixels in all."""
    return float(min(1.0, np.sqrt(LARGE / (picture.width * picture.height))))


def _framed(image: np.ndarray, border: int) -> np.ndarray:
    return np.asarray(cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_CONSTANT))


def _load(track: Track, file: Path | None) -> YuNet:
    if file is None:
        return YuNet(obtain(YUNET, track, asked=False))
    verify(YUNET, file)
    return YuNet(file)


DETECTOR = DetectorRecord("yunet", 0, _load)
