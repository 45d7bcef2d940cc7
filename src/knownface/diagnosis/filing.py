"""Photos and folders that contradict each other: what `check` lists and training leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from knownface.diagnosis.agreement import OUTVOTED, SOMEBODY, Agreement
from knownface.diagnosis.findings import Problem


@dataclass(frozen=True)
class Filing:
    """n photos as they are filed, of which m have a face.

    people: names; photos: n paths; labels: (n,) index into `people`.
    seen: (m,) indices of photos; `agreement` has one entry for each of them.
    """

    people: Sequence[str]
    photos: Sequence[str]
    labels: np.ndarray
    seen: np.ndarray
    agreement: Agreement

    def folders(self) -> Iterator[Problem]:
        """Folders that show no one person, and pairs of folders that show the same one."""
        for index in np.flatnonzero(self.agreement.mixed).tolist():
            detail = (
                "is not one person: its photos do not agree with each other; give them as "
                "strangers, or sort them into a folder per person"
            )
            yield Problem("not_one_person", None, self.people[index], None, detail)
        for first, second in self.agreement.same:
            name, other = self.people[first], self.people[second]
            detail = f"{name} and {other} are probably one person: merge the folders"
            yield Problem("one_person", None, other, name, detail)

    def misfiled(self) -> Iterator[tuple[int, Problem]]:
        """Photos that agree with another person clearly more than with their own; by row."""
        for row in np.flatnonzero(self.agreement.outvoted).tolist():
            index, rival = int(self.seen[row]), int(self.agreement.rival[row])
            if self._explained(int(self.labels[index]), rival):
                continue
            own, other = self.agreement.own[row], self.agreement.other[row]
            name = self.people[rival]
            detail = f"agrees with {name} ({other:.2f}) more than with this folder ({own:.2f})"
            yield row, self._problem("mislabel", index, name, detail)

    def two_names(self, copies: Iterable[tuple[int, int]]) -> Iterator[Problem]:
        """Copies under two names: the wrong one, if the face says clearly whose it is, else both.

        copies: pairs of photos. Photos of two people are no conflict where each folder uses the
        face that agrees with it.
        """
        for a, b in copies:
            if self._explained(int(self.labels[a]), int(self.labels[b])):
                continue
            if self._clearly_own(a) and self._clearly_own(b):
                continue
            yield from self._wrong_of(a, b)

    def _wrong_of(self, a: int, b: int) -> Iterator[Problem]:
        wrong, right = sorted((a, b), key=self._own)
        low, high = self._own(wrong), self._own(right)
        name, other = self.photos[wrong], self.photos[right]
        if high >= SOMEBODY and high - low >= OUTVOTED:
            detail = (
                f"the same picture as {other}, and the face agrees with "
                f"{self.people[self.labels[right]]} ({high:.2f}, here {low:.2f})"
            )
            yield self._problem("two_names", wrong, other, detail)
            return
        detail = "the same picture under two names, and the face does not say whose it is"
        yield self._problem("two_names", wrong, other, detail)
        yield self._problem("two_names", right, name, detail)

    @cached_property
    def _row(self) -> dict[int, int]:
        return {index: row for row, index in enumerate(self.seen.tolist())}

    def _own(self, index: int) -> float:
        row = self._row.get(index)
        return 0.0 if row is None else float(self.agreement.own[row])

    def _clearly_own(self, index: int) -> bool:
        """One face cannot be so in two folders: what is own in one is the rival of the other."""
        own, row = self._own(index), self._row.get(index)
        if row is None:
            return False
        return own >= SOMEBODY and own - float(self.agreement.other[row]) >= OUTVOTED

    def _explained(self, person: int, other: int) -> bool:
        """By what `folders` says, or by nothing, as both are the same."""
        pair = (min(person, other), max(person, other))
        mixed = self.agreement.mixed
        return person == other or pair in self.agreement.same or bool(mixed[person] | mixed[other])

    def _problem(self, kind: str, index: int, other: str, detail: str) -> Problem:
        person = self.people[self.labels[index]]
        return Problem(kind, self.photos[index], person, other, detail)
