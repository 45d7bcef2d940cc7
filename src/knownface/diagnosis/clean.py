"""A cleaned copy of a folder of people, and what is to be known of it; the original stays."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knownface.diagnosis.findings import Diagnosis, Problem
from knownface.errors import KnownfaceError
from knownface.faces.photo import write_turned
from knownface.files.runs import run_folder
from knownface.files.whole import private_folder, whole_file
from knownface.options import argument
from knownface.progress import Track, silent
from knownface.visible import table_cell

LIST = "what-was-done.csv"


@contextmanager
def new_copy(target: Path | None, data: Path) -> Iterator[Path | None]:
    """A hidden folder beside `target` that takes its name after success, or None for None.

    Refused at once, before any work: a target with something in it, or inside the original.
    """
    if target is None:
        yield None
        return
    if target.resolve().is_relative_to(data.resolve()):
        raise KnownfaceError(
            f"{argument('fix', target)}: lies inside {data}, which is never changed"
        )
    with run_folder(target, target.name, "fix") as run:
        yield run.work


def copy_good(diagnosis: Diagnosis, target: Path, track: Track = silent) -> int:
    """Copy what is not left out into `target/<person>/`, upright; how many photos that are.

    LIST in the copy says what was done and why, and what else its owner may want to do.
    Raises KnownfaceError where nothing is good, or a photo has gone since.
    """
    if not (good := diagnosis.good):
        raise KnownfaceError(f"{diagnosis.root}: no photo is good enough for a cleaned copy")
    for photo in track(good, "Copying", len(good)):
        place = target / photo
        try:
            private_folder(place.parent)
            if turns := diagnosis.turns.get(photo):
                write_turned(diagnosis.root / photo, place, turns)
            else:
                shutil.copy2(diagnosis.root / photo, place)
        except FileNotFoundError:
            raise KnownfaceError(
                f"{diagnosis.root / photo}: has gone since it was checked; check again"
            ) from None
    with (
        whole_file(target / LIST) as part,
        part.open("w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("what", "photo or folder", "why"))
        writer.writerows(map(table_cell, row) for row in changes(diagnosis))
    return len(good)


def changes(diagnosis: Diagnosis) -> Iterator[tuple[str, str, str]]:
    """What a cleaned copy does, and what is left to decide: what, of which photo or folder, why."""
    why: dict[str, list[str]] = {}
    for problem in diagnosis.problems:
        if problem.photo and problem.kind != "burst":
            why.setdefault(problem.photo, []).append(problem.detail)
    nobody = {problem.person: problem.detail for problem in diagnosis.of_kind("not_one_person")}
    for photo in sorted(diagnosis.left_out):
        person = photo.partition("/")[0]
        reasons = why.get(photo) or [f"{person} {nobody.get(person, 'has no usable photo')}"]
        yield "left out", photo, "; ".join(reasons)
    for photo, turns in sorted(diagnosis.turns.items()):
        if photo not in diagnosis.left_out:
            yield "turned upright", photo, f"by {90 * turns} degrees clockwise"
    for problem in diagnosis.problems:
        if what := _suggestion(problem, diagnosis.left_out):
            yield what, problem.photo or problem.person, problem.detail


def _suggestion(problem: Problem, left_out: frozenset[str]) -> str:
    """What its owner may do about a problem that no copy can settle; empty for others."""
    here, other = problem.person, problem.other
    if problem.kind == "two_names" and problem.photo in left_out:
        return f"suggestion: move it out of {here}, or out of {str(other).partition('/')[0]}"
    return {
        "mislabel": f"suggestion: move it from {here} to {other}" if other
        else f"suggestion: look whether this is {here}",
        "one_person": f"suggestion: merge {here} into {other}",
        "similar_names": f"suggestion: merge {here} into {other}, if they are one person",
        "not_one_person": "suggestion: give this folder as strangers",
        "few_photos": "suggestion: add photos of this person",
    }.get(problem.kind, "")  # fmt: skip
