"""The one loop over photos: sources become faces, crops and embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from knownface.embed.embedder import Embedder
from knownface.faces.crops import FaceCropper
from knownface.faces.face import PhotoFaces
from knownface.faces.photo import Source
from knownface.progress import Track, silent

# Faces embedded at once, 10 MB of crops: the readers stand still meanwhile, instead of fighting
# the network for the cores (check took 1.08 to 1.44 times the reading, and with 32 1.45 to 1.77).
TOGETHER = 256
HELD = 2**26  # bytes of pictures that wait for their embeddings, where pictures are asked for


@dataclass(frozen=True)
class EmbeddedPhoto:
    """One photo and the unit-length embeddings (k, d) of its k faces."""

    photo: PhotoFaces
    embeddings: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class FacePipeline:
    """What turns photos into embeddings: how faces are found and cropped, and the network."""

    cropper: FaceCropper
    embedder: Embedder

    def embed_photos(
        self,
        sources: Sequence[Source],
        track: Track = silent,
        description: str = "Finding faces",
        together: int = TOGETHER,
        pixels: bool = False,
    ) -> Iterator[EmbeddedPhoto]:
        """One `EmbeddedPhoto` per source, in order, in memory that does not grow with their number.

        Reading is done by several threads, a little ahead; faces are embedded across photos as
        soon as there are `together` of them. One bad photo never stops the rest: see
        `FaceCropper.crop_photos`. pixels: each photo carries its picture.
        Closed early, by whatever ends the loop over it, it cancels what is waiting.
        """
        waiting: list[PhotoFaces] = []
        faces = held = 0
        for photo in self.cropper.crop_photos(sources, track, description, pixels):
            waiting.append(photo)
            faces += len(photo.faces)
            held += 0 if photo.pixels is None else photo.pixels.nbytes
            if faces >= together or len(waiting) >= 2 * together or held >= HELD:
                yield from self._embedded(waiting)
                waiting, faces, held = [], 0, 0
        yield from self._embedded(waiting)

    def _embedded(self, photos: list[PhotoFaces]) -> Iterator[EmbeddedPhoto]:
        if not photos:
            return
        embeddings = self.embedder.embed(np.concatenate([photo.crops for photo in photos]))
        ends = np.cumsum([len(photo.faces) for photo in photos])
        for photo, rows in zip(photos, np.split(embeddings, ends[:-1]), strict=True):
            yield EmbeddedPhoto(photo, rows)
