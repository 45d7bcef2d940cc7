"""How good a recogniser is for groups of people, where the user says who belongs to which."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.values import Count, Interval, Share
from knownface.measure.trial import Trial
from knownface.recognition.threshold import Threshold
from knownface.stats.intervals import clustered_interval, dir_interval
from knownface.stats.metrics import dir_at_far, threshold_at_far

NOT_SAID = "not said"  # the group of people whom the file does not name
# People in a group; below, its rates say more of these people than of the group. In 400 draws of 20
# known people the interval of DIR at the group's own threshold for 1 % began too high in 12 % with
# 4 strangers, in 7 % with 8 and in 4 % with 10.
FEWEST_PEOPLE = 10


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
    own_threshold: the lowest at which so few of these stranger photos are accepted as was asked for
        of all; dir_at_own_threshold: what the group's DIR would be there.
    Intervals allow for photos of one person that go wrong together, so that a group of one or two
    people says little; that of `far` starts at 0 where known people played the strangers, and that
    of `dir_at_own_threshold` where the strangers are too few to say how high it has to be, such as
    fewer than FEWEST_PEOPLE.
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
    own_threshold: float | None = None
    dir_at_own_threshold: Share | None = None
    dir_at_own_threshold_ci95: Interval | None = None


@dataclass(frozen=True)
class Names:
    """Names behind the rows of a trial.

    known: (n,) whom each photo shows; strangers: (m,) whose photo each is; untouched: (m,) bool,
        those that played no part in choosing the threshold; given: whether they are strangers, and
        not known people in their place.
    """

    known: np.ndarray
    strangers: np.ndarray
    untouched: np.ndarray
    given: bool


@dataclass(frozen=True)
class Members:
    """The photos of a group in a trial: known (n,) bool, strangers (m,) bool, untouched ones."""

    by: str
    group: str
    known: np.ndarray
    strangers: np.ndarray


def members_of(groups: Groups, names: Names) -> Iterator[list[Members]]:
    """Of each way of grouping: groups by name, and at the end the people whom it leaves out."""
    for by, whose in groups.members.items():
        known, strangers = (
            np.array([whose.get(name, "") for name in each], np.str_)
            for each in (names.known, names.strangers)
        )
        found = sorted({*known.tolist(), *strangers.tolist()}, key=lambda name: (not name, name))
        yield [
            Members(by, name or NOT_SAID, known == name, (strangers == name) & names.untouched)
            for name in found
        ]


def measure_groups(
    groups: Groups | None, trial: Trial, threshold: Threshold, names: Names
) -> list[GroupScore]:
    """Each way of grouping, and each of its groups by itself."""
    if groups is None:
        return []
    return [
        _score(group, trial, threshold, names)
        for each in members_of(groups, names)
        for group in each
    ]


def _score(group: Members, trial: Trial, threshold: Threshold, names: Names) -> GroupScore:
    people, strangers = names.known[group.known], names.strangers[group.strangers]
    accepted = trial.strangers[group.strangers]
    low, high = clustered_interval(accepted, strangers, threshold.value)
    some, found, at_own = len(accepted) > 0, None, None
    best, correct, far = trial.best[group.known], trial.correct[group.known], threshold.far_target
    if some and len(people):
        found = dir_at_far(best, correct, accepted, far)
        at_own = dir_interval(best, correct, accepted, strangers, far, people)
        at_own = at_own if len(np.unique(strangers)) >= FEWEST_PEOPLE else (0.0, at_own[1])
    return GroupScore(
        group.by, group.group,
        people=len(np.unique(people)),
        photos=len(people),
        **trial.of_some(group.known, names.known, threshold.value),
        strangers=len(np.unique(strangers)),
        stranger_photos=len(accepted),
        far=float((accepted >= threshold.value).mean()) if some else None,
        far_ci95=(low if names.given else 0.0, high) if some else None,
        own_threshold=threshold_at_far(accepted, far) if some else None,
        dir_at_own_threshold=found,
        dir_at_own_threshold_ci95=at_own,
    )  # fmt: skip
