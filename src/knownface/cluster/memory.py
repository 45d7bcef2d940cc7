"""What `group` remembers between two runs: a recogniser, and which photos it has looked at."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from knownface.embed.frozen import backbone_embedder
from knownface.errors import KnownfaceError
from knownface.faces.crops import load_cropper
from knownface.files.runs import write_json
from knownface.files.values import read_json
from knownface.files.whole import private_folder, whole_file
from knownface.networks.load import choose_backbone, locate_weights
from knownface.networks.record import Backbone
from knownface.networks.zoo import BACKBONES
from knownface.options import FacesMode
from knownface.progress import Track
from knownface.recognition.about import About
from knownface.recognition.artifact import GALLERY, MEMORY, RECORD, artifact_folder
from knownface.recognition.comparison import Comparison
from knownface.recognition.gallery import Gallery
from knownface.recognition.living.regrouping import copy_people
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.threshold import FAR_TARGET, Threshold

PHOTOS = "photos.json"
PEOPLE = 100  # that the threshold of a recogniser without names is made for


class Memory:
    """The hidden folder in the folders that `group` makes.

    It is a recogniser's: its gallery has every face, and who was said to be whom. `photos.json`
    says which photos were looked at, by a checksum of their paths: no name stands there.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / MEMORY
        self._seen: dict[str, list[int]] = {}

    @property
    def gallery(self) -> Path:
        return self.folder / GALLERY

    @property
    def is_there(self) -> bool:
        return (self.folder / RECORD).is_file()

    def begin(self, recognizer: Recognizer) -> None:
        """Remember nobody, to start with."""
        recognizer.save(self.folder)

    def begin_with(self, recognizer: Path) -> None:
        """Remember the people of a recogniser, whose names are theirs for good."""
        known = artifact_folder(recognizer)
        private_folder(self.folder)
        for path in known.iterdir():
            if path.is_dir():
                shutil.copytree(path, self.folder / path.name, dirs_exist_ok=True)
            elif path.name not in (GALLERY, RECORD):
                shutil.copy2(path, self.folder / path.name)
        self.gallery.unlink(missing_ok=True)
        copy_people(known / GALLERY, self.gallery)
        shutil.copy2(known / RECORD, self.folder / RECORD)  # the last: now it is there

    # ------------------------------------------------------------ photos that were looked at
    def new_photos(self, photos: Iterable[Path]) -> list[Path]:
        """Those that were not looked at, or have changed since."""
        if (path := self.folder / PHOTOS).is_file():
            try:
                self._seen = dict(read_json(path))
            except (OSError, ValueError, TypeError):  # then all are looked at once more
                self._seen = {}
        return [photo for photo in photos if self._seen.get(_mark(photo)) != _state(photo)]

    def note(self, photos: Iterable[Path]) -> None:
        """They were looked at."""
        for photo in photos:
            if state := _state(photo):
                self._seen[_mark(photo)] = state
        with whole_file(self.folder / PHOTOS) as part:
            write_json(part, self._seen)


def _mark(photo: Path) -> str:
    return hashlib.blake2b(os.fsencode(photo), digest_size=12).hexdigest()


def _state(photo: Path) -> list[int] | None:
    try:
        found = photo.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


# ---------------------------------------------------------------- a recogniser that knows nobody
def without_people(
    name: str,
    weights: str | Path | None,
    accept_license: bool,
    faces: FacesMode,
    device: str,
    track: Track,
) -> Recognizer:
    """A network as it is, ready to be told who is who. Raises KnownfaceError.

    Its threshold is what the network's own measurements say for PEOPLE people at 1 % false accepts.
    """
    backbone, wanted = choose_backbone(name, weights, track)
    if backbone.impostors is None:
        backbone.verification_threshold(FAR_TARGET)  # says what to do instead
        raise AssertionError
    found = locate_weights(backbone, wanted, track, accept_license)
    embedder = backbone_embedder(backbone, found or wanted, device, track=track)
    cropper = load_cropper(backbone.crop, faces, track)
    nobody = np.zeros((0, embedder.width), np.float32)
    contract = embedder.contract(backbone.crop)
    assert found is not None
    file = backbone.comparison_of(found.sha256)
    comparison = Comparison.read(file) if file else None
    gallery = Gallery.enroll(
        [], nobody, np.zeros(0, np.int64), [], [], contract=contract, comparison=comparison
    )
    value = backbone.impostors.threshold("templates", FAR_TARGET / PEOPLE)
    others = f"the backbone's own measurements on {backbone.impostors.people} other people"
    about = About(
        backbone.describe(found.path), {"file": found.path.name, "sha256": found.sha256},
        "frozen", backbone.licence, cropper.detector,
    )  # fmt: skip
    return Recognizer(
        embedder, gallery, backbone.crop,
        Threshold(value, FAR_TARGET, f"{others}, as for {PEOPLE} people"),
        faces, about, detector=cropper.detector_file,
    )  # fmt: skip


def backbone_of(recognizer: Recognizer) -> Backbone | None:
    """The record of the network that a recogniser began with, where it was not trained further."""
    if recognizer.about.recipe != "frozen":
        return None
    return BACKBONES.get(recognizer.about.backbone_name)


def refuse_others(memory: Memory, asked: str, faces: FacesMode, recognizer: Recognizer) -> None:
    """KnownfaceError where a pile is to go on with another network, or with other crops."""
    made = recognizer.about.backbone_name
    if asked not in ("auto", made):
        raise KnownfaceError(
            f"{memory.folder.parent}: was grouped with {made}, whose faces cannot be compared with "
            f"those of {asked}; leave the backbone out, or name another folder"
        )
    if faces != recognizer.faces:
        raise KnownfaceError(
            f"{memory.folder.parent}: its photos were read with faces={recognizer.faces}; say the "
            "same, or name another folder"
        )
