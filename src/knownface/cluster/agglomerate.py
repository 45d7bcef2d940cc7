"""Which faces show one person: groups that grow by what is most likely one, until nothing is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.cluster.evidence import FAVOURED, SEVERAL, SURER, Evidence, newcomers, reach_of
from knownface.progress import Track, silent
from knownface.stats.vectors import unit_length

BLOCK = 2**24  # cosines that are held at once: 64 MB
NEAR = 0.2  # of the highest cosine of a group: others are not looked at
LARGER = 3  # times as many faces: a group that smaller ones join without waiting for each other
MANY = 8  # blocks from which on their progress is shown
FREE = -1


def grouped(
    embeddings: np.ndarray,
    evidence: Evidence,
    fixed: np.ndarray | None = None,
    apart: np.ndarray | None = None,
    track: Track = silent,
) -> np.ndarray:
    """The group (n,) of each face, numbered from 0.

    embeddings: (n, d) float32, unit length.
    fixed: (n,) who a face was said to be, FREE where nobody has said anything; faces that were said
        to be two people are never in one group, those that were said to be one always.
    apart: (m, 2) rows that are never in one group, such as two faces of one photo.

    Needs no threshold. Two groups become one where that is more likely than not: by the cosine of
    their means (`Evidence`), and by how likely it was beforehand, which follows from how many
    groups there are by now. In rounds: of each group the most likely other one is found; pairs that
    choose each other become one, and small groups join the much larger one that they choose.
    """
    said = np.full(len(embeddings), FREE) if fixed is None else np.asarray(fixed)
    start = _components(said)
    groups = _Groups.of(embeddings, start, said)
    groups.part(np.zeros((0, 2), np.int64) if apart is None else start[apart])
    labels, search = start, _Search(evidence, track)
    stale = np.arange(len(groups.sizes))
    while len(groups.sizes) > 1:
        search.find(groups, stale)
        bar = np.log(newcomers(len(groups.sizes), len(embeddings)))
        roots = _roots(groups, search.best, np.where(search.odds > bar, search.odds, -np.inf))
        kept, into = np.unique(roots, return_inverse=True)
        if len(kept) == len(roots):
            break
        changed = np.zeros(len(kept), bool)
        changed[into[roots != np.arange(len(roots))]] = True
        groups, labels = groups.merged(into, len(kept)), into[labels]
        stale = search.follow(kept, into, changed)
    return np.asarray(labels)


def _components(said: np.ndarray) -> np.ndarray:
    """Each free face by itself, those of one person together: (n,) numbered from 0."""
    keys = np.where(said == FREE, -np.arange(len(said)) - 1, said)
    return np.unique(keys, return_inverse=True)[1]


@dataclass
class _Groups:
    """sums: (k, d) of embeddings; sizes: (k,); said: (k,) who, or FREE; apart: (m, 2), both ways,
    sorted by the first.
    """

    sums: np.ndarray
    sizes: np.ndarray
    said: np.ndarray
    apart: np.ndarray

    @classmethod
    def of(cls, embeddings: np.ndarray, labels: np.ndarray, said: np.ndarray) -> _Groups:
        each = cls(embeddings, np.ones(len(embeddings)), said, np.zeros((0, 2), np.int64))
        return each.merged(labels, int(labels.max(initial=-1)) + 1)

    def part(self, apart: np.ndarray) -> None:
        both = np.concatenate([apart, apart[:, ::-1]])
        self.apart = np.unique(both[both[:, 0] != both[:, 1]], axis=0)

    def merged(self, into: np.ndarray, number: int) -> _Groups:
        order = np.argsort(into, kind="stable")
        starts = np.searchsorted(into[order], np.arange(number))
        sums, said = self.sums[order], self.said[order]
        fewer = _Groups(
            np.add.reduceat(sums, starts) if number else sums,
            np.bincount(into, self.sizes, number),
            np.maximum.reduceat(said, starts) if number else said,
            self.apart,
        )
        fewer.part(into[self.apart])
        return fewer

    def conflict(self, roots: np.ndarray) -> np.ndarray:
        """(m, 2) groups that may not be one, and would be."""
        parted = self.apart[roots[self.apart[:, 0]] == roots[self.apart[:, 1]]]
        said = np.flatnonzero(self.said != FREE)
        said = said[np.argsort(roots[said], kind="stable")]
        twice = roots[said[1:]] == roots[said[:-1]]
        return np.concatenate([parted, np.stack([said[:-1][twice], said[1:][twice]], 1)])


class _Search:
    """best: (k,) the most likely other group of each; odds: (k,) the logarithm of how likely, up to
    what is the same for all, -inf where there is none.
    """

    def __init__(self, evidence: Evidence, track: Track) -> None:
        self._evidence, self._track = evidence, track
        self.best = np.zeros(0, np.int64)
        self.odds = np.zeros(0)

    def find(self, groups: _Groups, stale: np.ndarray) -> None:
        """Of groups that are new, or whose choice is gone; others may prefer a new one."""
        if len(self.best) != len(groups.sizes):
            self.best = np.zeros(len(groups.sizes), np.int64)
            self.odds = np.full(len(groups.sizes), -np.inf)
        means = unit_length(groups.sums).astype(np.float32)
        reach = reach_of(groups.sizes)
        step, waiting = max(1, BLOCK // len(means)), np.ones(len(means), bool)
        waiting[stale] = False
        blocks = range(0, len(stale), step)
        track = self._track if len(blocks) >= MANY else silent
        for at in track(blocks, f"Comparing {len(stale):,} groups", len(blocks)):
            rows = stale[at : at + step]
            cosines = means[rows] @ means.T
            self._forbid(groups, rows, cosines)
            least = np.maximum(cosines.max(1, keepdims=True) - NEAR, self._evidence.least)
            here, there = np.divmod(np.flatnonzero(cosines >= least), len(means))
            ratio = self._evidence.log_ratio(cosines[here, there], reach[rows[here]], reach[there])
            odds = ratio + _before(groups.sizes[rows[here]], groups.sizes[there])
            self._prefer(rows[here], there, odds)
            back = waiting[there]
            self._prefer(there[back], rows[here[back]], odds[back])

    def _forbid(self, groups: _Groups, rows: np.ndarray, cosines: np.ndarray) -> None:
        cosines[np.arange(len(rows)), rows] = -1
        first, last = (
            np.searchsorted(groups.apart[:, 0], rows, side) for side in ("left", "right")
        )
        for row in np.flatnonzero(last > first):
            cosines[row, groups.apart[first[row] : last[row], 1]] = -1
        said = groups.said != FREE
        cosines[np.ix_(said[rows], said)] = -1

    def _prefer(self, groups: np.ndarray, others: np.ndarray, odds: np.ndarray) -> None:
        order = np.lexsort((odds, groups))
        last = np.flatnonzero(np.diff(groups[order], append=-1))
        chosen = order[last]
        better = chosen[odds[chosen] > self.odds[groups[chosen]]]
        self.best[groups[better]], self.odds[groups[better]] = others[better], odds[better]

    def follow(self, kept: np.ndarray, into: np.ndarray, changed: np.ndarray) -> np.ndarray:
        """Renumber after groups were merged; gives those that have to be searched again."""
        stale = changed | changed[into[self.best[kept]]]
        self.best, self.odds = into[self.best[kept]], self.odds[kept]
        self.odds[stale] = -np.inf
        return np.flatnonzero(stale)


def _before(sizes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Logarithm of how likely groups of so many faces are one person, whatever they look like.

    Up to `newcomers`, which is the same for all.
    """
    small, large = np.minimum(sizes, others), np.maximum(sizes, others)
    favour = np.log(np.minimum(large / small, FAVOURED))
    return np.asarray(favour - np.where(small >= SEVERAL, np.log(SURER), 0))


def _roots(groups: _Groups, best: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Into which group each goes: (k,), itself where it stays. odds: -inf where it may not go."""
    each, wants = np.arange(len(best)), np.isfinite(odds)
    mutual = wants & (best[best] == each)
    roots = np.where(mutual, np.minimum(each, best), each)
    larger = groups.sizes[best] >= LARGER * groups.sizes
    joins = wants & ~mutual & larger
    joins &= ~joins[best]  # the one that it joins stays where it is
    roots[joins] = roots[best[joins]]
    while len(pairs := groups.conflict(roots)):
        likely = np.where(roots[pairs] != pairs, odds[pairs], np.inf)
        stays = pairs[np.arange(len(pairs)), likely.argmin(1)]
        roots[stays] = stays
        followers = joins & np.isin(best, stays) & (roots != each)
        roots[followers] = best[followers]
    return roots
