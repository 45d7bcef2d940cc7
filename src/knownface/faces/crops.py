"""From photo files to face crops: read, detect and align once, in parallel, and remember it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.align import crop_face
from knownface.faces.crop_cache import CropCache
from knownface.faces.detectors import load_detector
from knownface.faces.face import Crop, Detector, Face, FoundFaces, PhotoFaces, whole_image
from knownface.faces.fingerprint import fingerprint
from knownface.faces.photo import (
    ImageError,
    Photo,
    Source,
    open_photo,
    path_of,
    read_bytes,
)
from knownface.faces.picture import Picture
from knownface.options import FacesMode, argument
from knownface.progress import Track, silent
from knownface.runtime.memory import photo_memory
from knownface.runtime.processors import processors
from knownface.runtime.threads import native_work, one_thread

log = logging.getLogger(__name__)

# Reading threads besides one for each processor: another one waits for the disk or the interpreter.
# On two processors that takes a tenth off the clock, and no processor time more.
SPARE = 1
MARKED = 128  # longest side of what fingerprints are taken of
AHEAD = 4  # pictures that wait to be taken
NOWHERE = Path()  # of a photo that is no file


class FaceCropper:
    """Crops the faces of photos in the geometry of one backbone; safe from many threads.

    detector: None stands for photos that are ready crops (`faces='cropped'`).
    cache: remember crops under the cache folder, keyed by the file's content, so that a second
        run neither decodes nor detects; files there are readable by their owner only.
    portrait: crop each face in this geometry too, which the cache does not have.
    """

    def __init__(
        self,
        crop: Crop,
        detector: Detector | None,
        cache: bool = False,
        portrait: Crop | None = None,
    ) -> None:
        self.crop, self.portrait = crop, portrait
        self.mode: FacesMode = "detect" if detector else "cropped"
        self._detector = detector
        self._cache = CropCache(crop, detector.name if detector else "cropped") if cache else None
        self._found: Mapping[str, tuple[Face, ...]] = {}
        self._described = True

    def __repr__(self) -> str:
        return f"FaceCropper({self.crop}, {self.detector or self.mode})"

    def with_portraits(self, portrait: Crop) -> FaceCropper:
        """One that finds the same faces, and crops each in another geometry too."""
        return FaceCropper(self.crop, self._detector, portrait=portrait)

    def only_faces(self) -> FaceCropper:
        """One that says nothing of a photo by which it is known again: digest and fingerprint."""
        cropper = copy(self)
        cropper._described = False
        return cropper

    def knowing(self, found: FoundFaces) -> FaceCropper:
        """One that looks only for faces that were not found before, and cuts all of them out.

        Raises KnownfaceError where it would have found them in another way.
        """
        if found.detector != self.detector:
            before, now = (each or "ready crops" for each in (found.detector, self.detector))
            raise KnownfaceError(
                f"{found.where}: its faces come from {before}, and here they would from {now}; see "
                f"{argument('faces')}, or make the index anew"
            )
        cropper = copy(self)
        cropper._found = found.photos
        return cropper

    @property
    def detector(self) -> str | None:
        """The detector's name, if there is one."""
        return self._detector.name if self._detector else None

    @property
    def detector_file(self) -> Path | None:
        """What the detector runs on, where that is a file of its own."""
        return self._detector.file if self._detector else None

    def crop_photos(
        self,
        sources: Sequence[Source],
        track: Track = silent,
        description: str = "Finding faces",
        pixels: bool = False,
        threads: int | None = None,
    ) -> Iterator[PhotoFaces]:
        """One `PhotoFaces` per source, in order; a few photos are in flight at once, never all.

        Whatever goes wrong with one photo is its error, and the rest goes on; only what concerns
        all of them, such as a detector's file that is gone, ends it (KnownfaceError).
        pixels: each photo carries its picture. threads: that read, by default one more than there
        are processors. Closing it early cancels what is waiting.
        """
        workers = threads or processors() + SPARE
        ahead = min(workers, AHEAD) if pixels else 4 * workers  # pictures are large, crops are not
        pool = ThreadPoolExecutor(workers)
        with one_thread():
            try:
                work = partial(self._crop_safely, pixels=pixels)
                yield from track(_ordered(pool, work, sources, ahead), description, len(sources))
            finally:
                pool.shutdown(cancel_futures=True)

    def crop_photo(self, source: Source, pixels: bool = False) -> PhotoFaces:
        """Every face of one photo; one that cannot be read carries its error.

        source: as in `open_photo`; pixels: keep the picture too, which the cache does not have.
        """
        path = _path(source)
        try:
            data = read_bytes(path) if path != NOWHERE else source
            photo = open_photo(data)
            cache = self._cache if photo.data and not pixels else None
            if cache and (known := cache.load(photo.digest)):
                return replace(known, path=path)
            with photo_memory(photo.picture.memory):
                faces = self._found.get(photo.digest) if self._found else None
                result = self._said(path, photo, *self.crop_picture(photo.picture, faces))
                if self.portrait:
                    more = [crop_face(photo.picture, face, self.portrait) for face in result.faces]
                    result = replace(result, portraits=_stacked(more, self.portrait))
                whole = photo.picture.whole() if pixels else None
        except ImageError as error:
            text = str(error) if path == NOWHERE else _about(path, error)
            return PhotoFaces(path, (), _stacked([], self.crop), error=text)
        if self._cache and self._described and photo.digest:
            self._cache.save(result)
        return replace(result, pixels=whole)

    def _crop_safely(self, source: Source, pixels: bool) -> PhotoFaces:
        try:
            return self.crop_photo(source, pixels)
        except KnownfaceError:
            raise
        except Exception as error:
            log.debug("a photo that failed", exc_info=True)
            path, what = _path(source), f"{type(error).__name__}: {error}".split("\n")[0]
            name = "the image data" if path == NOWHERE else path
            text = f"{name}: a fault in knownface ({what}); leave it out, and please report it"
            return PhotoFaces(path, (), _stacked([], self.crop), error=text)

    def crop_picture(
        self, picture: Picture, known: tuple[Face, ...] | None = None
    ) -> tuple[tuple[Face, ...], np.ndarray]:
        """Every face of a photo, and its crop: (k, size, size, 3). Raises ImageError.

        known: its faces, where they need not be looked for.
        """
        picture.start()
        with native_work():
            found = self._faces_of(picture) if known is None else known
            crops = [crop_face(picture, face, self.crop) for face in found]
            return found, _stacked(crops, self.crop)

    def _faces_of(self, picture: Picture) -> tuple[Face, ...]:
        if self._detector is None:
            return (whole_image(picture),)
        return tuple(self._detector.find_faces(picture))

    def _said(
        self, path: Path, photo: Photo, faces: tuple[Face, ...], crops: np.ndarray
    ) -> PhotoFaces:
        picture, digest, mark = photo.picture, "", None
        if self._described:
            scale = min(1.0, MARKED / max(picture.width, picture.height))
            digest, mark = photo.digest, fingerprint(picture.reduced(scale))
        size = (picture.width, picture.height)
        return PhotoFaces(path, faces, crops, digest, mark, photo.taken, size)


def _stacked(crops: list[np.ndarray], crop: Crop) -> np.ndarray:
    return np.stack(crops) if crops else np.zeros((0, crop.size, crop.size, 3), np.uint8)


def load_cropper(
    crop: Crop,
    faces: FacesMode,
    track: Track = silent,
    cache: bool = False,
    detector: str | None = None,
    detector_file: Path | None = None,
) -> FaceCropper:
    """What crops faces in a geometry, with the detector of that name, or the best one there is.

    detector_file: of that detector, where it need not be found or fetched.
    """
    found = load_detector(track, detector, detector_file) if faces == "detect" else None
    return FaceCropper(crop, found, cache)


def _path(source: Source) -> Path:
    return path_of(source) or NOWHERE


def _about(path: Path, error: ImageError) -> str:
    return str(error).replace("the image data", str(path), 1)


def _ordered(
    pool: ThreadPoolExecutor,
    work: Callable[[Source], PhotoFaces],
    items: Sequence[Source],
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
