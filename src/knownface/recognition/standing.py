"""How many known faces a gallery names, and how many strangers it accepts, at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.recognition.gallery import Gallery

MOST_TEMPLATES = 100_000  # of more, testing at every change would take longer than the change


@dataclass(frozen=True)
class Standing:
    """At a threshold, of the photos that training kept aside.

    dir: share of the known faces that get their own name, each compared with its person's template
        without itself; known: how many. far: share of the strangers that get a name; strangers:
        how many. None for what nothing was tested on.
    """

    dir: float | None
    far: float | None
    known: int
    strangers: int
    threshold: float

    def sentence(self) -> str:
        if self.dir is None and self.far is None:
            return "Nothing was kept aside to test on"
        return ", ".join(self._parts())

    def _parts(self) -> list[str]:
        parts = []
        if self.dir is not None:
            parts.append(f"{self.dir:.1%} of {self.known} known faces named")
        if self.far is not None:
            parts.append(f"{self.far:.1%} of {self.strangers} strangers accepted")
        return parts

    def compared_with(self, before: Standing) -> str:
        """One line: what it is now, and what it was."""
        if (before.dir, before.far) == (self.dir, self.far):
            return f"Test: {self.sentence()}, as before"
        return f"Test: {self.sentence()} (before: {before.sentence()})"


def measure(
    gallery: Gallery,
    sums: np.ndarray,
    tested: np.ndarray,
    strangers: np.ndarray,
    ignored: np.ndarray,
    threshold: float,
) -> Standing:
    """A gallery's standing.

    sums: (p, d), that its templates are the directions of; tested: rows of the faces that training
    kept aside. strangers: (m, d); ignored: (i, d) templates of people who are never named.
    """
    dir_, far, known = None, None, 0
    if gallery.people:
        counts = np.bincount(gallery.labels, minlength=len(gallery.people))
        rows = tested[counts[gallery.labels[tested]] > 1]
        known = len(rows)
        if known:
            scores, labels = gallery.without_itself(rows, sums), gallery.labels[rows]
            named = (scores.argmax(1) == labels) & (scores.max(1) >= threshold)
            dir_ = float(named.mean())
        if len(strangers):
            best = gallery.match(strangers)[1]
            accepted = best >= threshold
            if len(ignored):
                accepted &= gallery.against(ignored).scores(strangers).max(1) <= best
            far = float(accepted.mean())
    return Standing(dir_, far, known, len(strangers) if far is not None else 0, threshold)
