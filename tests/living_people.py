"""A living gallery of made-up faces, without a network: a folder with a record and a gallery."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from knownface.faces.face import Crop
from knownface.files.committed import changed_folder
from knownface.recognition.about import About
from knownface.recognition.artifact import GALLERY, RECORD
from knownface.recognition.gallery import Gallery
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import SeenFace
from knownface.recognition.living.regrouping import Pile, gather, regroup
from knownface.recognition.living.writing import Kept, write_gallery
from knownface.recognition.record import Artifact, Decision
from knownface.recognition.threshold import Threshold

WIDTH, THRESHOLD = 32, 0.5
BOX = (10.0, 20.0, 100.0, 120.0)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


class Cast:
    """People who are directions: `face(person, number)` is always the same face of somebody."""

    def __init__(self, people: int, seed: int = 0, spread: float = 0.06) -> None:
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(people, WIDTH))
        centres[1::2] = centres[0::2] + 0.9 * centres[1::2]  # each second one has a look-alike
        self.centres, self.spread = unit(centres), spread

    def seen_by(self, face: SeenFace, network: int) -> np.ndarray:
        """The face's embedding by one of many networks: each turns all directions by one."""
        return unit(np.roll(face.embedding, network))

    def face(self, person: int, number: int) -> SeenFace:
        rng = np.random.default_rng((person, number))
        name = f"{person}-{number}.jpg"
        vector = unit(self.centres[person] + self.spread * rng.normal(size=WIDTH))
        digest = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
        portrait = hashlib.sha256(name.encode()).digest() * 8
        frame = np.arange(14, dtype=np.float32)
        taken = 1e9 + 1e7 * number
        return SeenFace(vector, BOX, (640, 480), 0.9, name, digest, portrait, frame, taken=taken)


def written(folder: Path, gallery: Gallery, kept: Kept | None = None) -> LivingGallery:
    """A folder as training leaves it, without the network."""
    with changed_folder(folder, RECORD) as change:
        aside = folder.parent / f"{folder.name}.sqlite"
        id = write_gallery(aside, gallery, kept)
        change.add(GALLERY, aside)
        threshold = Threshold(THRESHOLD, 0.01, "a test")
        decision = Decision(
            list(gallery.people), threshold, Crop("five_point", 112), "cropped", gallery=id
        )
        change.document = Artifact(folder, decision, About(), {}).to_json()
    aside.unlink()
    return LivingGallery(folder)


def living(
    folder: Path, cast: Cast, people: int, photos: int, contract: str = "one network"
) -> LivingGallery:
    """The first people of a cast, called A, B, C, each with so many photos."""
    faces = [cast.face(person, number) for person in range(people) for number in range(photos)]
    labels = np.repeat(np.arange(people), photos)
    gallery = Gallery.enroll(
        names(people), np.stack([face.embedding for face in faces]), labels,
        [f"{names(people)[label]}/{f.source}" for label, f in zip(labels, faces, strict=True)],
        [face.digest for face in faces], contract=contract, taken=[face.taken for face in faces],
    )  # fmt: skip
    kept = Kept(
        np.tile(np.array([*BOX, 640, 480], np.float32), (len(faces), 1)),
        np.full(len(faces), 0.9),
        [face.portrait for face in faces],
        np.arange(14, dtype=np.float32),
        np.arange(len(faces)) % photos == 0,
        np.stack([cast.face(person, 0).embedding for person in range(people, len(cast.centres))]),
        False,
    )
    return written(folder, gallery, kept)


def names(people: int) -> list[str]:
    return [chr(ord("A") + i) for i in range(people)]


def answer(gallery: LivingGallery | Gallery, face: SeenFace, digest: bool = True) -> str | None:
    """The name that a face gets; `ignored` where it is nobody's to be named."""
    known = gallery if isinstance(gallery, Gallery) else gallery.read().gallery
    best, similarity, ignored = known.named(
        face.embedding[None], THRESHOLD, face.digest if digest else "", [face.box]
    )
    if ignored[0]:
        return "ignored"
    return known.people[best[0]] if similarity[0] >= THRESHOLD else None


def made_before(path: Path) -> None:
    """A gallery's file as version 1 had it, which knew no dates and no small views."""
    with closing(sqlite3.connect(path)) as database, database:
        for column in ("small", "taken"):
            database.execute(f"ALTER TABLE faces DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 1")


def grouped(
    gallery: LivingGallery, cast: Cast, groups: Sequence[Sequence[tuple[int, int]]]
) -> list[int]:
    """More people without a name, each of some faces of the cast; gives their ids."""
    with closing(sqlite3.connect(gallery.path)) as database, database:
        said = database.execute("SELECT id FROM faces WHERE said").fetchall()
        database.execute("UPDATE faces SET said = 1")
    faces = [[cast.face(*each) for each in group] for group in groups]
    gather(gallery.path, [face for group in faces for face in group])
    pile = Pile.read(gallery.path)
    mine = {face.digest: label for label, group in enumerate(faces) for face in group}
    with closing(sqlite3.connect(gallery.path)) as database, database:
        digests = dict(database.execute("SELECT id, digest FROM faces").fetchall())
        others = {int(now): len(groups) + i for i, now in enumerate(np.unique(pile.now))}
        labels = [
            mine.get(digests[int(id)], others[int(now)])
            for id, now in zip(pile.ids, pile.now, strict=True)
        ]
        assert regroup(gallery.path, pile, np.array(labels), "grouped")
        database.execute("UPDATE faces SET said = 0")
        database.executemany("UPDATE faces SET said = 1 WHERE id = ?", said)
        whose = dict(database.execute("SELECT digest, person FROM faces").fetchall())
    return [whose[group[0].digest] for group in faces]
