"""Training again: what was said of people and photos since the last time goes on."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.errors import KnownfaceError
from knownface.faces.photo import digest_of
from knownface.recognition.artifact import GALLERY
from knownface.recognition.living import moving
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.looking import names_by_digest, names_of_all
from knownface.recognition.living.reading import people_in
from knownface.recognition.living.schema import reading
from knownface.recognition.living.shared import follow
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.record import tell_people

log = logging.getLogger(__name__)


def as_said(data: FaceDataset, earlier: str | Path) -> FaceDataset:
    """The photos under the names that were given to them, whatever folders they lie in.

    A folder whose person was renamed, or merged into somebody, is theirs. A photo that was said to
    be somebody else's is theirs, and one that was said not to be its folder's person is left out.
    earlier: the run whose gallery knows. Raises KnownfaceError where nothing is left.
    """
    with reading(LivingGallery(earlier).path) as database:
        said, called = names_by_digest(database), names_of_all(database)
    names, kept, moved = list[str](), list[int](), 0
    for i, path in enumerate(data.paths):
        folder = data.people[data.labels[i]]
        usual = called.get(folder, folder)
        there = said.get(_digest(path), {usual})
        if not there - {None}:
            continue
        name = usual if usual in there else sorted(filter(None, there))[0]
        moved += name != usual
        names.append(name)
        kept.append(i)
    if not kept:
        raise KnownfaceError(f"{data.root}: every photo in it was said to be nobody's")
    if moved or len(kept) < len(data.paths):
        left = len(data.paths) - len(kept)
        log.info("As corrected before: %d photos under another name, %d left out", moved, left)
    people = tuple(sorted(set(names)))
    order = sorted(range(len(kept)), key=lambda k: (names[k], kept[k]))
    return replace(
        data,
        people=people,
        paths=tuple(data.paths[kept[k]] for k in order),
        labels=np.array([people.index(names[k]) for k in order], np.int64),
    )


def _digest(path: Path) -> str:
    """As `Photo.digest`; an unreadable photo has none, which is said when it is read."""
    try:
        return digest_of(path.read_bytes())
    except OSError:
        return ""


def carry_over(earlier: str | Path, folder: Path, recognizer: Recognizer) -> None:
    """Names, corrections, history and enrolled people of an earlier run join a new recogniser.

    folder: the new recognizer folder. Raises KnownfaceError.
    """
    new, old = folder / GALLERY, LivingGallery(earlier).path
    follow(old)
    embed = recognizer.embed_portraits
    people, faces, lost = moving.carry_over(old, new, embed)
    log.info("From the earlier run: %d people and %d faces that the folder does not have",
             people, faces)  # fmt: skip
    if lost:
        log.warning("%d faces did not come: no picture of them was kept for this network", lost)
    tell_people(folder, partial(people_in, new))
