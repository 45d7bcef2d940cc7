"""How good a recogniser is for groups of people, where the user says who belongs to which."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.values import Count, Interval, Share
from knownface.measure.trial import Trial
from knownface.stats.intervals import clustered_interval

NOT_SAID = "not said"  # the group of people whom the file does not name


@dataclass(frozen=True)
class Groups:
    """Who belongs to which group; members: by heading of a column, then by person."""

    path: Path
    members: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, path: str | Path) -> Groups:
        """A CSV file: `person`, then one column for each way of grouping, such as `age`.

        Commas or semicolons part the columns; an empty cell says nothing. Raises KnownfaceError
        where the file cannot be read, is of another form, or names a person twice.
        """
        path = Path(path)
        by, rows = _table(path)
        members: dict[str, dict[str, str]] = {each: {} for each in by}
        named: set[str] = set()
        for line, (person, *groups) in rows.items():
            if person in named:
                raise KnownfaceError(f"{path}: line {line} names {person} again; keep one line")
            named.add(person)
            for each, group in zip(by, groups, strict=True):
                if group:
                    members[each][person] = group
        return cls(path, members)

    def expect(self, people: Iterable[str]) -> None:
        """KnownfaceError where none of these people is named."""
        named = {person for each in self.members.values() for person in each}
        if not named & {*people}:
            raise KnownfaceError(
                f"{self.path}: names none of the people; write them as their folders are called"
            )


def _table(path: Path) -> tuple[list[str], dict[int, list[str]]]:
    """Names of the ways of grouping, and by number of the line its person and groups."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise KnownfaceError(f"{path}: cannot be read ({reason})") from None
    comma = ";" if lines and ";" in lines[0] and "," not in lines[0] else ","
    table = [
        [unicodedata.normalize("NFC", cell.strip()) for cell in row]
        for row in csv.reader(lines, delimiter=comma)
    ]
    header = table[0] if table else []
    if len(header) < 2 or header[0].lower() != "person" or len({*header, ""}) <= len(header):
        raise KnownfaceError(
            f"{path}: its first line must be person and different names for the ways of grouping, "
            "such as person,age"
        )
    rows = {line: row for line, row in enumerate(table[1:], 2) if any(row)}
    for line, row in rows.items():
        if len(row) != len(header):
            raise KnownfaceError(
                f"{path}: line {line} has {len(row)} cells instead of {len(header)}"
            )
    return header[1:], rows


@dataclass(frozen=True)
class GroupScore:
    """One group: how often its known people get their name, and its strangers somebody's.

    by: how people are grouped, the heading of a column; group: which of these.
    people, photos: known people who were tested; strangers, stranger_photos: those who played no
        part in choosing the threshold. A number that nothing was tested for is None.
    Intervals allow for photos of one person that go wrong together, so that a group of one or two
    people says little; that of `far` starts at 0 where known people played the strangers.
    """

    by: str
    group: str
    people: Count
    photos: Count
    accuracy: Share | None
    accuracy_ci95: Interval | None
    dir: Share | None
    dir_ci95: Interval | None
    strangers: Count
    stranger_photos: Count
    far: Share | None
    far_ci95: Interval | None


@dataclass(frozen=True)
class Names:
    """Names behind the rows of a trial.

    known: (n,) whom each photo shows; strangers: (m,) whose photo each is; untouched: (m,) bool,
        those that played no part in choosing the threshold; given: whether they are strangers, and
        not known people in their place.
    """

    known: Sequence[str]
    strangers: Sequence[str]
    untouched: np.ndarray
    given: bool


def measure_groups(
    groups: Groups | None, trial: Trial, threshold: float, names: Names
) -> list[GroupScore]:
    """Each way of grouping, its groups by name, and at its end the people whom it leaves out."""
    scores = []
    for by, members in (groups.members if groups else {}).items():
        known = np.array([members.get(name, "") for name in names.known], np.str_)
        strangers = np.array([members.get(name, "") for name in names.strangers], np.str_)
        strangers_of = {group: (strangers == group) & names.untouched for group in {*strangers}}
        nobody = np.zeros(len(strangers), bool)
        for group in sorted({*known, *strangers}, key=lambda name: (not name, name)):
            rows, others = known == group, strangers_of.get(group, nobody)
            scores.append(_score(by, str(group), trial, threshold, names, rows, others))
    return scores


def _score(
    by: str,
    group: str,
    trial: Trial,
    threshold: float,
    names: Names,
    rows: np.ndarray,
    others: np.ndarray,
) -> GroupScore:
    """rows: (n,) bool, the photos of the group's known people; others: (m,), of its strangers."""
    people = np.unique(np.array(names.known, np.str_)[rows], return_inverse=True)
    strangers = np.unique(np.array(names.strangers, np.str_)[others], return_inverse=True)
    correct, best, margins = trial.correct[rows], trial.best[rows], trial.margins[rows]
    accepted = trial.strangers[others]
    right = np.where(correct, best, -1.0)
    low, high = clustered_interval(accepted, strangers[1], threshold)
    none = not rows.any()
    return GroupScore(
        by, group or NOT_SAID,
        people=len(people[0]),
        photos=int(rows.sum()),
        accuracy=None if none else float(correct.mean()),
        accuracy_ci95=None if none else clustered_interval(margins, people[1], 0.0),
        dir=None if none else float((right >= threshold).mean()),
        dir_ci95=None if none else clustered_interval(right, people[1], threshold),
        strangers=len(strangers[0]),
        stranger_photos=int(others.sum()),
        far=float((accepted >= threshold).mean()) if len(accepted) else None,
        far_ci95=(low if names.given else 0.0, high) if len(accepted) else None,
    )  # fmt: skip
