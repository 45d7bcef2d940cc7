"""What is wrong with the photos and names of a folder of people, before training."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.dataset.split import BURST_SECONDS
from knownface.diagnosis.agreement import ENOUGH, NOBODY
from knownface.diagnosis.examine import Examination, examine
from knownface.diagnosis.findings import KINDS, Diagnosis, Problem
from knownface.embed.stream import FacePipeline
from knownface.faces.photo import ImageError, read_image
from knownface.faces.quality import BLURRED, DARK, GLARING, SMALLEST, Quality, sharpness
from knownface.progress import Track, silent

# Of several faces, a second one with less than this share of the largest one's area is a passer-by.
RIVAL_AREA = 1 / 3
# Found, and no reason to go without the photo; two names are decided by pairs.
HARMLESS = ("several_faces", "sideways", "two_names")
FLAT = 2.0  # standard deviation of 255 shades, below which there is nothing that could be sharp
FEW = 5  # usable photos per person, fewer than which a single bad one changes the template much


def diagnose(dataset: FaceDataset, pipeline: FacePipeline, track: Track = silent) -> Diagnosis:
    """Examine a folder of people with a given network; nothing in it is changed."""
    found = examine(dataset, pipeline, track)
    problems, left_out = find_problems(found)
    turns = {
        dataset.names[index]: quality.turns
        for index, quality in zip(found.seen.tolist(), found.qualities, strict=True)
        if quality.turns
    }
    return Diagnosis(
        dataset.root,
        dataset.people,
        dataset.names,
        problems,
        left_out,
        _examples(found),
        pipeline.embedder.device,
        turns,
    )


def find_problems(found: Examination) -> tuple[tuple[Problem, ...], frozenset[str]]:
    """What `check` lists and training notes, and the photos that a cleaned copy goes without."""
    dataset = found.dataset
    twins = _copies(found)
    problems = [
        *_unusable(found),
        *_poor(found),
        *twins,
        *_mislabels(found, {twin.photo for twin in twins if twin.kind == "two_names"}),
        *found.filing.folders(),
    ]
    used = {dataset.names[i] for i in found.usable.tolist()}
    unwanted = {str(p.photo) for p in problems if p.photo and p.kind not in HARMLESS}
    unwanted |= _on_one_side([twin for twin in twins if twin.kind == "two_names"])
    mixed = found.agreement.mixed[dataset.labels]
    unwanted |= {name for name, is_mixed in zip(dataset.names, mixed, strict=True) if is_mixed}
    left_out = frozenset((set(dataset.names) - used) | unwanted)
    problems += [*_bursts(found, left_out), *_few(found, left_out), *_names(dataset.people)]
    order = list(KINDS)
    problems.sort(key=lambda each: (order.index(each.kind), each.photo or each.person))
    return tuple(problems), left_out


def _on_one_side(twins: Sequence[Problem]) -> set[str]:
    """Of two copies that accuse each other, the one that agrees less with its folder."""
    accuses = {twin.photo: twin.other for twin in twins}
    out: set[str] = set()
    for twin in twins:  # the worse one comes first
        if not (twin.other in out and accuses.get(twin.other) == twin.photo):
            out.add(str(twin.photo))
    return out


# ---------------------------------------------------------------- one photo
def _unusable(found: Examination) -> Iterator[Problem]:
    """Unreadable, without a face, or with several of which more than one may be meant."""
    index = {name: i for i, name in enumerate(found.dataset.names)}
    first = np.searchsorted(found.faces.owner, found.seen)  # faces come largest first
    largest_used = set(found.seen[found.used & (found.rows == first)].tolist())
    blurred: dict[str, str] = {}
    for note in found.notes:
        photo = found.photos[index[note.photo]]
        if note.kind == "several_faces":
            areas = sorted(face.area for face in photo.faces)
            if areas[-2] < RIVAL_AREA * areas[-1] and index[note.photo] in largest_used:
                continue
        yield Problem(note.kind, note.photo, note.person, None, note.detail)
        if note.kind == "no_face":
            if photo.digest not in blurred:  # of a thousand copies one is enough
                blurred[photo.digest] = _hidden_by_blur(photo.path)
            if detail := blurred[photo.digest]:
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
    middle = grey[top : top + side, left : left + side]
    if middle.std() < FLAT:
        return ""
    soft = sharpness(middle, side)
    whole = f"the whole picture is blurred (sharpness {soft:.2f}, needs {BLURRED:g})"
    return whole if soft < BLURRED else ""


def _poor(found: Examination) -> Iterator[Problem]:
    for index, quality in zip(found.seen.tolist(), found.qualities, strict=True):
        for kind, detail in _complaints(quality):
            yield _problem(found, kind, index, None, detail)
        if quality.turns:
            how = {1: "left", 2: "head", 3: "right"}[quality.turns]
            side = "stands on its head" if how == "head" else f"lies on its {how} side"
            yield _problem(found, "sideways", index, None, f"{side}; a cleaned copy turns it")


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
        detail = f"the same {what} as {name}{_worse(found, index, better)}"
        problems.append(_problem(found, kind, index, name, detail))
    own = dict(zip(found.seen.tolist(), found.agreement.own.tolist(), strict=True))
    kept = []
    for group in found.copies.across(found.dataset.labels, replaced):
        right = max(group, key=lambda index: own.get(index, 0.0))
        kept += [(index, right) for index in group if index != right]
    problems += found.filing.two_names(kept)
    once = {(problem.kind, problem.photo): problem for problem in reversed(problems)}
    return list(once.values())[::-1]


def _replaced(found: Examination) -> dict[int, int]:
    """Each photo that has a better copy in its own folder, and that copy, which stays."""
    qualities = found.quality_of
    mirrored = found.copies.mirrored

    def rank(index: int) -> tuple[Any, ...]:
        """A usable one, in colour, and not mirrored; then the largest; then who was there first.

        A copy of the same size lost the camera's time, or was written later, or has a longer name.
        """
        photo, quality = found.photos[index], qualities.get(index)
        width, height = photo.size or (0, 0)
        name = found.dataset.names[index]
        return (
            quality is None or any(_complaints(quality)), quality is not None and quality.grey,
            bool(mirrored[index]), -width * height, photo.taken is None, _written(photo.path),
            len(name), name,
        )  # fmt: skip

    return found.copies.replaced(found.dataset.labels, rank)


def _written(path: Path) -> float:
    """When a file was written, in seconds; those that came together came within a minute."""
    try:
        return path.stat().st_mtime // 60
    except OSError:  # gone since
        return 0.0


def _worse(found: Examination, index: int, better: int) -> str:
    """In what a copy differs from the one that stays, in a few words."""
    qualities = found.quality_of
    (width, height), (wide, high) = (found.photos[i].size or (0, 0) for i in (index, better))
    this, other = qualities.get(index), qualities.get(better)
    said = {
        "without colour": this and other and this.grey and not other.grey,
        "mirrored": found.copies.mirrored[index] and not found.copies.mirrored[better],
        "smaller": width * height < wide * high,
    }
    words = [word for word, is_so in said.items() if is_so]
    return f" ({', '.join(words)})" if words else ""


# ---------------------------------------------------------------- people
def _mislabels(found: Examination, explained: set[str | None]) -> Iterator[Problem]:
    """Photos that agree with somebody else, or with nobody; poor ones may agree with nobody."""
    dataset, agreement = found.dataset, found.agreement
    labels = dataset.labels[found.seen]
    enough = np.bincount(labels, minlength=len(dataset.people))[labels] >= ENOUGH
    nobodys = found.used & enough & (agreement.own < NOBODY) & agreement.tells
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
    names, said = found.dataset.names, set[int]()
    for earlier, later in found.bursts:
        if later in said or {names[earlier], names[later]} & left_out:
            continue
        said.add(later)
        detail = (
            f"taken within {BURST_SECONDS:g} seconds of {names[earlier]}, and alike; they count "
            "as one session"
        )
        yield _problem(found, "burst", later, names[earlier], detail)


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
