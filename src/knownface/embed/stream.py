"""The one loop over photos: sources become faces, crops and embeddings."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from knownface.embed.embedder import Embedder, Mirrored
from knownface.faces.crops import FaceCropper
from knownface.faces.face import PhotoFaces
from knownface.faces.photo import Source
from knownface.progress import Track, silent
from knownface.runtime.processors import processors

TOGETHER = 32  # faces of photos that are given together
HELD = 2**25  # bytes of pictures that wait for their embeddings, where pictures are asked for


@dataclass(frozen=True)
class EmbeddedPhoto:
    """One photo and the unit-length embeddings (k, d) of its k faces.

    single: those of the faces alone, without their mirror images, where they were asked for.
    """

    photo: PhotoFaces
    embeddings: np.ndarray = field(repr=False)
    single: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True)
class FacePipeline:
    """What turns photos into embeddings: how faces are found and cropped, and the network.

    mirrored: see `Embedder.embed`. padded: batches are filled up to the network's size of a batch,
    so that no embedding depends on how many others were computed with it, not even in its last bit.
    single: faces are embedded alone, too.
    """

    cropper: FaceCropper
    embedder: Embedder
    mirrored: Mirrored = False
    padded: bool = False
    single: bool = False

    @classmethod
    def of_people(
        cls, cropper: FaceCropper, embedder: Embedder, comparison: object | None
    ) -> FacePipeline:
        """As `train` sees people, and `check`, which is to say the same of them.

        comparison: what is known of how such embeddings are compared; where something is, photos
        are seen mirrored, too (docs/comparison.md).
        """
        return cls(cropper, embedder, mirrored=comparison is not None)

    def only_faces(self, mirrored: Mirrored) -> FacePipeline:
        """The same of photos that need not be known again: see `FaceCropper.only_faces`."""
        return replace(self, cropper=self.cropper.only_faces(), mirrored=mirrored)

    def embed_photos(
        self,
        sources: Sequence[Source],
        track: Track = silent,
        description: str = "Finding faces",
        together: int = TOGETHER,
        pixels: bool = False,
        threads: int | None = None,
    ) -> Iterator[EmbeddedPhoto]:
        """One `EmbeddedPhoto` per source, in order, in memory that does not grow with their number.

        Photos are read, and their faces found, a little ahead by so many threads, and faces are
        embedded across photos, `together` at once, by as many others, meanwhile; by default by one
        for each processor. One bad photo never stops the rest: see `FaceCropper.crop_photos`.
        pixels: each photo carries its picture. Closed early, by whatever ends the loop over it, it
        cancels what is waiting.
        """
        at_once = threads or processors()
        waiting: deque[Future[list[EmbeddedPhoto]]] = deque()
        pool = ThreadPoolExecutor(at_once)
        photos = self.cropper.crop_photos(sources, track, description, pixels, threads)
        try:
            for batch in _batches(photos, together):
                waiting.append(pool.submit(self._embedded, batch))
                if len(waiting) > at_once:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _embedded(self, photos: list[PhotoFaces]) -> list[EmbeddedPhoto]:
        crops = np.concatenate([photo.crops for photo in photos])
        count = len(crops)
        if self.padded:
            missing = -count % self.embedder.network.batch
            crops = np.concatenate([crops, np.repeat(crops[-1:], missing, axis=0)])
        ends = np.cumsum([len(photo.faces) for photo in photos])[:-1]
        ways = (self.mirrored, False) if self.single else (self.mirrored,)
        found = [np.split(self.embedder.embed(crops, mirrored=way)[:count], ends) for way in ways]
        return [EmbeddedPhoto(*each) for each in zip(photos, *found, strict=True)]


def _batches(photos: Iterable[PhotoFaces], together: int) -> Iterator[list[PhotoFaces]]:
    """The photos, as many as have so many faces, or half of them none, or as pictures are HELD."""
    batch: list[PhotoFaces] = []
    faces = held = 0
    for photo in photos:
        batch.append(photo)
        faces += len(photo.faces)
        held += 0 if photo.pixels is None else photo.pixels.nbytes
        if faces >= together or len(batch) >= 2 * together or held >= HELD:
            yield batch
            batch, faces, held = [], 0, 0
    if batch:
        yield batch
