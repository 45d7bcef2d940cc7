"""One face per photo: the photos of a folder of people, read, cropped, embedded, and chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.embed.embedder import Embedder
from knownface.embed.stream import FacePipeline
from knownface.embed.views import small_views
from knownface.faces.face import PhotoFaces
from knownface.files.rows import DiskRows, Rows
from knownface.progress import Track, silent
from knownface.stats.vectors import mean_templates

# Of several faces, the best one is used if it is at least this share of the person's usual
# similarity with themselves; strangers reach about a third of it.
AGREES = 0.5


@dataclass(frozen=True)
class Note:
    """A photo that was left out, or used with a reservation; `kind` is one of `check`'s kinds."""

    photo: str
    person: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Faces:
    """n crops (n, size, size, 3) uint8 and their embeddings (n, d), indexed like an array.

    small: (n, d), see `embed/views.py`, where they are needed.
    """

    crops: Rows = field(repr=False)
    embeddings: np.ndarray = field(repr=False)
    small: np.ndarray | None = field(repr=False, default=None)

    def __len__(self) -> int:
        return len(self.embeddings)

    def __getitem__(self, rows: np.ndarray | slice) -> Faces:
        small = None if self.small is None else self.small[rows]
        return Faces(self.crops[rows], self.embeddings[rows], small)


@dataclass(frozen=True)
class Portraits:
    """n photos with one face each.

    labels: (n,) index into `people`; photos: paths relative to the folder.
    crops: (n, size, size, 3) uint8, on disk; embeddings: (n, d) unit length.
    fingerprints: (n, 32) uint8; taken: capture times or None.
    boxes: (n, 6) x, y, width and height of the face, then the photo's width and height.
    small: see `Faces`.
    """

    root: Path
    people: tuple[str, ...]
    labels: np.ndarray
    photos: tuple[str, ...]
    crops: Rows
    embeddings: np.ndarray
    digests: tuple[str, ...]
    fingerprints: np.ndarray
    taken: tuple[float | None, ...]
    notes: tuple[Note, ...]
    boxes: np.ndarray
    small: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"Portraits({len(self.people)} people, {len(self)} photos)"

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, rows: np.ndarray) -> Portraits:
        """The same people, only these rows; notes stay with the whole."""
        return replace(
            self,
            labels=self.labels[rows],
            photos=tuple(self.photos[i] for i in rows),
            crops=self.crops[rows],
            embeddings=self.embeddings[rows],
            digests=tuple(self.digests[i] for i in rows),
            fingerprints=self.fingerprints[rows],
            taken=tuple(self.taken[i] for i in rows),
            boxes=self.boxes[rows],
            small=None if self.small is None else self.small[rows],
        )

    @property
    def faces(self) -> Faces:
        return Faces(self.crops, self.embeddings, self.small)

    def embedded_by(
        self, embedder: Embedder, track: Track = silent, mirrored: bool = False
    ) -> Portraits:
        """The same portraits seen by another network of the same crop geometry.

        mirrored: see `Embedder.embed`.
        """
        what = f"Embedding {self.root.name}"
        embeddings = embedder.embed(self.crops, track, what, mirrored)
        return replace(self, embeddings=embeddings, small=None)

    def with_small(self, embedder: Embedder, track: Track = silent) -> Portraits:
        """The same, also as they look with fewer pixels."""
        return replace(self, small=small_views(embedder, self.crops, self.embeddings, track))


@dataclass(frozen=True)
class FolderFaces:
    """All f faces in the n photos of a folder of people, and which of them are used.

    photos: n, without their crops. owner: (f,) the photo of each face, in order.
    crops: (f, size, size, 3) uint8, on disk; embeddings: (f, d) unit length.
    chosen: rows of the faces that are used, one per photo at most; notes: what was left out, why.
    """

    dataset: FaceDataset
    photos: tuple[PhotoFaces, ...]
    owner: np.ndarray
    crops: Rows
    embeddings: np.ndarray
    chosen: np.ndarray
    notes: tuple[Note, ...]

    @property
    def portraits(self) -> Portraits:
        """The faces that are used."""
        rows = self.owner[self.chosen]
        return Portraits(
            root=self.dataset.root,
            people=self.dataset.people,
            labels=self.dataset.labels[rows],
            photos=tuple(self.dataset.names[i] for i in rows),
            crops=self.crops[self.chosen],
            embeddings=self.embeddings[self.chosen],
            digests=tuple(self.photos[i].digest for i in rows),
            fingerprints=self.fingerprints(rows),
            taken=tuple(self.photos[i].taken for i in rows),
            notes=self.notes,
            boxes=self.boxes()[self.chosen],
        )

    def boxes(self) -> np.ndarray:
        """(f, 6): of each face, then its photo's width and height."""
        rows = [
            [*face.box, *(photo.size or (0, 0))] for photo in self.photos for face in photo.faces
        ]
        return np.array(rows, np.float32).reshape(-1, 6)

    def fingerprints(self, photos: np.ndarray) -> np.ndarray:
        """Of photos that were read, by their indices (k,): (k, 32) uint8."""
        return np.array([self.photos[i].fingerprint for i in photos], np.uint8).reshape(-1, 32)


