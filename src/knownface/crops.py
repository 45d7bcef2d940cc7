"""From photo files to face crops: read, detect and align once, in parallel, and remember it."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from threading import local

import cv2
import numpy as np

from knownface.alignment import Crop, crop_face
from knownface.detection import Detector, Face, FacesMode, whole_image
from knownface.images import ImageError, Photo, read_bytes, read_photo
from knownface.progress import Track, silent
from knownface.weights import cache_folder
from knownface.whole_file import whole_file

log = logging.getLogger(__name__)

CACHE_VERSION = 2  # raise it whenever detection, alignment, fingerprints or the record change
CHECKSUM = 16  # bytes


@dataclass(frozen=True)
class PhotoFaces:
    """One photo and every face in it.

    crops: (k, size, size, 3) uint8, one per face.
    fingerprint: (32,) uint8, a 256-bit difference hash of the whole photo.
    size: width and height of the photo; None where it was not read.
    error: why the photo could not be read; then there are no faces.
    """

    path: Path
    faces: tuple[Face, ...]
    crops: np.ndarray
    digest: str = ""
    fingerprint: np.ndarray | None = None
    taken: float | None = None
    size: tuple[int, int] | None = None
    error: str | None = None

    def without_crops(self) -> PhotoFaces:
        """What is known besides, for memory.

        A copy throughout: a view would keep the crops, and small arrays that were made between a
        thread's pictures would keep holes where these were (15 kB a photo were measured).
        """
        return deepcopy(replace(self, crops=self.crops[:0]))


class FaceCropper:
    """Crops the faces of photos in the geometry of one backbone.

    detector: None stands for photos that are ready crops (`--faces cropped`).
    cache: remember crops under the cache folder, keyed by the file's content, so that a second
        run neither decodes nor detects; files there are readable by their owner only.
    """

    def __init__(self, crop: Crop, detector: Detector | None, cache: bool = False) -> None:
        self.crop = crop
        self.mode: FacesMode = "detect" if detector else "cropped"
        self._detector = detector
        self._thread = local()
        self._cache = CropCache(crop, detector.name if detector else "cropped") if cache else None

    def crop_photos(
        self, paths: Sequence[Path], track: Track = silent, description: str = "Finding faces"
    ) -> Iterator[PhotoFaces]:
        """One `PhotoFaces` per path, in order; a few photos are in flight at once, never all."""
        workers = os.cpu_count() or 1
        threads = cv2.getNumThreads()
        pool = ThreadPoolExecutor(workers)
        cv2.setNumThreads(1)  # the photos are the parallel work, not the pixels of one
        try:
            photos = _ordered(pool, self.crop_photo, paths, 4 * workers)
            yield from track(photos, description, len(paths))
        finally:
            pool.shutdown(cancel_futures=True)
            cv2.setNumThreads(threads)

    def crop_photo(self, path: Path) -> PhotoFaces:
        """Every face of one photo file; a photo that cannot be read carries its error."""
        try:
            data = read_bytes(path)
            digest = hashlib.blake2b(data, digest_size=16).hexdigest()
            if self._cache and (known := self._cache.load(digest)):
                return replace(known, path=path)
            photo = read_photo(data) if data else read_photo(path)
        except ImageError as error:
            text = str(error).replace("the image data", str(path), 1)
            return PhotoFaces(path, (), self._stack([]), error=text)
        found = self.crop_image(photo.pixels)
        result = self._described(path, photo, found)
        if self._cache:
            self._cache.save(result)
        return result

    def crop_image(self, image: np.ndarray) -> tuple[tuple[Face, ...], np.ndarray]:
        """Every face of an RGB uint8 image, and its crop: (k, size, size, 3)."""
        faces = tuple(self._find(image))
        return faces, self._stack([crop_face(image, face, self.crop) for face in faces])

    def _find(self, image: np.ndarray) -> list[Face]:
        if self._detector is None:
            return [whole_image(image)]
        if not hasattr(self._thread, "detector"):
            self._thread.detector = self._detector.clone()
        return list(self._thread.detector.find_faces(image))

    def _described(
        self, path: Path, photo: Photo, found: tuple[tuple[Face, ...], np.ndarray]
    ) -> PhotoFaces:
        faces, crops = found
        mark = fingerprint(photo.pixels)
        size = (photo.pixels.shape[1], photo.pixels.shape[0])
        return PhotoFaces(path, faces, crops, photo.digest, mark, photo.taken, size)

    def _stack(self, crops: list[np.ndarray]) -> np.ndarray:
        size = self.crop.size
        return np.stack(crops) if crops else np.zeros((0, size, size, 3), np.uint8)


def fingerprint(image: np.ndarray) -> np.ndarray:
    """256-bit difference hash (N. Krawetz's dHash at 16 x 16): (32,) uint8.

    Each bit says whether a pixel of the shrunk grey photo is brighter than its left neighbour,
    so that it survives re-compression, scaling and a change of brightness.
    """
    small = cv2.resize(image, (17, 16), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1])


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
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with whole_file(path) as part, open(part, "wb", opener=_private) as stream:
                stream.write(_checksum(record.data) + record.tobytes())
        except OSError as error:
            log.debug("crop cache: %s", error)


def _checksum(data: memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=CHECKSUM).digest()


def _private(path: str, flags: int) -> int:
    """Opened so that only its owner may read it."""
    return os.open(path, flags, 0o600)


def crops_folder() -> Path:
    """Where crops are remembered."""
    return cache_folder() / "crops"


def forget_crops(digests: Iterable[str]) -> int:
    """Delete every remembered crop of these photos; how many files went."""
    paths = [p for d in digests for p in (crops_folder() / d[:2]).glob(f"{d}-*")]
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _ordered(
    pool: ThreadPoolExecutor,
    work: Callable[[Path], PhotoFaces],
    items: Sequence[Path],
    ahead: int,
) -> Iterator[PhotoFaces]:
    """`map` with bounded look-ahead, so that memory does not grow with the number of photos."""
    waiting: deque[Future[PhotoFaces]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
