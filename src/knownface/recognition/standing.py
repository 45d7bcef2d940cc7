"""How many known faces a gallery names, and how many strangers it accepts, at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.recognition.gallery import without_itself

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
    templates: np.ndarray,
    sums: np.ndarray,
    embeddings: np.ndarray,
    labels: np.ndarray,
    tested: np.ndarray,
    strangers: np.ndarray,
    ignored: np.ndarray,
    threshold: float,
) -> Standing:
    """A gallery's standing.

    templates: (p, d); sums: (p, d), that the templates are the directions of. embeddings: (n, d);
    labels: (n,); tested: rows of those that training kept aside. strangers: (m, d); ignored:
    (i, d) templates of people who are never named.
    """
    dir_, far, known = None, None, 0
    if len(templates):
        counts = np.bincount(labels, minlength=len(templates))
        rows = tested[counts[labels[tested]] > 1]
        known = len(rows)
        if known:
            dir_ = float(_named(templates, sums, embeddings[rows], labels[rows], threshold).mean())
        if len(strangers):
            best = (strangers @ templates.T).max(1)
            accepted = best >= threshold
            if len(ignored):
                accepted &= (strangers @ ignored.T).max(1) <= best
            far = float(accepted.mean())
    return Standing(dir_, far, known, len(strangers) if far is not None else 0, threshold)


def _named(
    templates: np.ndarray,
    sums: np.ndarray,
    faces: np.ndarray,
    labels: np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Whether each face (t, d) is named rightly by templates that it has no part in."""
    scores = without_itself(templates, sums, faces, labels)
    return np.asarray((scores.argmax(1) == labels) & (scores.max(1) >= threshold))
