"""The photos of a run: read, cropped, embedded, and split into training and testing."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.dataset.portraits import Faces, Note, Portraits, collect_portraits, expect_faces
from knownface.dataset.split import group_photos, halve_strangers, split
from knownface.diagnosis.check import find_problems
from knownface.diagnosis.examine import examine
from knownface.diagnosis.findings import Problem
from knownface.embed.embedder import Embedder
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.files.values import read_json
from knownface.options import argument
from knownface.progress import Track
from knownface.recognition.comparison import Comparison

log = logging.getLogger(__name__)

# A network that takes more than this share of all photos for somebody else's is wrong itself: its
# weights are random, or it was trained on another kind of picture.
BELIEVED = 0.2
SHOWN = 3  # people in one line; the report names the others

# What a line of training says besides what was found; the page of `check` says more.
REMEDIES = {
    "mislabel": "; not trained on: move it to the right folder, or remove it",
    "two_names": "; keep it where it belongs",
}
# What training acts on where it believes its network, and says.
SAID = ("mislabel", "two_names", "one_person", "not_one_person")


@dataclass(frozen=True)
class TrainingPhotos:
    """Everyone's portraits, how they are split, and the strangers.

    rows, held_out: indices for training and testing, none where every person has but one photo;
        enrolled: for recognition in the end. groups: (n,) photos that stay together.
    for_threshold, untouched: rows of the strangers that help to choose it, and that test it.
    one_person: pairs of names that are probably one person, who is no stranger to himself.
    """

    everyone: Portraits
    groups: np.ndarray
    rows: np.ndarray
    held_out: np.ndarray
    enrolled: np.ndarray
    strangers: Portraits | None
    for_threshold: np.ndarray
    untouched: np.ndarray
    one_person: tuple[tuple[str, str], ...] = ()

    @property
    def training(self) -> Portraits:
        return self.everyone.select(self.rows)

    @property
    def testing(self) -> Portraits:
        return self.everyone.select(self.held_out)

    @property
    def not_trained_on(self) -> Portraits:
        """What is enrolled after the test."""
        return self.everyone.select(np.setdiff1d(self.enrolled, self.rows))

    @property
    def given_strangers(self) -> tuple[Faces, np.ndarray]:
        """The strangers set aside for the threshold, and (m,) who they are."""
        if self.strangers is None:
            return self.everyone.faces[self.rows[:0]], self.rows[:0]
        return self.strangers.faces[self.for_threshold], self.strangers.labels[self.for_threshold]

    def with_small(self, embedder: Embedder, track: Track) -> TrainingPhotos:
        """The same photos, everyone's also as they look with fewer pixels."""
        return replace(self, everyone=self.everyone.with_small(embedder, track))

    def embedded_by(
        self, embedder: Embedder, track: Track, comparison: Comparison | None
    ) -> TrainingPhotos:
        """The same photos seen by another network, as that is compared."""
        both = comparison is not None
        strangers = self.strangers.embedded_by(embedder, track, both) if self.strangers else None
        everyone = self.everyone.embedded_by(embedder, track, both)
        seen = replace(self, everyone=everyone, strangers=strangers)
        return seen.with_small(embedder, track) if both else seen

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

    What contradicts itself is noted: folders that are no one person are left out, and so is the
    wrong one of two copies under two names. Photos that agree with another person are not trained
    on, but tested: a test that goes without what the network gets wrong would flatter it.
    validation, seed: of the split; earlier: instead, the `split.json` of another run, as it is.
    """
    expect_faces(pipeline, people, others)
    examined = examine(people, pipeline, track)
    found = examined.portraits
    strangers = collect_portraits(others, pipeline, track) if others else None
    problems = [*find_problems(examined)[0]]
    doubted = sum(problem.kind == "mislabel" for problem in problems)
    if earlier or doubted > BELIEVED * len(found):
        problems = [problem for problem in problems if problem.kind not in SAID]
    kept = _in_accord(found, problems)
    together = group_photos([*examined.copies.pairs(), *examined.bursts], len(people.paths))
    groups = together[examined.usable][kept]
    everyone = _usable(_noted(found, problems).select(kept))
    if earlier:
        rows, held_out = _earlier_split(Path(earlier), everyone)
    else:
        rows, held_out = split(everyone.labels, groups, validation, seed)
    rows = _well_filed(everyone, rows, problems)
    enrolled = _well_filed(everyone, np.arange(len(everyone)), problems)
    halves = halve_strangers(strangers)
    pairs = tuple((str(p.other), p.person) for p in problems if p.kind == "one_person")
    return TrainingPhotos(everyone, groups, rows, held_out, enrolled, strangers, *halves, pairs)


# ---------------------------------------------------------------- what contradicts itself
def _in_accord(found: Portraits, problems: Iterable[Problem]) -> np.ndarray:
    """Rows without the wrong one of two copies, and without folders that are no one person.

    All where fewer than two people would be left; a person's only photo stays.
    """
    mixed = [problem.person for problem in problems if problem.kind == "not_one_person"]
    twins = [problem for problem in problems if problem.kind == "two_names"]
    accused = {problem.photo for problem in twins}
    wrong = {problem.photo for problem in twins if problem.other not in accused}
    names = np.array(found.people)[found.labels]
    wrongly = np.isin(found.photos, sorted(filter(None, wrong)))
    wrongly &= np.isin(names, names[~wrongly])
    kept = np.flatnonzero(~wrongly & ~np.isin(names, mixed))
    return kept if len(np.unique(found.labels[kept])) > 1 else np.arange(len(found))


def _well_filed(everyone: Portraits, rows: np.ndarray, problems: Iterable[Problem]) -> np.ndarray:
    """Training rows without photos of somebody else; people of whom nothing is left keep theirs."""
    kinds = ("mislabel", "two_names")
    wrong = [str(problem.photo) for problem in problems if problem.kind in kinds]
    right = ~np.isin(np.array(everyone.photos)[rows], wrong)
    labels = everyone.labels[rows]
    return np.asarray(rows[right | ~np.isin(labels, labels[right])])


def _noted(found: Portraits, problems: Iterable[Problem]) -> Portraits:
    """Every problem noted, as `check` counts them; those that change the training are said."""
    notes = [
        Note(p.photo or "", p.person, p.kind, p.detail + REMEDIES.get(p.kind, "")) for p in problems
    ]
    for note in notes:
        if note.kind in SAID:
            where = "" if note.kind == "one_person" else f"{note.photo or note.person}: "
            log.warning("%s%s", where, note.detail)
    return replace(found, notes=tuple(notes))


def _earlier_split(path: Path, everyone: Portraits) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and testing as a `split.json` says; photos it does not name are left."""
    try:
        named = read_json(path)
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
    """Drop people without a single usable face; somebody must remain."""
    counts = np.bincount(everyone.labels, minlength=len(everyone.people))
    notes = list(everyone.notes)
    explained = {note.person for note in notes if note.kind == "not_one_person"}
    counted = {note.person for note in notes if note.kind == "few_photos"}
    for what, count in (("only one usable photo, not tested", 1), ("no usable photo, left out", 0)):
        few = [everyone.people[i] for i in np.flatnonzero(counts == count)]
        few = [name for name in few if name not in explained]
        notes += [Note("", name, "few_photos", what) for name in few if name not in counted]
        if few:
            more = f" and {len(few) - SHOWN} more" if len(few) > SHOWN else ""
            log.warning("%s%s: %s", ", ".join(few[:SHOWN]), more, what)
    present = np.flatnonzero(counts)
    if not len(present):
        bad = [note for note in everyone.notes if note.kind in ("unreadable", "no_face")]
        first = f" ({bad[0].photo}: {bad[0].detail})" if bad else ""
        raise KnownfaceError(
            f"{everyone.root}: nobody with a usable face{first}; a recogniser needs photos of "
            "people, one sub-folder each"
        )
    return replace(
        everyone,
        people=tuple(everyone.people[i] for i in present),
        labels=np.searchsorted(present, everyone.labels),
        notes=tuple(notes),
    )
