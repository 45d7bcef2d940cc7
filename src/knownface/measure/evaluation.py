"""How good a recogniser is on photos it has not seen: of its people, and of strangers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError
from knownface.files.runs import write_json
from knownface.files.values import Count, Interval, Rate, Share, from_json, read_json
from knownface.measure.confidence import Calibration
from knownface.measure.folds import Folds
from knownface.measure.gaps import GroupGap
from knownface.measure.groups import GroupScore
from knownface.measure.learning_curve import LearningPoint
from knownface.measure.look_alikes import LookAlike
from knownface.measure.open_set import OpenSet
from knownface.measure.years import YearsScore


@dataclass(frozen=True)
class PersonScore:
    """One row of the per-person table."""

    name: str
    precision: Share
    recall: Share
    f1: Share
    support: Count


@dataclass(frozen=True)
class WrongAnswer:
    """A known person's photo that was taken for somebody else."""

    photo: str
    true: str
    predicted: str
    similarity: float
    nearest: dict[str, list[str]]


@dataclass(frozen=True)
class CandidateScore:
    """A candidate of recipe `best`, or the one network that there is.

    dir_at_1_percent: DIR at FAR 1 %, None where nobody played the stranger; seconds: from the start
    until it was measured; measured_on: what.
    """

    name: str
    accuracy: float
    dir_at_1_percent: float | None = field(metadata={"key": "dir_at_far_0.01"})
    seconds: float
    measured_on: str

    def to_json(self) -> dict[str, Any]:
        return {each.metadata.get("key", each.name): getattr(self, each.name)
                for each in fields(self)}  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """`evaluation.json`. Row i of the confusion matrix is the true person people[i].

    accuracy, its interval, balanced_accuracy, top5_accuracy: None where no photo of a known person
        was tested. Raises ValueError where parts do not belong together.
    """

    accuracy: Share | None
    accuracy_ci95: Interval | None
    balanced_accuracy: Share | None
    top5_accuracy: Share | None
    people: list[str]
    confusion_matrix: list[list[Count]]
    per_person: list[PersonScore]
    open_set: OpenSet
    calibration: Calibration | None
    look_alikes: list[LookAlike]
    learning_curve: list[LearningPoint]
    split: dict[str, int | float | None]
    errors: list[WrongAnswer]
    notes: list[dict[str, str]]
    backbone: str
    recipe: str
    device: str
    folds: Folds | None = None
    candidates: list[CandidateScore] = field(default_factory=list)
    chosen: str = ""
    reason: str = ""
    seconds: Rate = 0.0
    images_per_second: Rate = 0.0
    groups: list[GroupScore] = field(default_factory=list)
    group_gaps: list[GroupGap] = field(default_factory=list)
    by_years: list[YearsScore] = field(default_factory=list)

    def __post_init__(self) -> None:
        for agrees, words in self._agreements():
            if not agrees:
                raise ValueError(words)

    def _agreements(self) -> Iterator[tuple[bool, str]]:
        """What the parts must have in common, in an order in which each relies on those before."""
        people, matrix = self.people, self.confusion_matrix
        yield len(set(people)) == len(people) > 0, "people must be different names, and some"
        square = len(matrix) == len(people) and all(len(row) == len(people) for row in matrix)
        yield square, f"confusion_matrix must have {len(people)} rows and columns, one per person"
        rows = [(person.name, person.support) for person in self.per_person]
        sums = list(zip(people, map(sum, matrix), strict=True))
        yield rows == sums, "per_person must list the people and their photos as confusion_matrix"
        right = sum(row[i] for i, row in enumerate(matrix))
        close = self.accuracy is None or math.isclose(
            self.accuracy * self.tested, right, abs_tol=1e-6 * self.tested
        )
        close = close and (self.accuracy is None) == (self.tested == 0)
        yield close, f"accuracy must be that of confusion_matrix, {right} of {self.tested}"
        yield len(self.errors) == self.tested - right, "errors must be the photos that went wrong"
        shown = self.open_set
        same = shown.dir_at_far.keys() == shown.dir_at_far_ci95.keys()
        yield same, "open_set.dir_at_far and its intervals must have the same rates"
        lengths = {name: len(values) for name, values in shown.curve.items()}
        even = set(lengths) == {"far", "dir"} and lengths["far"] == lengths["dir"]
        yield even, "open_set.curve must have far and dir, of the same length"
        groups = {(each.by, each.group) for each in self.groups}
        named = {(gap.by, group) for gap in self.group_gaps for group in (gap.worst, gap.best)}
        yield named <= groups, "group_gaps must lie between groups"

    @property
    def tested(self) -> int:
        """How many photos of known people the closed-set numbers rest on."""
        return sum(map(sum, self.confusion_matrix))

    @property
    def dir_at_1_percent(self) -> float | None:
        """DIR where 1 % of strangers are accepted; None where nobody played the stranger."""
        return self.open_set.dir_at_far.get("0.01")

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and text."""
        return asdict(self) | {"candidates": [each.to_json() for each in self.candidates]}

    def save(self, path: Path) -> None:
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Evaluation:
        """What `save` wrote, checked; KnownfaceError where it cannot be read or is not sound."""
        try:
            return from_json(cls, read_json(path))
        except (OSError, ValueError) as error:
            raise KnownfaceError(
                f"{path}: not a usable evaluation ({error}); train or evaluate again"
            ) from None
