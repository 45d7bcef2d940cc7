"""What one threshold for all does to groups: which fares worst, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

from knownface.files.values import Cosine, Share
from knownface.measure.groups import NOT_SAID, Groups, Members, Names, members_of
from knownface.measure.trial import Trial
from knownface.stats.intervals import clustered_interval, gap_interval, level_of_each


@dataclass(frozen=True)
class GroupGap:
    """The largest gap between two groups that is more than chance; where none is, the largest.

    by: how people are grouped. rate: `dir`, how many known faces are named rightly, or `far`, how
        many strangers are accepted. worst, best: the two groups.
    gap: between their rates; gap_ci95: for all pairs of groups at once, so that picking the largest
        makes nothing of chance; below 0 where the worst may be the better one.
    """

    by: str
    rate: Literal["dir", "far"]
    worst: str
    best: str
    gap: Share
    gap_ci95: tuple[Cosine, Cosine]

    @property
    def more_than_chance(self) -> bool:
        return self.gap_ci95[0] > 0


Rate = tuple[str, float, tuple[float, float]]  # a group, its share, and the interval


def measure_gaps(
    groups: Groups | None, trial: Trial, threshold: float, names: Names
) -> list[GroupGap]:
    """For each way of grouping that of DIR and that of FAR, where two groups were tested for it."""
    found = []
    for everybody in members_of(groups, names) if groups else ():
        members = [each for each in everybody if each.group != NOT_SAID]
        rates: dict[Literal["dir", "far"], list[Rate]] = {
            "dir": _rates(
                [(each, trial.own[each.known], names.known[each.known]) for each in members],
                threshold,
            ),
            "far": _rates(
                [
                    (each, trial.strangers[each.strangers], names.strangers[each.strangers])
                    for each in members
                ],
                threshold, names.given,
            ),
        }  # fmt: skip
        found += [
            _largest(members[0].by, rate, each) for rate, each in rates.items() if len(each) > 1
        ]
    return found


def _rates(
    scores: Sequence[tuple[Members, np.ndarray, np.ndarray]], threshold: float, given: bool = True
) -> list[Rate]:
    """Of each group that was tested, the share at or above the threshold.

    given: False where known people played the strangers, whose intervals start at 0.
    """
    tested = [each for each in scores if len(each[1])]
    z = level_of_each(len(tested) * (len(tested) - 1) // 2)
    rates = []
    for members, similarities, whose in tested:
        low, high = clustered_interval(similarities, whose, threshold, z)
        share = float((similarities >= threshold).mean())
        rates.append((members.group, share, (low if given else 0.0, high)))
    return rates


def _largest(by: str, rate: Literal["dir", "far"], rates: Sequence[Rate]) -> GroupGap:
    def gap(pair: tuple[Rate, Rate]) -> GroupGap:
        (one, high, of_high), (other, low, of_low) = pair
        worst, best = (other, one) if rate == "dir" else (one, other)
        interval = gap_interval(high, of_high, low, of_low)
        return GroupGap(by, rate, worst, best, high - low, interval)

    falling = (pair for pair in permutations(rates, 2) if pair[0][1] >= pair[1][1])
    return max(map(gap, falling), key=lambda each: (each.more_than_chance, each.gap))
