"""Everything that is measured on a folder of people: faces, embeddings, quality, copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.dataset.portraits import FolderFaces, Note, Portraits, read_faces
from knownface.dataset.split import bursts
from knownface.diagnosis.agreement import Agreement, measure_agreement
from knownface.diagnosis.copies import Copies, first_of_each
from knownface.diagnosis.filing import Filing
from knownface.embed.stream import FacePipeline
from knownface.faces.face import PhotoFaces
from knownface.faces.fingerprint import PORTRAIT, find_copies, small_portrait
from knownface.faces.quality import Quality, measure_quality
from knownface.files.rows import DiskRows
from knownface.progress import Track, silent


@dataclass(frozen=True)
class Examination:
    """n photos of a folder of people, of which m have a face; what `check` and training go by.

    seen: (m,) photo indices; `rows`, `used`, `qualities` and `agreement` have one entry each.
    rows: of their faces in `faces`. used: bool, whether training would use the photo. Of several
        faces none of which agrees with the person, the largest is examined all the same: it may
        be somebody else's photo.
    """

    faces: FolderFaces
    seen: np.ndarray
    rows: np.ndarray
    used: np.ndarray
    qualities: tuple[Quality, ...]
    agreement: Agreement
    copies: Copies

    @property
    def dataset(self) -> FaceDataset:
        return self.faces.dataset

    @property
    def photos(self) -> tuple[PhotoFaces, ...]:
        """All n, without their crops, which would fill the memory."""
        return self.faces.photos

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was unreadable, without a face, or with several."""
        return self.faces.notes

    @property
    def portraits(self) -> Portraits:
        """The photos that training would use; `usable` says which those are."""
        return self.faces.portraits

    @property
    def usable(self) -> np.ndarray:
        """Photo indices of `portraits`."""
        return np.asarray(self.seen[self.used])

    @cached_property
    def quality_of(self) -> dict[int, Quality]:
        """By photo index."""
        return dict(zip(self.seen.tolist(), self.qualities, strict=True))

    @cached_property
    def bursts(self) -> list[tuple[int, int]]:
        """Pairs of photos of one session."""
        labels = self.dataset.labels[self.seen]
        taken = [self.photos[i].taken for i in self.seen]
        pairs = bursts(labels, taken, self.faces.embeddings[self.rows], self.agreement.one_session)
        return [(int(self.seen[a]), int(self.seen[b])) for a, b in pairs]

    @property
    def filing(self) -> Filing:
        """Which photos and folders contradict each other."""
        dataset = self.dataset
        return Filing(dataset.people, dataset.names, dataset.labels, self.seen, self.agreement)


def examine(dataset: FaceDataset, pipeline: FacePipeline, track: Track = silent) -> Examination:
    """Read every photo once; a few kB of each stay in memory, whatever its size."""
    faces = read_faces(dataset, pipeline, track)
    owner = faces.owner
    largest = np.flatnonzero(np.diff(owner, prepend=-1) > 0)  # faces come largest first
    doubtful = largest[~np.isin(owner[largest], owner[faces.chosen])]
    rows = np.sort(np.append(faces.chosen, doubtful))
    seen = owner[rows]
    qualities: list[Quality] = []
    portraits = DiskRows((PORTRAIT, PORTRAIT))
    every_face = [face for photo in faces.photos for face in photo.faces]
    for row in rows.tolist():
        crop = faces.crops[row]
        qualities.append(measure_quality(crop, every_face[row], pipeline.cropper.crop))
        portraits.append(small_portrait(crop)[None])
    vectors = faces.embeddings[rows]
    agreement = measure_agreement(vectors, dataset.labels[seen], len(dataset.people))
    same = first_of_each(_marks(faces.photos, seen))
    firsts = np.flatnonzero(same[seen] == seen)  # of each look, by row
    marks = faces.fingerprints(seen[firsts])
    found = find_copies(marks, portraits[firsts], vectors[firsts], agreement.alike)
    index = seen[firsts].tolist()
    alike = {(index[a], index[b]): mirrored for (a, b), mirrored in found.items()}
    used = np.isin(rows, faces.chosen)
    copies = Copies(same, alike)
    return Examination(faces, seen, rows, used, tuple(qualities), agreement, copies)


def _marks(photos: Sequence[PhotoFaces], seen: np.ndarray) -> list[tuple[str, bytes | int]]:
    """What makes photos the same: without a face only their bytes, as blank ones look alike.

    A photo that could not be read is the same as no other.
    """
    marks: list[tuple[str, bytes | int]] = [
        (photo.digest, b"" if photo.digest else i) for i, photo in enumerate(photos)
    ]
    for i in seen.tolist():
        mark = photos[i].fingerprint
        assert mark is not None
        marks[i] = ("", mark.tobytes())
    return marks
