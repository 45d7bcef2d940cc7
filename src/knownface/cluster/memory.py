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
from knownface.files.whole import private_folder
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
from knownface.recognition.record import Artifact
from knownface.recognition.threshold import FAR_TARGET, Threshold

PHOTOS = "photos.txt"
PEOPLE = 100  # that the threshold of a recogniser without names is made for


class Memory:
    """The hidden folder in the folders that `group` makes.

    It is a recogniser's: its gallery has every face, and who was said to be whom. `photos.txt`
    has a line for each photo that was looked at, by a checksum of its path: no name stands there.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / MEMORY

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
        known = Artifact.read(artifact_folder(recognizer))
        for name, (path, _) in known.files.items():
            private_folder((self.folder / name).parent)
            if name != GALLERY and path.is_file():  # it can do without some
                shutil.copy2(path, self.folder / name)
        self.gallery.unlink(missing_ok=True)
        copy_people(known.files[GALLERY][0], self.gallery)
        shutil.copy2(known.folder / RECORD, self.folder / RECORD)  # the last: now it is there

    # ------------------------------------------------------------ photos that were looked at
    def new_photos(self, photos: Iterable[Path]) -> list[Path]:
        """Those that were not looked at, or have changed since."""
        seen: dict[str, str] = {}
        if (path := self.folder / PHOTOS).is_file():
            for line in path.read_text(encoding="ascii", errors="replace").splitlines():
                mark, _, state = line.partition(" ")
                seen[mark] = state
        return [photo for photo in photos if seen.get(_mark(photo)) != _state(photo)]

    def note(self, photos: Iterable[Path]) -> None:
        """They were looked at. Lines that an interruption leaves half are looked at again."""
        lines = [f"{_mark(photo)} {_state(photo)}\n" for photo in photos]
        with (self.folder / PHOTOS).open("a", encoding="ascii") as stream:
            stream.write("".join(lines))


def _mark(photo: Path) -> str:
    return hashlib.blake2b(os.fsencode(photo), digest_size=12).hexdigest()


def _state(photo: Path) -> str:
    """By which a file that has changed is told; empty where it is gone."""
    try:
        found = photo.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


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
    """The record of a recogniser's network, where it is of the weights that were measured."""
    about = recognizer.about
    backbone = BACKBONES.get(about.backbone_name) if about.recipe == "frozen" else None
    official = backbone is not None and backbone.is_official(about.weights.get("sha256"))
    return backbone if official else None


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
