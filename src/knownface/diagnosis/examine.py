"""Everything that is measured on a folder of people: faces, embeddings, quality, copies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.dataset.portraits import Note, choose_faces
from knownface.diagnosis.agreement import Agreement, measure_agreement
from knownface.diagnosis.filing import Filing
from knownface.diagnosis.quality import Quality, measure_quality
from knownface.embed.stream import FacePipeline
from knownface.faces.face import PhotoFaces
from knownface.faces.fingerprint import PORTRAIT, find_copies, small_portrait
from knownface.files.rows import DiskRows
from knownface.progress import Track, silent


@dataclass(frozen=True)
class Examination:
    """n photos, of which m have a face.

    photos: n, without their crops, which would fill the memory.
    notes: what was unreadable, without a face, or with several.
    seen: (m,) photo indices; qualities and `agreement` have one entry for each of them.
    used: (m,) bool, whether training would use the photo. Of several faces none of which agrees
        with the person, the largest is examined all the same: it may be somebody else's photo.
    copies: pairs of photo indices that show one picture.
    """

    dataset: FaceDataset
    photos: tuple[PhotoFaces, ...]
    notes: tuple[Note, ...]
    seen: np.ndarray
    used: np.ndarray
    qualities: tuple[Quality, ...]
    agreement: Agreement
    copies: tuple[tuple[int, int], ...]

    @property
    def filing(self) -> Filing:
        """Which photos and folders contradict each other."""
        dataset = self.dataset
        return Filing(dataset.people, dataset.names, dataset.labels, self.seen, self.agreement)


def examine(dataset: FaceDataset, pipeline: FacePipeline, track: Track = silent) -> Examination:
    """Read every photo once; a few kB of each stay in memory, whatever its size."""
    photos: list[PhotoFaces] = []
    qualities: list[Quality] = []
    portraits = DiskRows((PORTRAIT, PORTRAIT))
    embeddings: list[np.ndarray] = []
    description = f"Finding faces in {dataset.root.name}"
    for each in pipeline.embed_photos(dataset.paths, track, description):
        embeddings.append(each.embeddings)
        for crop, face in zip(each.photo.crops, each.photo.faces, strict=True):
            qualities.append(measure_quality(crop, face, pipeline.cropper.crop))
            portraits.append(small_portrait(crop)[None])
        photos.append(each.photo.without_crops())
    owner = np.repeat(np.arange(len(photos)), [len(photo.faces) for photo in photos])
    vectors = np.concatenate(embeddings)
    trusted, notes = choose_faces(dataset, photos, owner, vectors)
    largest = np.flatnonzero(np.diff(owner, prepend=-1) > 0)  # faces come largest first
    doubtful = largest[~np.isin(owner[largest], owner[trusted])]
    chosen = np.sort(np.append(trusted, doubtful))
    seen, vectors = owner[chosen], vectors[chosen]
    agreement = measure_agreement(vectors, dataset.labels[seen], len(dataset.people))
    marks = np.array([photos[i].fingerprint for i in seen], np.uint8).reshape(-1, 32)
    found = find_copies(marks, portraits[chosen], vectors, agreement.alike)
    pairs = {(int(seen[a]), int(seen[b])) for a, b in found} | set(_same_bytes(photos))
    return Examination(
        dataset,
        tuple(photos),
        tuple(notes),
        seen,
        np.isin(chosen, trusted),
        tuple(qualities[i] for i in chosen),
        agreement,
        tuple(sorted(pairs)),
    )


def _same_bytes(photos: Iterable[PhotoFaces]) -> Iterator[tuple[int, int]]:
    """Pairs of identical files, among photos without a face too."""
    places: dict[str, list[int]] = defaultdict(list)
    for index, photo in enumerate(photos):
        if photo.digest:
            places[photo.digest].append(index)
    for group in places.values():
        yield from combinations(group, 2)
