"""Groups of people beside each other, and people who grow older: what pages show of both."""

from __future__ import annotations

from dataclasses import dataclass

from knownface.measure import numbers
from knownface.measure.evaluation import Evaluation
from knownface.measure.numbers import Cell
from knownface.measure.verdict import Comparison, compared
from knownface.pages.page import Table


@dataclass(frozen=True)
class Grouping:
    """One way of grouping: what is to be said, and its groups' known people and strangers."""

    by: str
    said: list[Comparison]
    known: Table
    strangers: Table


def by_group(evaluation: Evaluation) -> list[Grouping]:
    """Each way of grouping."""
    said = list(compared(evaluation))
    return [
        Grouping(
            by,
            [each for each in said if each.by == by],
            _known(evaluation, by),
            _strangers(evaluation, by),
        )
        for by in dict.fromkeys(each.by for each in evaluation.groups)
    ]


def _known(evaluation: Evaluation, by: str) -> Table:
    header = ("Group", "Known people", "Photos", numbers.DIR.name, numbers.ACCURACY.name)
    return Table(f"By {by}, known people", header, [
        (
            each.group, _count(each.people), _count(each.photos), _rate(each.dir, each.dir_ci95),
            _rate(each.accuracy, each.accuracy_ci95),
        )
        for each in evaluation.groups
        if each.by == by and each.photos
    ])  # fmt: skip


def _strangers(evaluation: Evaluation, by: str) -> Table:
    header = ("Group", "Strangers", "Photos", numbers.FAR.name, "Own threshold", "DIR there")
    return Table(f"By {by}, strangers", header, [
        (
            each.group, _count(each.strangers), _count(each.stranger_photos),
            _rate(each.far, each.far_ci95), numbers.THRESHOLD.cell(each.own_threshold),
            _rate(each.dir_at_own_threshold, each.dir_at_own_threshold_ci95),
        )
        for each in evaluation.groups
        if each.by == by and each.stranger_photos
    ])  # fmt: skip


def by_years(evaluation: Evaluation) -> Table:
    """Each span of years between photos of one person."""
    header = ("Apart", "People", "Photos", numbers.DIR.name, numbers.ACCURACY.name)
    return Table("By years between photos", header, [
        (
            (each.name, each.at_least), _count(each.people), _count(each.photos),
            _rate(each.dir, each.dir_ci95), _rate(each.accuracy, each.accuracy_ci95),
        )
        for each in evaluation.by_years
    ])  # fmt: skip


def _count(number: int) -> Cell:
    return str(number), number


def _rate(share: float | None, interval: tuple[float, float] | None) -> Cell:
    return numbers.rate(share, interval), -1.0 if share is None else share
