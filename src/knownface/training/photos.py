"""The photos of a run: read, cropped, embedded, and split into training and testing."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.dataset.portraits import Faces, Note, Portraits, collect_portraits
from knownface.dataset.split import group_photos, halve_strangers, split
from knownface.embed.embedder import Embedder
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.options import argument
from knownface.progress import Track

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingPhotos:
    """Everyone's portraits, how they are split, and the strangers.

    rows, held_out: indices for training and testing; groups: (n,) photos that stay together.
    for_threshold, untouched: rows of the strangers that help to choose it, and that test it.
    """

    everyone: Portraits
    groups: np.ndarray
    rows: np.ndarray
    held_out: np.ndarray
    strangers: Portraits | None
    for_threshold: np.ndarray
    untouched: np.ndarray

    @property
    def training(self) -> Portraits:
        return self.everyone.select(self.rows)

    @property
    def testing(self) -> Portraits:
        return self.everyone.select(self.held_out)

    @property
    def given_strangers(self) -> Faces:
        """The strangers set aside for the threshold."""
        if self.strangers is None:
            return self.everyone.faces[self.rows[:0]]
        return self.strangers.faces[self.for_threshold]

    def embedded_by(self, embedder: Embedder, track: Track) -> TrainingPhotos:
        """The same photos seen by another network."""
        strangers = self.strangers.embedded_by(embedder, track) if self.strangers else None
        everyone = self.everyone.embedded_by(embedder, track)
        return replace(self, everyone=everyone, strangers=strangers)

    def describe_split(self, seed: int) -> dict[str, Any]:
        """`split.json`: which photo is where, and which ones were kept together."""
        names = self.everyone.photos
        return {
            "seed": seed,
            "train": [names[i] for i in self.rows],
            "validation": [names[i] for i in self.held_out],
            "groups": {name: int(group) for name, group in zip(names, self.groups, strict=True)},
        }


def collect(
    people: FaceDataset,
    others: FaceDataset | None,
    pipeline: FacePipeline,
    track: Track,
    *,
    validation: float,
    seed: int,
    earlier: str | Path | None = None,
) -> TrainingPhotos:
    """Read, crop, embed and split; raises KnownfaceError where too little is usable.

    validation, seed: of the split; earlier: instead, the `split.json` of another run.
    """
    everyone = _usable(collect_portraits(people, pipeline, track))
    strangers = collect_portraits(others, pipeline, track) if others else None
    groups = group_photos(everyone.fingerprints, everyone.labels, everyone.taken)
    if earlier:
        rows, held_out = _earlier_split(Path(earlier), everyone)
    else:
        rows, held_out = split(everyone.labels, groups, validation, seed)
    if not len(held_out):
        raise KnownfaceError(
            f"{everyone.root}: every person has only one photo, or only copies of one, so that "
            "nothing is left to test on; add a second photo for some of them"
        )
    return TrainingPhotos(everyone, groups, rows, held_out, strangers, *halve_strangers(strangers))


def _earlier_split(path: Path, everyone: Portraits) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and testing as a `split.json` says; photos it does not name are left."""
    try:
        named = json.loads(path.read_text(encoding="utf-8"))
        parts = [set(named["train"]), set(named["validation"])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnownfaceError(
            f"{argument('split', path)}: not a split.json of a run ({error})"
        ) from None
    rows, held_out = (
        np.array([i for i, photo in enumerate(everyone.photos) if photo in part], np.int64)
        for part in parts
    )
    trained = np.bincount(everyone.labels[rows], minlength=len(everyone.people))
    if not trained.all():
        name = everyone.people[int(trained.argmin())]
        raise KnownfaceError(f"{argument('split', path)}: has no usable training photo of {name}")
    return rows, held_out


def _usable(everyone: Portraits) -> Portraits:
    """Drop people without a single usable face; at least two must remain."""
    counts = np.bincount(everyone.labels, minlength=len(everyone.people))
    notes = list(everyone.notes)
    for name, count in zip(everyone.people, counts, strict=True):
        if count < 2:
            what = (
                "only one usable photo; cannot be tested" if count else "no usable photo; left out"
            )
            log.warning("%s: %s", name, what)
            notes.append(Note("", name, "few_photos", what))
    present = np.flatnonzero(counts)
    if len(present) < 2:
        found = f"only {everyone.people[present[0]]}" if len(present) else "nobody"
        bad = [note for note in everyone.notes if note.kind in ("unreadable", "no_face")]
        first = f" ({bad[0].photo}: {bad[0].detail})" if bad else ""
        raise KnownfaceError(
            f"{everyone.root}: {found} with a usable face{first}; a recogniser needs at least two "
            "people, one sub-folder each"
        )
    return replace(
        everyone,
        people=tuple(everyone.people[i] for i in present),
        labels=np.searchsorted(present, everyone.labels),
        notes=tuple(notes),
    )
