"""Crops by the content of their photo, so that a second run neither decodes nor detects."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np

from knownface.faces.face import Crop, Face, PhotoFaces
from knownface.files.cache import cache_folder
from knownface.files.whole import whole_file

log = logging.getLogger(__name__)

CACHE_VERSION = 10  # raise it whenever detection, alignment, fingerprints or the record change
CHECKSUM = 16  # bytes


class CropCache:
    """Crops by file content, one small file each: written whole or not at all.

    A file is a checksum and one record of what `PhotoFaces` has; its length says how many faces.
    It is read and written several times as fast as an archive of arrays.
    """

    def __init__(self, crop: Crop, detector: str) -> None:
        self._folder = crops_folder()
        self._size = crop.size
        recipe = f"{CACHE_VERSION} {detector} {crop}".encode()
        self._recipe = hashlib.blake2b(recipe, digest_size=6).hexdigest()

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / f"{digest}-{self._recipe}"

    def _record(self, faces: int) -> np.dtype[np.void]:
        return np.dtype(
            [
                ("boxes", "<f4", (faces, 4)),
                ("landmarks", "<f4", (faces, 5, 2)),
                ("scores", "<f4", (faces,)),
                ("crops", "u1", (faces, self._size, self._size, 3)),
                ("fingerprint", "u1", (32,)),
                ("taken", "<f8"),  # NaN where nobody knows
                ("size", "<i4", (2,)),
            ]
        )

    def load(self, digest: str) -> PhotoFaces | None:
        try:
            data = bytearray(self._path(digest).read_bytes())
        except OSError:
            return None
        body = memoryview(data)[CHECKSUM:]
        if _checksum(body) != data[:CHECKSUM]:
            return None
        bare, one = (self._record(faces).itemsize for faces in (0, 1))
        kind = self._record((len(body) - bare) // (one - bare))
        boxes, landmarks, scores, crops, mark, taken, size = np.frombuffer(body, kind)[0].item()
        faces = tuple(
            Face(tuple(box), points, score)
            for box, points, score in zip(boxes.tolist(), landmarks, scores.tolist(), strict=True)
        )
        moment = None if np.isnan(taken) else taken
        return PhotoFaces(Path(), faces, crops, digest, mark, moment, tuple(size.tolist()))

    def save(self, photo: PhotoFaces) -> None:
        """Best effort: a full or read-only cache only costs the next run its time."""
        assert photo.fingerprint is not None
        assert photo.size is not None
        path, faces = self._path(photo.digest), photo.faces
        record = np.zeros((), self._record(len(faces)))
        record["boxes"] = np.reshape([face.box for face in faces], (-1, 4))
        record["landmarks"] = np.reshape([face.landmarks for face in faces], (-1, 5, 2))
        record["scores"] = [face.score for face in faces]
        record["crops"] = photo.crops
        record["fingerprint"] = photo.fingerprint
        record["taken"] = np.nan if photo.taken is None else photo.taken
        record["size"] = photo.size
        try:
            with whole_file(path) as part:
                part.write_bytes(_checksum(record.data) + record.tobytes())
        except OSError as error:
            log.debug("crop cache: %s", error)


def _checksum(data: memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=CHECKSUM).digest()


def crops_folder() -> Path:
    """Where crops are remembered."""
    return cache_folder() / "crops"
