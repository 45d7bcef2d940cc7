"""Recognising in such a way that each face can be enrolled or corrected afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from knownface.embed.embedder import Embedder
from knownface.embed.stream import EmbeddedPhoto, FacePipeline
from knownface.embed.views import small_views
from knownface.faces.crops import NOWHERE
from knownface.faces.face import Crop
from knownface.faces.photo import Source
from knownface.faces.portrait import (
    PORTRAIT,
    crop_of_portrait,
    encode,
    frame_in_portrait,
)
from knownface.faces.quality import measure_quality, score
from knownface.progress import Track
from knownface.recognition.living.records import SeenFace


def seen_photos(
    pipeline: FacePipeline, sources: Sequence[Source], track: Track
) -> Iterator[tuple[EmbeddedPhoto, tuple[SeenFace, ...]]]:
    """Each photo, in order, and all that is to be known of its faces."""
    cropper = pipeline.cropper.with_portraits(PORTRAIT)
    for each in replace(pipeline, cropper=cropper).embed_photos(sources, track):
        yield each, seen_faces(each, cropper.crop)


def seen_faces(each: EmbeddedPhoto, crop: Crop) -> tuple[SeenFace, ...]:
    """The faces of a photo whose portraits were asked for."""
    photo = each.photo
    if photo.portraits is None or not photo.faces:
        return ()
    rows = zip(photo.faces, photo.crops, photo.portraits, each.embeddings, strict=True)
    return tuple(
        SeenFace(
            np.array(embedding, np.float32),
            face.box,
            photo.size or (0, 0),
            score(measure_quality(pixels, face, crop)),
            str(photo.path) if photo.path != NOWHERE else "a photo that was given",
            photo.digest,
            encode(portrait),
            frame_in_portrait(face),
            face.score,
            face.landmarks,
            photo.taken,
        )
        for face, pixels, portrait, embedding in rows
    )


def embed_portraits(
    embedder: Embedder,
    crop: Crop,
    portraits: Sequence[bytes],
    frames: np.ndarray,
    mirrored: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Embeddings (k, d) of kept faces, and, where they are seen mirrored, too, with fewer pixels.

    frames: (k, 14), see `faces/portrait.py`.
    """
    pairs = zip(portraits, frames, strict=True)
    crops = np.stack([crop_of_portrait(*each, crop) for each in pairs])
    embeddings = embedder.embed(crops, mirrored=mirrored)
    return embeddings, small_views(embedder, crops, embeddings) if mirrored else None


def with_small(faces: Sequence[SeenFace], embedder: Embedder, crop: Crop) -> Sequence[SeenFace]:
    """The faces, those whose portrait was kept also with fewer pixels."""
    kept = [row for row, face in enumerate(faces) if face.portrait and face.frame is not None]
    if not kept:
        return faces
    frames = np.stack([np.asarray(faces[row].frame) for row in kept])
    portraits = [faces[row].portrait for row in kept]
    views = embed_portraits(embedder, crop, portraits, frames, mirrored=True)[1]
    assert views is not None
    small = dict(zip(kept, views, strict=True))
    return [replace(face, small=small.get(row)) for row, face in enumerate(faces)]
