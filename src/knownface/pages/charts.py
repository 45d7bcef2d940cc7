"""Small charts as SVG that takes its colours from the page, so that they suit dark mode."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knownface.measure.explanation import Point

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 22, 10, 40
MAP = 600, 420
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

    def ticks(self) -> list[tuple[float, str]]:
        """Places from 0 to 1, and what is written there."""
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
        return list(zip(self.place(list(values)), texts, strict=True))


@dataclass(frozen=True)
class Line:
    """Points (x, y) joined in order; low and high: a band around them.

    sizes: from 0 to 1, of dots instead of a line.
    """

    x: Sequence[float]
    y: Sequence[float]
    style: str = "line"
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    sizes: Sequence[float] | None = None


def chart(title: str, x: Axis, y: Axis, lines: Sequence[Line], caption: str) -> str:
    """A figure with a caption; title is what a screen reader says."""
    parts = ["<g class='grid'>"]
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for place, label in x.ticks():
        at = LEFT + place * (right - LEFT)
        parts.append(f"<path d='M{at:.1f} {TOP}V{bottom}'/>")
        parts.append(f"<text x='{at:.1f}' y='{bottom + 15}' class='middle'>{label}</text>")
    for place, label in y.ticks():
        at = bottom - place * (bottom - TOP)
        parts.append(f"<path d='M{LEFT} {at:.1f}H{right}'/>")
        parts.append(f"<text x='{LEFT - 6}' y='{at + 4:.1f}' class='end'>{label}</text>")
    middle = f"x='{(LEFT + right) / 2}' y='{HEIGHT - 6}'"
    parts.append(f"<text {middle} class='middle name'>{html.escape(x.label)}</text></g>")
    for line in lines:
        if line.low is not None and line.high is not None:
            band = [*line.x, *reversed(line.x)], [*line.high, *reversed(line.low)]
            parts.append(f"<path class='band' d='{_path(x, y, *band)}Z'/>")
        if line.sizes is None:
            parts.append(f"<path class='{line.style}' d='{_path(x, y, line.x, line.y)}'/>")
        else:
            dots = zip(*_places(x, y, line.x, line.y), line.sizes, strict=True)
            parts += [
                f"<circle class='{line.style}' cx='{a:.1f}' cy='{d:.1f}' r='{2 + DOT * size:.1f}'/>"
                for a, d, size in dots
            ]
    svg = f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{html.escape(title)}'>"
    return (
        f"<figure class='chart'><p>{html.escape(y.label)}</p>{svg}{''.join(parts)}</svg>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _places(
    x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    across = LEFT + x.place(xs) * (WIDTH - RIGHT - LEFT)
    return across, HEIGHT - BOTTOM - y.place(ys) * (HEIGHT - BOTTOM - TOP)


def _path(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{a:.1f} {d:.1f}" for a, d in zip(*_places(x, y, xs, ys), strict=True))


def scatter(points: Sequence[Point], people: Sequence[str]) -> str:
    """The map: training photos as dots, tested ones as crosses, strangers grey.

    A choice above it shows one person alone.
    """
    width, height = MAP
    marks: dict[str, list[str]] = {name: [] for name in ("", *people)}
    for p in points:
        x, y = 10 + p.x * (width - 20), 10 + p.y * (height - 20)
        title = f"<title>{html.escape(f'{p.person}: {p.photo} ({p.kind})')}</title>"
        at = f"M{x:.1f} {y:.1f}"
        shape = f"{at}m-4-4l8 8m0-8l-8 8" if p.kind == "test" else f"{at}h0"
        owner = "" if p.kind == "stranger" else p.person
        marks.setdefault(owner, []).append(f"<path class='{p.kind}' d='{shape}'>{title}</path>")
    groups = "".join(
        f"<g data-person='{html.escape(name)}' style='--hue:{i * GOLDEN_ANGLE % 360:.0f}'>"
        + "".join(sorted(shown, reverse=True))  # dots first, crosses above them
        + "</g>"
        for i, (name, shown) in enumerate(marks.items())
        if shown
    )
    options = "".join(f"<option>{html.escape(name)}</option>" for name in people)
    return (
        "<p><label>Show <select id='who'><option value=''>everybody</option>"
        f"{options}</select></label></p>\n<svg class='map' viewBox='0 0 {width} {height}' "
        f"role='img' aria-label='Map of the embeddings'>{groups}</svg>"
    )
