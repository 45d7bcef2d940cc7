"""From a photo to names, for the programs beside this file: NumPy and OpenCV, not knownface.

An export is a folder of plain files:

    recognizer.json   people, threshold, crop, and which format the network has
    templates.f32     float32 (little-endian): a row per person, in that order
    comparison.f32    how faces are compared with them, where it is more than by cosine
    embedder.*        the network: uint8 crops (n, size, size, 3), RGB, to embeddings (n, d)
    detector/         YuNet, which OpenCV runs

`python faces.py EXPORT PHOTO... --crops DIR` writes the crops of the faces, for programs that have
no detector.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

# Where ArcFace wants eyes, nose and corners of the mouth in a crop of 112 pixels.
POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]]
)  # fmt: skip
SEARCHED = 1280  # pixels of the longer side of a photo that is searched
BORDER, SMALL, ENLARGED = 0.25, 320, 480  # a picture of a head is framed, and enlarged, before

Embed = Callable[[np.ndarray], np.ndarray]


class Export:
    """The plain files of an export folder, and what finds faces."""

    def __init__(self, folder: Path) -> None:
        record = json.loads((folder / "recognizer.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.people = record["people"]
        self.threshold = record["threshold"]["value"]
        self.crop = record["crop"]
        self.cropped = record["faces"] == "cropped"
        self.networks = record.get("networks", 0)  # that stand together; none: by cosine
        rows = np.fromfile(folder / "templates.f32", "<f4")
        self.templates = rows.reshape(2 if self.networks else 1, len(self.people), -1)
        if self.networks:
            self.comparison = np.fromfile(folder / "comparison.f32", "<f4")
        found = sorted((folder / "detector").glob("*.onnx"))
        # An overlap threshold of 1 suppresses nothing: `merged` does.
        self._yunet = (
            cv2.FaceDetectorYN.create(str(found[0]), "", (64, 64), 0.6, 1.0) if found else None
        )

    def faces(self, image: np.ndarray) -> Iterator[tuple[list[int], np.ndarray]]:
        """Box [x, y, width, height] and crop (size, size, 3) of each face of an RGB photo."""
        size = self.crop["size"]
        height, width = image.shape[:2]
        if self.cropped or self._yunet is None:
            shrunk = min(height, width) > size
            how = cv2.INTER_AREA if shrunk else cv2.INTER_LINEAR
            yield [0, 0, width, height], cv2.resize(image, (size, size), interpolation=how)
            return
        for row in self._find(image):
            yield row[:4].round().astype(int).tolist(), warp(image, self._matrix(row), size)

    def _find(self, image: np.ndarray) -> np.ndarray:
        """Boxes and five points (k, 14) in pixels of the photo."""
        longest = max(image.shape[:2])
        border = round(BORDER * longest) if longest <= SMALL else 0
        scale = ENLARGED / (longest + 2 * border) if border else min(1.0, SEARCHED / longest)
        framed = cv2.copyMakeBorder(image, *(border,) * 4, cv2.BORDER_CONSTANT)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(framed, None, fx=scale, fy=scale, interpolation=how)
        self._yunet.setInputSize(small.shape[1::-1])
        rows = self._yunet.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        rows = merged(np.zeros((0, 15)) if rows is None else rows.astype(np.float64))
        rows[:, :14] /= scale
        rows[:, [0, 1, *range(4, 14)]] -= border
        return rows[np.argsort(-rows[:, 2] * rows[:, 3]), :14]

    def _matrix(self, row: np.ndarray) -> np.ndarray:
        """From pixels of the photo to those of the crop: 2 x 3."""
        size = self.crop["size"]
        if self.crop["kind"] == "five_point":
            return similarity(row[4:14].reshape(5, 2), POINTS * (size / 112))
        x, y, width, height = row[:4]
        scale = size / (max(width, height) * (1 + self.crop["margin"]))
        shift = size / 2 - scale * (x + width / 2), size / 2 - scale * (y + height / 2)
        return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])

    def names(self, photo: Path, embed: Embed) -> list[tuple[list[int], str, float]]:
        """Box, name or `unknown`, and similarity, of each face of a photo."""
        image = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB)
        found = []
        for box, crop in self.faces(image):
            views = [crop, crop[:, ::-1]] if self.networks else [crop]
            embedding = unit(sum(unit(embed(view[None])[0]) for view in views))
            scores = self.similarities(embedding)
            best = int(scores.argmax())
            known = scores[best] >= self.threshold
            found.append((box, self.people[best] if known else "unknown", float(scores[best])))
        return found

    def similarities(self, embedding: np.ndarray) -> np.ndarray:
        """With every person (p,): of the embedding (d,), unit length, of a face and its mirror."""
        if not self.networks:
            return self.templates[0] @ embedding
        halves = embedding.reshape(self.networks, -1)  # what each network makes of the face
        count, width = halves.shape
        rows = self.comparison.reshape(-1, width)
        little = int(embedding @ rows[:count].ravel() + rows[count, 0] > 0)
        blocks = rows[count + 1 :].reshape(2, count, 2 * width + 1, width)[little]
        weighed = []
        for half, block in zip(halves, blocks, strict=True):
            centre, matrix, covariance = block[0], block[1 : width + 1], block[width + 1 :]
            x = unit((unit(half) - centre) @ matrix)
            weighed += [x, x / np.sqrt(max(x @ covariance @ x, 1e-6)), [1]]
        return np.clip(self.templates[little] @ np.concatenate(weighed), -1, 1)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def merged(rows: np.ndarray) -> np.ndarray:
    """Candidates (k, 15), averaged where they show one face: steadier than the best of them."""
    rows, faces = rows[np.argsort(-rows[:, 14])], []
    while len(rows):
        low = np.maximum(rows[:, :2], rows[0, :2])
        high = np.minimum(rows[:, :2] + rows[:, 2:4], rows[0, :2] + rows[0, 2:4])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        areas = np.prod(rows[:, 2:4], axis=1)
        overlap = common / np.maximum(areas + areas[0] - common, 1e-9)
        near = rows[overlap >= 0.5]
        faces.append(np.average(near, axis=0, weights=near[:, 14]) if len(near) else rows[0])
        rows = rows[1:][overlap[1:] < 0.3]
    return np.array(faces).reshape(-1, 15)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift, 2 x 3, that fits points (n, 2) best onto others."""
    x, y = source.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, right, down = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, right], [b, a, down]])


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The crop (size, size, 3) that a 2 x 3 matrix cuts out; large faces are averaged first."""
    scale = 2 * float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        shift = 0.5 / scale - 0.5
        matrix = matrix @ np.array([[1 / scale, 0, shift], [0, 1 / scale, shift], [0, 0, 1]])
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


def main(start: Callable[[Path], Embed] | None = None) -> None:
    """Print a line per face; start: from the export folder to what embeds crops (n, s, s, 3)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("export", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    if start is None:
        parser.add_argument("--crops", type=Path, required=True)
    given = parser.parse_args()
    export = Export(given.export)
    embed = start(given.export) if start else None
    for photo in given.photos:
        if embed:
            for box, name, similar in export.names(photo, embed):
                print(f"{photo}: {name} {similar:.2f} {box}")
            continue
        image = cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB)
        given.crops.mkdir(exist_ok=True)
        for i, (_, crop) in enumerate(export.faces(image)):
            place = given.crops / f"{photo.stem}-{i}.png"
            cv2.imwrite(str(place), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