def expect_faces(pipeline: FacePipeline, *datasets: FaceDataset | None) -> None:
    """KnownfaceError, before any photo is read, where faces of one were found in another way."""
    for each in datasets:
        if each and each.found:
            pipeline.cropper.knowing(each.found)


def collect_portraits(
    dataset: FaceDataset, pipeline: FacePipeline, track: Track = silent
) -> Portraits:
    """Read the photos of a folder of people and keep one face per photo; see `read_faces`."""
    return read_faces(dataset, pipeline, track).portraits


def read_faces(dataset: FaceDataset, pipeline: FacePipeline, track: Track = silent) -> FolderFaces:
    """Read every photo once; a few kB of each stay in memory, whatever its size.

    A photo with several faces uses the one that agrees with the person's other photos.
    Raises KnownfaceError where faces that are known already were found in another way.
    """
    description = f"Finding faces in {dataset.root.name}"
    if dataset.found:
        description = f"Reading faces of {dataset.root.name}"
        pipeline = replace(pipeline, cropper=pipeline.cropper.knowing(dataset.found))
    photos: list[PhotoFaces] = []
    crops = DiskRows((pipeline.cropper.crop.size,) * 2 + (3,))
    parts: list[np.ndarray] = []
    for each in pipeline.embed_photos(dataset.paths, track, description):
        photos.append(each.photo.without_crops())
        crops.append(each.photo.crops)
        parts.append(each.embeddings)
    owner = np.repeat(np.arange(len(photos)), [len(photo.faces) for photo in photos])
    embeddings = np.concatenate(parts)
    chosen, notes = choose_faces(dataset, photos, owner, embeddings)
    return FolderFaces(dataset, tuple(photos), owner, crops, embeddings, chosen, tuple(notes))


def choose_faces(
    dataset: FaceDataset, photos: Sequence[PhotoFaces], owner: np.ndarray, embeddings: np.ndarray
) -> tuple[np.ndarray, list[Note]]:
    """The row of `embeddings` to use for each photo that has a face, and the notes.

    owner: (f,) the photo of each row of `embeddings` (f, d), which hold every face in order.
    """
    references = _references(dataset, photos, owner, embeddings)
    similarity = np.sum(embeddings * references[dataset.labels[owner]], axis=1)
    typical = _typical(dataset, owner, similarity)
    ends = np.cumsum([len(photo.faces) for photo in photos])
    chosen: list[int] = []
    notes: list[Note] = []
    for index, (photo, end) in enumerate(zip(photos, ends.tolist(), strict=True)):
        person = int(dataset.labels[index])
        rows = np.arange(end - len(photo.faces), end)
        kind, detail = "", ""
        if photo.error:
            kind, detail = "unreadable", photo.error.removeprefix(f"{photo.path}: ")
        elif not len(rows):
            kind, detail = "no_face", "no face found; crop closer or remove it"
        elif len(rows) == 1:
            chosen.append(int(rows[0]))
        else:
            best = int(rows[similarity[rows].argmax()])
            agrees = similarity[best] >= AGREES * typical[person]
            kind = "several_faces"
            detail = f"{len(rows)} faces; " + (
                "used the one that agrees with the person's other photos"
                if agrees
                else "left out, because none agrees with the person's other photos"
            )
            detail += f" (similarity {similarity[best]:.2f})"
            chosen += [best] if agrees else []
        if kind:
            notes.append(Note(dataset.names[index], dataset.people[person], kind, detail))
    return np.array(chosen, np.int64), notes


def _typical(dataset: FaceDataset, owner: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Each person's median similarity with their own reference, over one-face photos: (p,).

    Zero, which asks for little, where there are no such photos.
    """
    alone = np.bincount(owner, minlength=len(dataset.paths))[owner] == 1
    labels = dataset.labels[owner]
    rows = (similarity[alone & (labels == person)] for person in range(len(dataset.people)))
    return np.array([np.median(own) if len(own) else 0.0 for own in rows])


def _references(
    dataset: FaceDataset, photos: Sequence[PhotoFaces], owner: np.ndarray, embeddings: np.ndarray
) -> np.ndarray:
    """What each person looks like (p, d): the mean over one-face photos, else of the largest."""
    counts = np.array([len(photo.faces) for photo in photos])
    largest = np.flatnonzero(np.diff(owner, prepend=-1) > 0)  # faces come largest first
    single = largest[counts[owner[largest]] == 1]
    labels = dataset.labels[owner]
    served = np.isin(labels[largest], labels[single])
    rows = np.concatenate([single, largest[~served]])
    references = np.zeros((len(dataset.people), embeddings.shape[1]), np.float32)
    present, index = np.unique(labels[rows], return_inverse=True)
    if len(present):
        references[present] = mean_templates(embeddings[rows], index, len(present))
    return references
