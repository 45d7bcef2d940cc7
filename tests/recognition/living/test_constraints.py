"""Corrections stick: whatever happens in whatever order, nothing that was said is broken."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from living_people import Cast, answer, living

from knownface.embed.frozen import backbone_embedder
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.crops import load_cropper
from knownface.faces.portrait import PORTRAIT
from knownface.networks.zoo import get_backbone
from knownface.recognition.living import moving
from knownface.recognition.living.records import SeenFace, SeenPhoto
from knownface.recognition.result import Recognition, RecognizedFace
from knownface.recognition.seeing import seen_faces

PEOPLE, PHOTOS = 20, 6


@dataclass
class Said:
    """What was said, by the digests of faces and the ids of people."""

    is_: dict[str, int] = field(default_factory=dict)
    not_: dict[str, set[int]] = field(default_factory=dict)
    nobody: set[str] = field(default_factory=set)
    apart: set[frozenset[int]] = field(default_factory=set)

    def merged(self, person: int, into: int) -> None:
        self.is_ = {face: into if who == person else who for face, who in self.is_.items()}
        for refused in self.not_.values():
            if person in refused:
                refused ^= {person, into} if into not in refused else {person}
        self.apart = {frozenset(into if p == person else p for p in pair) for pair in self.apart}


class Life:
    """A gallery, and what somebody has said in it."""

    def __init__(self, folder: Path, seed: int, cast: Cast | None = None) -> None:
        self.cast, self.folder = cast or Cast(PEOPLE + 6, seed), folder
        self.rng = random.Random(seed)
        self.gallery = living(folder / "recognizer", self.cast, PEOPLE, PHOTOS)
        self.said, self.before = Said(), list[Said]()
        self.turned = 0  # how often another network was trained
        self.counts: dict[str, int] = {}

    # -------------------------------------------------------- what there is
    def embedding(self, face: SeenFace) -> np.ndarray:
        """As the network of now sees it."""
        return self.cast.seen_by(face, self.turned)

    def face(self) -> SeenFace:
        """Of a known person or of a stranger, enrolled or not."""
        person = self.rng.randrange(PEOPLE + 6)
        return self.seen(self.cast.face(person, self.rng.randrange(PHOTOS + 6)))

    def seen(self, face: SeenFace) -> SeenFace:
        return replace(face, embedding=self.embedding(face))

    def somebody(self) -> int:
        return self.rng.choice(self.gallery.people()).id

    def name(self, person: int) -> str:
        return str(self.gallery.person(person).name)

    # -------------------------------------------------------- what happens
    def step(self) -> None:
        happenings: list[Callable[[], None]] = [
            self.is_, self.is_, self.not_, self.not_, self.nobody, self.merge, self.merge,
            self.split, self.never_same, self.rename, self.undo, self.group, self.train,
            self.carry,
        ]  # fmt: skip
        happening = self.rng.choice(happenings)
        earlier = copy.deepcopy(self.said)
        changes = self.gallery.number
        try:
            happening()
            self.counts[happening.__name__] = self.counts.get(happening.__name__, 0) + 1
        except KnownfaceError:
            self.said = earlier  # refused, so that nothing was said
            assert self.gallery.number == changes
            return
        if happening.__name__ not in ("undo", "group", "train", "carry"):
            self.before.append(earlier)

    def is_(self) -> None:
        face, person = self.face(), self.somebody()
        self.gallery.correct(face, is_=self.name(person))
        self.said.is_[face.digest] = person
        self.said.nobody.discard(face.digest)
        self.said.not_.get(face.digest, set()).discard(person)

    def not_(self) -> None:
        face = self.face()
        who = answer(self.gallery, face)
        if who in (None, "ignored"):
            return self.is_()
        person = self.gallery.person(str(who)).id
        self.gallery.correct(face, not_=person)
        self.said.not_.setdefault(face.digest, set()).add(person)
        if self.said.is_.get(face.digest) == person:
            del self.said.is_[face.digest]

    def nobody(self) -> None:
        face = self.face()
        self.gallery.correct(face, nobody=True)
        self.said.nobody.add(face.digest)
        self.said.is_.pop(face.digest, None)

    def merge(self) -> None:
        one, other = self.somebody(), self.somebody()
        refused = frozenset((one, other)) in self.said.apart
        refused |= any(
            {who, not_} == {one, other}
            for face, who in self.said.is_.items()
            for not_ in self.said.not_.get(face, ())
        )
        self.gallery.merge(one, other)
        assert not refused, "people who are two were merged"
        self.said.merged(one, other)

    def split(self) -> None:
        person = self.somebody()
        faces = self.gallery.faces(person)
        some = self.rng.sample(faces, min(2, len(faces)))
        self.gallery.split(person, [face.id for face in some], f"Split {self.rng.random():.6f}")
        new = max(each.id for each in self.gallery.people())
        self.said.apart.add(frozenset((person, new)))
        for face in some:
            self.said.is_[face.digest] = new

    def never_same(self) -> None:
        one, other = self.somebody(), self.somebody()
        self.gallery.never_same(one, other)
        self.said.apart.add(frozenset((one, other)))

    def rename(self) -> None:
        self.gallery.rename(self.somebody(), f"Name {self.rng.random():.6f}")

    def undo(self) -> None:
        self.gallery.undo()
        self.said = self.before.pop()

    def group(self) -> None:
        """Strangers are seen, and grouped; it adds nothing to anybody."""
        known = {person.id: person.photos for person in self.gallery.people()}
        for _ in range(5):
            face = self.face()
            who = answer(self.gallery, face)
            reason = "ignored" if who == "ignored" else None if who else "unknown"
            name = None if reason else who
            found = RecognizedFace(face.box, name, 0.5, reason)
            self.gallery.remember(SeenPhoto(Recognition("", (found,)), (face,)), "camera")
        assert {person.id: person.photos for person in self.gallery.people()} == known

    def train(self) -> None:
        """Again, on the folders as they always were, with another network."""
        self.turned += 1
        fresh = self.folder / f"trained {self.turned} {self.rng.random()}"
        turned = copy.copy(self.cast)
        turned.face = lambda p, n: self.seen(self.cast.face(p, n))  # type: ignore[method-assign]
        new = living(fresh, turned, PEOPLE, PHOTOS, f"network {self.turned}")
        faces = {
            face.portrait: self.embedding(face)
            for face in (self.cast.face(p, n) for p in range(PEOPLE + 6) for n in range(PHOTOS + 6))
        }
        moving.carry_over(
            self.gallery.path,
            new.path,
            lambda portraits, _: (np.stack([faces[p] for p in portraits]), None),
        )
        self.gallery = new
        self.before.clear()  # nothing from before can be undone

    def carry(self) -> None:
        """Backup, and restored into a folder that was trained anew by the same network."""
        file = self.folder / f"backup {self.rng.random()}"
        moving.copy(self.gallery.path, file)
        elsewhere = living(self.folder / f"{file.name} folder", self.cast, 3, 2)
        same = self.gallery.read().gallery.contract
        import sqlite3

        with sqlite3.connect(elsewhere.path) as database:
            database.execute("UPDATE meta SET value = ? WHERE key = 'contract'", (same,))
        moving.restore(file, elsewhere.path, lambda *_: (np.zeros((0, 1)), None))
        self.gallery = elsewhere

    # -------------------------------------------------------- what must hold
    def check(self) -> None:
        by_name = {str(person.name): person.id for person in self.gallery.people()}
        faces = {
            face.digest: face
            for face in (self.cast.face(p, n) for p in range(PEOPLE + 6) for n in range(PHOTOS + 6))
        }
        known = self.gallery.read().gallery
        assert known.corrections is not None
        for digest in {*self.said.is_, *self.said.not_, *self.said.nobody}:
            who = answer(known, self.seen(faces[digest]))
            if digest in self.said.nobody:
                assert who == "ignored", f"{faces[digest].source} was said to be nobody"
            elif digest in self.said.is_:
                wanted = self.said.is_[digest]
                assert who in by_name, f"{faces[digest].source} lost its name: {who}"
                assert by_name[str(who)] == wanted, f"{faces[digest].source} is {who}"
            if who in by_name:
                assert by_name[str(who)] not in self.said.not_.get(digest, ())
        there = set(by_name.values())
        assert all(len(pair) == 2 for pair in self.said.apart)
        assert all(pair <= there for pair in self.said.apart)


def lived(life: Life, steps: int = 200) -> None:
    for step in range(steps):
        life.step()
        if step % 5 == 4:
            life.check()
    assert {"is_", "not_", "nobody", "merge", "split", "undo", "train", "carry"} <= {*life.counts}
    assert len(life.said.is_) + len(life.said.not_) + len(life.said.nobody) > 20


def test_whatever_happens_nothing_that_was_said_is_broken(tmp_path: Path) -> None:
    """20 people with look-alikes: corrected, merged, split, grouped, trained and carried away."""
    lived(Life(tmp_path, 0))


class RealCast(Cast):
    """Real faces as two networks see them, which take turns."""

    def __init__(self, shared: Path) -> None:
        people = sorted((shared / "data" / "people").iterdir())[:PEOPLE]
        people += sorted((shared / "data" / "strangers").iterdir())[:6]
        self.centres = np.zeros((len(people), 1))  # so many there are
        networks = [backbone_embedder(get_backbone(name)) for name in ("mobilefacenet", "mini")]
        crop = get_backbone("mini").crop
        cropper = load_cropper(crop, "detect").with_portraits(PORTRAIT)
        self.faces, self.second = dict[tuple[int, int], SeenFace](), dict[str, np.ndarray]()
        for person, folder in enumerate(people):
            photos = sorted(folder.glob("*.jpg"))[: PHOTOS + 6]
            for number, each in enumerate(FacePipeline(cropper, networks[0]).embed_photos(photos)):
                face = seen_faces(each, crop)[0]
                self.faces[person, number] = face
                self.second[face.digest] = networks[1].embed(each.photo.crops[:1])[0]

    def face(self, person: int, number: int) -> SeenFace:
        return self.faces[person, number]

    def seen_by(self, face: SeenFace, network: int) -> np.ndarray:
        return self.second[face.digest] if network % 2 else self.faces_by_digest[face.digest]

    @cached_property
    def faces_by_digest(self) -> dict[str, np.ndarray]:
        return {face.digest: face.embedding for face in self.faces.values()}


def test_nothing_is_broken_with_real_faces_and_networks(shared: Path, tmp_path: Path) -> None:
    lived(Life(tmp_path, 2, RealCast(shared)))
