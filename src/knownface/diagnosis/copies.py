"""Which photos show one picture, and which of them is worth keeping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np


def first_of_each(marks: Sequence[Hashable]) -> np.ndarray:
    """(n,) index of the first of n marks that equals each."""
    first: dict[Hashable, int] = {}
    return np.array([first.setdefault(mark, i) for i, mark in enumerate(marks)], np.int64)


@dataclass(frozen=True)
class Copies:
    """n photos, of which some show one picture; of many equal ones the first stands for all.

    same: (n,) the first photo that is the same file, or has the same fingerprint, as each.
    alike: pairs of such first photos that are one picture, and whether one is mirrored.
    """

    same: np.ndarray
    alike: Mapping[tuple[int, int], bool]

    def pairs(self) -> Iterator[tuple[int, int]]:
        """As few pairs as hold all copies together."""
        for index in np.flatnonzero(self.same != np.arange(len(self.same))).tolist():
            yield int(self.same[index]), index
        yield from self.alike

    @cached_property
    def mirrored(self) -> np.ndarray:
        """(n,) bool: photos that most of their copies show the other way round."""
        counts = np.bincount(self.same, minlength=len(self.same))
        turned = np.zeros(len(self.same), bool)
        seen: set[int] = set()
        for start in self._neighbours:
            if start in seen:
                continue
            group, waiting = {start: False}, [start]
            while waiting:
                here = waiting.pop()
                for there, flips in self._neighbours[here].items():
                    if there not in group:
                        group[there] = group[here] ^ flips
                        waiting.append(there)
            seen |= group.keys()
            sides = [[i for i, side in group.items() if side is which] for which in (False, True)]
            plain, other = (int(counts[side].sum()) for side in sides)
            if plain != other:
                turned[sides[plain > other]] = True
        return np.asarray(turned[self.same])

    def replaced(self, labels: np.ndarray, rank: Callable[[int], Any]) -> dict[int, int]:
        """Each photo that has a better copy under the same label, and that copy, which stays.

        rank: the lowest is the best.
        """
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index in self._copied:
            groups[int(self.same[index]), int(labels[index])].append(index)
        ranks = {index: rank(index) for group in groups.values() for index in group}
        best = {place: min(group, key=ranks.__getitem__) for place, group in groups.items()}
        stays: dict[tuple[int, int], int] = {}
        replaced: dict[int, int] = {}
        for place in sorted(best, key=lambda place: ranks[best[place]]):
            first, label = place
            near = [stays[there, label] for there in self._neighbours.get(first, ())
                    if (there, label) in stays]  # fmt: skip
            keeper = min(near, key=ranks.__getitem__) if near else best[place]
            if not near:
                stays[place] = keeper
            replaced |= {index: keeper for index in groups[place] if index != keeper}
        return replaced

    def across(self, labels: np.ndarray, without: Collection[int]) -> Iterator[list[int]]:
        """Groups of copies under different labels, past some photos."""
        groups: dict[int, list[int]] = defaultdict(list)
        for index in self._copied:
            if index not in without:
                groups[int(self.same[index])].append(index)
        yield from (group for group in groups.values() if len({*labels[group].tolist()}) > 1)
        for first, second in self.alike:
            for a, b in product(groups[first], groups[second]):
                if labels[a] != labels[b]:
                    yield [a, b]

    @cached_property
    def _neighbours(self) -> Mapping[int, dict[int, bool]]:
        found: defaultdict[int, dict[int, bool]] = defaultdict(dict)
        for (a, b), mirrored in self.alike.items():
            found[a][b] = found[b][a] = mirrored
        return found

    @cached_property
    def _copied(self) -> list[int]:
        """Photos that have a copy."""
        counts = np.bincount(self.same, minlength=len(self.same))
        counts[np.array([*self._neighbours], np.int64)] += 1
        return np.flatnonzero(counts[self.same] > 1).tolist()
