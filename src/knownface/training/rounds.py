"""The rounds of a race: folds of the training part, and people who take turns as strangers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.dataset.portraits import Faces
from knownface.dataset.split import split_folds

FOLDS = 4  # a quarter of the photos is judged in each round
# Photos that are enough to be judged: what a quarter gives of 20 people with 20 photos each.
JUDGED = 100
LEFT_OUT = 5  # one person in so many plays the stranger, where too few strangers are given
STRANGERS = 50  # photos of given strangers that are enough


@dataclass(frozen=True)
class Round:
    """Rows of the training part that are learned from, that are judged, and that are strangers'.

    No group of photos is in both of the first two, and nobody of the last in either.
    """

    learned: np.ndarray
    judged: np.ndarray
    left_out: np.ndarray


def parted(labels: np.ndarray, groups: np.ndarray, given: int, seed: int) -> list[Round]:
    """As many rounds as judge JUDGED photos, at most FOLDS; none where nobody can be judged.

    labels, groups: (n,) of the training part; given: number of photos of strangers. In every round
    another fold of the photos is judged and other people are left out. People all of whose photos
    belong together are learned, and never judged.
    """
    people = int(labels.max()) + 1
    parts = np.array([len(np.unique(groups[labels == person])) for person in range(people)])
    away = people // LEFT_OUT if given < STRANGERS else 0
    if parts.max() < 2 or not (away or given):
        return []
    folds = split_folds(labels, groups, min(FOLDS, int(parts.max())), seed)
    order = np.random.default_rng(seed).permutation(people)
    rounds: list[Round] = []
    for fold in range(folds.max() + 1):
        strange = np.isin(labels, order[fold * away : (fold + 1) * away])
        asked = (folds == fold) & (parts[labels] > 1) & ~strange
        learned = ~asked & ~strange
        asked &= ~np.isin(groups, groups[learned]) & np.isin(labels, labels[learned])
        if asked.any():
            rounds.append(Round(*map(np.flatnonzero, (learned, asked, strange))))
    counts = np.cumsum([len(each.judged) for each in rounds])
    return rounds[: int(np.searchsorted(counts, JUDGED)) + 1]


@dataclass(frozen=True)
class Ground:
    """What is raced on; all of it lies in the training part, but for given strangers.

    faces, labels: (n, ...) of the training part; strangers: given ones, and (m,) who they are.
    """

    faces: Faces
    labels: np.ndarray
    rounds: list[Round]
    strangers: Faces
    identities: np.ndarray

    @classmethod
    def of(
        cls,
        faces: Faces,
        labels: np.ndarray,
        groups: np.ndarray,
        strangers: Faces,
        identities: np.ndarray,
        seed: int,
    ) -> Ground:
        """groups: (n,) photos that stay together; see `parted`."""
        rounds = parted(labels, groups, len(strangers), seed)
        return cls(faces, labels, rounds, strangers, identities)

    def others(self, part: Round) -> np.ndarray:
        """Who the strangers of a round are, (k,) from 0: those given, then the people left out."""
        given = self.identities + self.labels.max() + 1
        return np.concatenate([given, self.labels[part.left_out]]).astype(np.int64)
