"""What is wrong with a folder of people, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# In the order in which a report shows them, with what each means.
KINDS = {
    "unreadable": "Cannot be read",
    "no_face": "No face",
    "several_faces": "Several faces",
    "mislabel": "Probably somebody else",
    "two_names": "The same photo under two names",
    "duplicate": "The same file twice",
    "near_duplicate": "The same picture twice",
    "burst": "Taken within seconds of another",
    "too_small": "Face too small",
    "blurred": "Blurred",
    "dark": "Too dark, or too bright",
    "sideways": "On their side, or upside down",
    "few_photos": "People with few photos",
    "one_person": "Folders that are probably one person",
    "not_one_person": "Folders that are not one person",
    "similar_names": "Folders whose names are almost the same",
}


@dataclass(frozen=True)
class Problem:
    """One finding.

    kind: a key of KINDS. photo: path inside the folder; None where it concerns a whole person.
    other: the other photo or person concerned, if any.
    """

    kind: str
    photo: str | None
    person: str
    other: str | None
    detail: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not self.detail:
            raise ValueError(f"no such kind of problem, or no detail. Received: {self}")


@dataclass(frozen=True)
class Diagnosis:
    """What a check found.

    left_out: photos that a cleaned copy goes without.
    examples: a typical photo of each person who has one.
    turns: quarter turns clockwise for photos that are not upright.
    """

    root: Path
    people: tuple[str, ...]
    photos: tuple[str, ...]
    problems: tuple[Problem, ...]
    left_out: frozenset[str]
    examples: dict[str, str]
    device: str
    turns: Mapping[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        found = f"{len(self.photos)} photos of {len(self.people)} people"
        return f"Diagnosis({str(self.root)!r}, {found}, {len(self.problems)} problems)"

    @property
    def good(self) -> list[str]:
        """The photos of a cleaned copy."""
        return [photo for photo in self.photos if photo not in self.left_out]

    def of_kind(self, kind: str) -> list[Problem]:
        """Those problems, in the folder's order."""
        return [problem for problem in self.problems if problem.kind == kind]

    def to_json(self) -> dict[str, Any]:
        """The document of `check --json`."""
        problems = [asdict(problem) for problem in self.problems]
        return {"people": len(self.people), "photos": len(self.photos), "problems": problems}
