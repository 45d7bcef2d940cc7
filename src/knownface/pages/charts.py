"""Small charts as SVG that takes its colours from the page, so that they suit dark mode.

Coordinates are computed here; `parts.html.jinja` draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from knownface.measure.explanation import Point

DOT = 12  # radius of one that stands for everything
GOLDEN_ANGLE = 137.508  # degrees; neighbouring hues differ for any number of people


@dataclass(frozen=True)
class Axis:
    """A scale from low to high; log: by powers of ten; shares are written as percentages."""

    label: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    shares: bool = True

    def place(self, values: Sequence[float]) -> np.ndarray:
        """Where values lie between low, 0, and high, 1; what lies outside is moved to the edge."""
        low, high, shown = self.low, self.high, np.clip(values, self.low, self.high)
        if self.log:
            low, high, shown = np.log10(low), np.log10(high), np.log10(shown)
        return np.asarray((shown - low) / (high - low))

    def ticks(self) -> tuple[list[float], list[str]]:
        """Values, and what is written there."""
        if self.log:
            powers = range(round(np.log10(self.low)), round(np.log10(self.high)) + 1)
            values = np.array([10.0**power for power in powers])
        else:
            from matplotlib.ticker import MaxNLocator

            values = np.asarray(
                MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
            )
        values = values[(values >= self.low - 1e-9) & (values <= self.high + 1e-9)]
        texts = [f"{100 * v:g} %" if self.shares else f"{v:g}" for v in values.round(9)]
        return values.tolist(), texts


@dataclass(frozen=True)
class Line:
    """Points (x, y) joined in order; low and high: a band around them.

    sizes: from 0 to 1, of dots instead of a line.
    """

    x: Sequence[float]
    y: Sequence[float]
    style: str = "line"
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    sizes: Sequence[float] = ()


@dataclass(frozen=True)
class Chart:
    """Lines over two axes; title: what a screen reader says of it."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    caption: str

    width: ClassVar[int] = 360
    height: ClassVar[int] = 250
    left: ClassVar[int] = 46
    right: ClassVar[int] = width - 22
    top: ClassVar[int] = 10
    bottom: ClassVar[int] = height - 40

    @property
    def columns(self) -> list[tuple[float, str]]:
        """Where the lines of the grid go down, and what is written under each."""
        values, texts = self.x.ticks()
        return list(zip(self._across(values), texts, strict=True))

    @property
    def rows(self) -> list[tuple[float, str]]:
        """Where the lines of the grid go across, and what is written beside each."""
        values, texts = self.y.ticks()
        return list(zip(self._down(values), texts, strict=True))

    def path(self, line: Line) -> str:
        return self._joined(line.x, line.y)

    def band(self, line: Line) -> str:
        """Its outline: along the upper bounds and back along the lower ones."""
        return self._joined([*line.x, *reversed(line.x)], [*line.high, *reversed(line.low)]) + "Z"

    def dots(self, line: Line) -> list[tuple[float, float, float]]:
        """Centres and radii."""
        radii = [round(2 + DOT * size, 1) for size in line.sizes]
        return list(zip(self._across(line.x), self._down(line.y), radii, strict=True))

    def _joined(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        places = zip(self._across(xs), self._down(ys), strict=True)
        return "M" + "L".join(f"{x} {y}" for x, y in places)

    def _across(self, values: Sequence[float]) -> list[float]:
        return _tenths(self.left + self.x.place(values) * (self.right - self.left))

    def _down(self, values: Sequence[float]) -> list[float]:
        return _tenths(self.bottom - self.y.place(values) * (self.bottom - self.top))


def _tenths(values: np.ndarray) -> list[float]:
    return [round(float(value), 1) for value in values]


# ---------------------------------------------------------------- map
@dataclass(frozen=True)
class Group:
    """One person's marks on the map, each a kind, a path of SVG and a title; hue in degrees."""

    person: str
    hue: float
    marks: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class FaceMap:
    """Training photos as dots, tested ones as crosses, strangers grey, by person."""

    people: Sequence[str]
    groups: Sequence[Group]

    width: ClassVar[int] = 600
    height: ClassVar[int] = 420

    @classmethod
    def of(cls, points: Sequence[Point], people: Sequence[str]) -> FaceMap:
        names = dict.fromkeys(["", *people, *(p.person for p in points)])
        groups = {name: Group(name, round(i * GOLDEN_ANGLE % 360)) for i, name in enumerate(names)}
        for p in points:
            x, y = 10 + p.x * (cls.width - 20), 10 + p.y * (cls.height - 20)
            shape = "m-4-4l8 8m0-8l-8 8" if p.kind == "test" else "h0"
            mark = p.kind, f"M{x:.1f} {y:.1f}{shape}", f"{p.person}: {p.photo} ({p.kind})"
            groups["" if p.kind == "stranger" else p.person].marks.append(mark)
        for group in groups.values():
            group.marks.sort(reverse=True)  # dots first, crosses above them
        return cls(people, [group for group in groups.values() if group.marks])
