"""From photo files to face crops: read, detect and align once, in parallel, and remember it."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import local

import cv2
import numpy as np

from knownface.faces.align import crop_face
from knownface.faces.crop_cache import CropCache
from knownface.faces.face import Crop, Detector, Face, PhotoFaces, whole_image
from knownface.faces.fingerprint import fingerprint
from knownface.faces.photo import ImageError, Photo, read_bytes, read_photo
from knownface.options import FacesMode
from knownface.progress import Track, silent

log = logging.getLogger(__name__)


class FaceCropper:
    """Crops the faces of photos in the geometry of one backbone.

    detector: None stands for photos that are ready crops (`faces='cropped'`).
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
