"""The findings of `check` as one page that needs nothing else: thumbnails are inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knownface.diagnosis.findings import KINDS, Diagnosis, Problem
from knownface.faces.photo import ImageError, read_image
from knownface.pages.page import Card, write_page
from knownface.pages.pictures import FaceSheet, Figure

PICTURE = 112  # pixels: whole photos need more of them than faces
MOST = 1000  # findings shown per kind, so that a page stays below 5 MB; the JSON document has all
ADVICE = {
    "unreadable": "Copy these files again from their source, or remove them.",
    "no_face": "Nobody can be learnt from these. Cut them closer to the face, or remove them.",
    "several_faces": "Cut each to the person it is filed under.",
    "mislabel": "Move each to the right folder, or remove it. Agreement is 0 for a stranger "
    "and 1 for a typical photo of the person; profiles, masks, drawings and childhood photos can "
    "be right and land here all the same.",
    "two_names": "One picture cannot be two people: keep it where it belongs.",
    "duplicate": "Keep one of each.",
    "near_duplicate": "Re-saved, resized, mirrored, grey or cut differently: one of each is "
    "enough, and copies on both sides of a split make a test look better than it is.",
    "burst": "Nothing to mend: a split keeps them together.",
    "too_small": "Use the original photo if there is a larger one.",
    "blurred": "The network sees little in these; sharper photos help more.",
    "dark": "Use a photo with more even light.",
    "sideways": "Turn them upright; a cleaned copy does so.",
    "few_photos": "Add photos of these people, from different days.",
    "one_person": "Their photos are as alike as those of one folder: merge the two folders.",
    "not_one_person": "Their photos do not agree with each other: sort them into a folder per "
    "person, or keep them apart and give them to `train` as `--strangers`.",
    "similar_names": "If both are one person, merge the folders.",
}


@dataclass(frozen=True)
class Kind:
    """Findings of one kind: how many there are, what to do, and cards of the first of them."""

    title: str
    count: int
    advice: str
    cards: list[Card]


def write_check(path: Path, diagnosis: Diagnosis) -> None:
    """Write the page whole or not at all; raises OSError where that is impossible."""
    sheet = FaceSheet(PICTURE)
    found = {kind: diagnosis.of_kind(kind) for kind in KINDS}
    kinds = [
        Kind(
            KINDS[kind],
            len(problems),
            ADVICE[kind],
            [_card(problem, diagnosis, sheet) for problem in problems[:MOST]],
        )
        for kind, problems in found.items()
        if problems
    ]
    write_page(
        path,
        "check.html.jinja",
        name=diagnosis.root.resolve().name,
        diagnosis=diagnosis,
        kinds=kinds,
        sheet=sheet,
        data=None,
    )


def _card(problem: Problem, diagnosis: Diagnosis, sheet: FaceSheet) -> Card:
    """The photo, what it is compared with, and the words."""
    pictures = {
        what: [_picture(photo, what, diagnosis.root, sheet)]
        for photo, what in _photos(problem, diagnosis.examples)
    }
    return Card(problem.photo or problem.person, problem.detail, pictures)


def _photos(problem: Problem, examples: dict[str, str]) -> Iterator[tuple[str, str]]:
    if problem.photo:
        yield problem.photo, "this photo"
    if problem.kind == "mislabel":
        for name in (problem.person, problem.other):
            if name in examples:
                yield examples[name], f"typical of {name}"
    elif problem.photo and problem.other:
        yield problem.other, "the other photo"


def _picture(photo: str, what: str, root: Path, sheet: FaceSheet) -> Figure | None:
    """None where the photo cannot be read, or the page is full."""
    number = sheet.get(photo)
    try:
        if number is None and not sheet.full:
            number = sheet.add(photo, read_image(root / photo))
    except ImageError:
        return None
    return sheet.figure(number, f"{photo}, {what}")
