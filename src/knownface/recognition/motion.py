"""Where a face will be: a constant-velocity Kalman filter of its box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from knownface.faces.detectors.candidates import overlaps as overlap

Box = tuple[float, float, float, float]  # x, y, width, height

# Standard deviations, in heights of the face and seconds: of a box that a detector gives, of the
# speed of a face that was seen once, and of what changes its speed. For the logarithms of height
# and aspect the same, without a unit.
MEASURED = np.array([0.05, 0.05, 0.05, 0.05])
SPEED = np.array([5.0, 5.0, 0.5, 0.2])
PUSH = np.array([6.0, 6.0, 1.0, 0.5])


class Motion:
    """Four filters of two numbers, value and speed: centre x and y, log height, log aspect.

    They share the time step and nothing else, so each is a 2 x 2 matter (Bewley et al., 2016, use
    one filter of seven).
    """

    def __init__(self, box: Box) -> None:
        observed = _observed(box)
        self.values = np.stack([observed, np.zeros(4)], axis=1)  # (4, 2)
        unit = _unit(box)
        self.spread = np.zeros((4, 2, 2))
        self.spread[:, 0, 0] = (MEASURED * unit) ** 2
        self.spread[:, 1, 1] = (SPEED * unit) ** 2

    @property
    def box(self) -> Box:
        return _box(self.values[:, 0])

    def after(self, seconds: float) -> Box:
        """Where the box will be so much later, or was where it is negative."""
        return _box(self.values[:, 0] + seconds * self.values[:, 1])

    def predict(self, seconds: float) -> None:
        """Move on by a time."""
        step = np.array([[1.0, seconds], [0.0, 1.0]])
        push = (PUSH * _unit(self.box)) ** 2
        gain = np.array([seconds**2 / 2, seconds])
        self.values = self.values @ step.T
        self.spread = step @ self.spread @ step.T + push[:, None, None] * np.outer(gain, gain)

    def away(self, boxes: Sequence[Box]) -> np.ndarray:
        """How far boxes are from where it should be, in standard deviations of its place: (n,)."""
        centres = np.array([_observed(box)[:2] for box in boxes])
        spread = self.spread[:2, 0, 0] + (MEASURED[:2] * _unit(self.box)[:2]) ** 2
        return np.asarray(np.sqrt(((centres - self.values[:2, 0]) ** 2 / spread).sum(1)))

    def correct(self, box: Box) -> None:
        """Take in where the face was seen."""
        noise = (MEASURED * _unit(box)) ** 2
        gain = self.spread[:, :, 0] / (self.spread[:, 0, 0] + noise)[:, None]  # (4, 2)
        surprise = _observed(box) - self.values[:, 0]
        self.values = self.values + gain * surprise[:, None]
        self.spread = self.spread - gain[:, :, None] * self.spread[:, None, 0, :]

    def resume(self, last: Box, box: Box, seconds: float) -> None:
        """Go on after a gap: what was predicted in it counts less than both its ends.

        Observation-centric re-update (Cao et al., 2023), with a straight line for the gap.
        """
        self.__init__(box)  # type: ignore[misc]
        self.values[:2, 1] = ((_observed(box) - _observed(last)) / max(seconds, 1e-3))[:2]


def overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> np.ndarray:
    """Intersection over union of each box with each other: (n, m)."""
    if not boxes or not others:
        return np.zeros((len(boxes), len(others)))
    rows = np.array(boxes, float)
    return np.stack([overlap(rows, np.array(other, float)) for other in others], axis=1)


def _unit(box: Box) -> np.ndarray:
    return np.array([box[3], box[3], 1.0, 1.0])


def _observed(box: Box) -> np.ndarray:
    x, y, wide, high = box
    return np.array([x + wide / 2, y + high / 2, np.log(high), np.log(wide / high)])


def _box(values: np.ndarray) -> Box:
    high = float(np.exp(values[2]))
    wide = high * float(np.exp(values[3]))
    return float(values[0]) - wide / 2, float(values[1]) - high / 2, wide, high
