"""How good a recogniser is on photos it has not seen: of its people, and of strangers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from knownface.files.runs import write_json
from knownface.measure.confidence import Calibration
from knownface.measure.folds import Folds
from knownface.measure.learning_curve import LearningPoint
from knownface.measure.look_alikes import LookAlike
from knownface.measure.open_set import OpenSet


@dataclass(frozen=True)
class PersonScore:
    """One row of the per-person table."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


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
    """`evaluation.json`. Row i of the confusion matrix is the true person people[i]."""

    accuracy: float
    accuracy_ci95: tuple[float, float]
    balanced_accuracy: float
    top5_accuracy: float
    people: list[str]
    confusion_matrix: list[list[int]]
    per_person: list[PersonScore]
    open_set: OpenSet | None
    calibration: Calibration | None
    look_alikes: list[LookAlike]
    learning_curve: list[LearningPoint]
    split: dict[str, Any]
    errors: list[WrongAnswer]
    notes: list[dict[str, str]]
    backbone: str
    recipe: str
    device: str
    folds: Folds | None = None
    candidates: list[CandidateScore] = field(default_factory=list)
    chosen: str = ""
    reason: str = ""
    seconds: float = 0.0
    images_per_second: float = 0.0

    @property
    def tested(self) -> int:
        """How many photos of known people the closed-set numbers rest on."""
        return sum(map(sum, self.confusion_matrix))

    @property
    def dir_at_1_percent(self) -> float | None:
        """DIR where 1 % of strangers are accepted; None where nobody played the stranger."""
        return self.open_set.dir_at_far["0.01"] if self.open_set else None

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and text."""
        return asdict(self) | {"candidates": [each.to_json() for each in self.candidates]}

    def save(self, path: Path) -> None:
        write_json(path, self.to_json())
