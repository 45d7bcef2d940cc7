"""What is wrong with the photos and names of a folder of people, before training."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.dataset.split import BURST_SECONDS, bursts
from knownface.diagnosis.agreement import ENOUGH, NOBODY
from knownface.diagnosis.examine import Examination, examine
from knownface.diagnosis.findings import KINDS, Diagnosis, Problem
from knownface.diagnosis.quality import BLURRED, DARK, GLARING, SMALLEST, Quality, sharpness
from knownface.embed.stream import FacePipeline
from knownface.faces.photo import ImageError, read_image
from knownface.progress import Track, silent

# Of several faces, a second one with less than this share of the largest one's area is a passer-by.
RIVAL_AREA = 1 / 3
FEW = 5  # usable photos per person, fewer than which a single bad one changes the template much


def diagnose(dataset: FaceDataset, pipeline: FacePipeline, track: Track = silent) -> Diagnosis:
    """Examine a folder of people with a given network; nothing in it is changed."""
    found = examine(dataset, pipeline, track)
    problems = [
        *_unusable(found),
        *_poor(found),
        *(twins := _copies(found)),
        *_mislabels(found, {twin.photo for twin in twins if twin.kind == "two_names"}),
        *found.filing.folders(),
    ]
    used = {dataset.names[i] for i in found.seen[found.used].tolist()}
    everything = dataset.names
    unwanted = {p.photo for p in problems if p.photo and p.kind != "several_faces"}
    mixed = found.agreement.mixed[dataset.labels]
    unwanted |= {name for name, is_mixed in zip(everything, mixed, strict=True) if is_mixed}
    left_out = frozenset((set(everything) - used) | unwanted)
    problems += [*_bursts(found, left_out), *_few(found, left_out), *_names(dataset.people)]
    order = list(KINDS)
    problems.sort(key=lambda each: (order.index(each.kind), each.photo or each.person))
    return Diagnosis(
        dataset.root,
        dataset.people,
        everything,
        tuple(problems),
        left_out,
        _examples(found),
        pipeline.embedder.device,
    )


# ---------------------------------------------------------------- one photo
def _unusable(found: Examination) -> Iterator[Problem]:
    """Unreadable, without a face, or with several of which more than one may be meant."""
    index = {name: i for i, name in enumerate(found.dataset.names)}
    used = set(found.seen[found.used].tolist())
    for note in found.notes:
        photo = found.photos[index[note.photo]]
        if note.kind == "several_faces":
            areas = sorted(face.area for face in photo.faces)
            if areas[-2] < RIVAL_AREA * areas[-1] and index[note.photo] in used:
                continue
        detail = note.detail.replace(f"{photo.path}: ", "")
        yield Problem(note.kind, note.photo, note.person, None, detail)
        if note.kind == "no_face" and (detail := _hidden_by_blur(photo.path)):
            yield Problem("blurred", note.photo, note.person, None, detail)


def _hidden_by_blur(path: Path) -> str:
    """A strong blur hides a face, or its landmarks: the photo's middle square is judged instead.

    What is to be said about it; empty where the picture is sharp.
    """
    try:
        grey = cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY)
    except ImageError:  # gone since
        return ""
    side = min(grey.shape)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    soft = sharpness(grey[top : top + side, left : left + side], side)
    whole = f"the whole picture is blurred (sharpness {soft:.2f}, needs {BLURRED:g})"
    return whole if soft < BLURRED else ""


def _poor(found: Examination) -> Iterator[Problem]:
    for index, quality in zip(found.seen.tolist(), found.qualities, strict=True):
        for kind, detail in _complaints(quality):
            yield _problem(found, kind, index, None, detail)


def _complaints(quality: Quality) -> Iterator[tuple[str, str]]:
    if quality.side < SMALLEST:
        yield "too_small", f"the face is {quality.side:.0f} pixels wide, needs {SMALLEST:g}"
    if quality.sharpness < BLURRED:
        yield "blurred", f"sharpness {quality.sharpness:.2f}, needs {BLURRED:g}"
    if quality.bright < DARK:
        yield "dark", f"too dark: hardly anything is brighter than {quality.bright:.0f} of 255"
    elif quality.dark > GLARING:
        yield "dark", f"too bright: hardly anything is darker than {quality.dark:.0f} of 255"


# ---------------------------------------------------------------- copies
def _copies(found: Examination) -> list[Problem]:
    """Copies within a person point to the best of them; then those under two names."""
    replaced = _replaced(found)
    problems = []
    for index, better in replaced.items():
        same = found.photos[index].digest == found.photos[better].digest
        kind, what = ("duplicate", "file") if same else ("near_duplicate", "picture")
        name = found.dataset.names[better]
        problems.append(_problem(found, kind, index, name, f"the same {what} as {name}"))
    kept = [pair for pair in found.copies if not replaced.keys() & set(pair)]
    problems += found.filing.two_names(kept)
    once = {(problem.kind, problem.photo): problem for problem in reversed(problems)}
    return list(once.values())[::-1]


def _replaced(found: Examination) -> dict[int, int]:
    """Each photo that has a better copy in its own folder, and that copy, which stays."""
    neighbours: dict[int, set[int]] = defaultdict(set)
    for a, b in found.copies:
        if found.dataset.labels[a] == found.dataset.labels[b]:
            neighbours[a].add(b)
            neighbours[b].add(a)
    qualities = dict(zip(found.seen.tolist(), found.qualities, strict=True))

    def rank(index: int) -> tuple[Any, ...]:
        """In colour first, then the largest, the sharpest, and the plainest name."""
        width, height = found.photos[index].size or (0, 0)
        name = found.dataset.names[index]
        seen = qualities.get(index)
        grey, sharpness = (seen.grey, seen.sharpness) if seen else (False, 0.0)
        return (grey, -width * height, -sharpness, len(name), name)

    place = {index: i for i, index in enumerate(sorted(neighbours, key=rank))}
    kept: set[int] = set()
    replaced: dict[int, int] = {}
    for index in place:
        better = neighbours[index] & kept
        if better:
            replaced[index] = min(better, key=place.__getitem__)
        else:
            kept.add(index)
    return replaced


# ---------------------------------------------------------------- people
def _mislabels(found: Examination, explained: set[str | None]) -> Iterator[Problem]:
    """Photos that agree with somebody else, or with nobody; poor ones may agree with nobody."""
    dataset, agreement = found.dataset, found.agreement
    labels = dataset.labels[found.seen]
    enough = np.bincount(labels, minlength=len(dataset.people))[labels] >= ENOUGH
    nobodys = found.used & enough & (agreement.own < NOBODY)
    nobodys &= ~agreement.mixed[labels]
    misfiled = dict(found.filing.misfiled())
    for row, index in enumerate(found.seen.tolist()):
        if dataset.names[index] in explained:
            continue
        if row in misfiled:
            yield misfiled[row]
        elif nobodys[row] and not list(_complaints(found.qualities[row])):
            if soft := _hidden_by_blur(found.photos[index].path):
                yield _problem(found, "blurred", index, None, soft)
                continue
            detail = (
                f"agrees with none of the other photos in this folder ({agreement.own[row]:.2f})"
            )
            yield _problem(found, "mislabel", index, None, detail)


def _bursts(found: Examination, left_out: frozenset[str]) -> Iterator[Problem]:
    rows = [i for i in found.seen.tolist() if found.dataset.names[i] not in left_out]
    taken = [found.photos[i].taken for i in rows]
    for earlier, later in bursts(found.dataset.labels[rows], taken):
        name = found.dataset.names[rows[earlier]]
        detail = f"taken within {BURST_SECONDS:g} seconds of {name}; they count as one session"
        yield _problem(found, "burst", rows[later], name, detail)


def _few(found: Examination, left_out: frozenset[str]) -> Iterator[Problem]:
    usable = [i for i in found.seen.tolist() if found.dataset.names[i] not in left_out]
    counts = np.bincount(found.dataset.labels[usable], minlength=len(found.dataset.people))
    counts[found.agreement.mixed] = FEW  # other things are to be said of them
    for person, count in zip(found.dataset.people, counts.tolist(), strict=True):
        if count < FEW:
            detail = f"{count or 'no'} usable photo{'' if count == 1 else 's'}, needs {FEW}"
            yield Problem("few_photos", None, person, None, detail)


def _names(people: Sequence[str]) -> Iterator[Problem]:
    """Names that differ only in case, accents, spaces, underscores, hyphens or dots."""
    first: dict[str, str] = {}
    for name in people:
        plain = unicodedata.normalize("NFKD", name).casefold()
        key = "".join(c for c in plain if not (unicodedata.combining(c) or c in " _-."))
        if key in first:
            detail = f"written almost like {first[key]}; merge the folders if it is one person"
            yield Problem("similar_names", None, name, first[key], detail)
        first.setdefault(key, name)


def _examples(found: Examination) -> dict[str, str]:
    """Each person's photo that agrees best with the others."""
    order = np.argsort(found.agreement.own, kind="stable")
    rows = found.seen[order].tolist()
    names = [found.dataset.people[label] for label in found.dataset.labels[rows]]
    return {name: found.dataset.names[i] for name, i in zip(names, rows, strict=True)}


def _problem(found: Examination, kind: str, index: int, other: str | None, detail: str) -> Problem:
    person = found.dataset.people[found.dataset.labels[index]]
    return Problem(kind, found.dataset.names[index], person, other, detail)
