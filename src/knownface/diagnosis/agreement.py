"""Whose face is it? How well each photo agrees with its own person and with everybody else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.stats.vectors import sums_of

# In units of `Agreement`: 0 is a stranger, 1 a typical photo of the person. Chosen on 20 people
# with 3, 5, 10, 20 and 40 photos each, on which photos were put into wrong folders at random.
OUTVOTED = 0.3  # another person fits better by this much: 97 % of mislabels, 0.01 % of the others
SOMEBODY = 0.35  # and fits at least this well
# Nobody's: 78 % of strangers' photos, 0.4 % of the others, which are profiles or half hidden.
NOBODY = 0.1
TOGETHER = 256  # photos compared with everybody at once
SAMPLE = 2_000_000  # cosines with strangers that are enough for their median
ENOUGH = 5  # photos in a folder from which it can be said that one agrees with none of them
# Median cosine of two photos in a folder, where 0 is two people and 1 a typical folder. Of 700
# draws of 5, 8 and 12 photos of one person the lowest reached 0.24; mixtures of four and more
# people stay below 0.2 in 95 % of draws, of three in 75 %.
ONE_PERSON = 0.2
# Mean cosine between two folders, where 0 is two people and 1 photos of these two and of a typical
# folder among themselves. Of 1,500 draws of up to 21 people, one of them in two folders of 3 to 12
# photos: two folders of one person reach it in 98 % of draws, different people in 0.1 %.
SAME_PERSON = 0.7
TELLS = 0.1  # cosine between strangers and typical photos below which nobody can be told apart
SESSION = 0.9  # photos of one person on different days reach it in 18 % of pairs
COPIES = 0.8  # mirrored copies reach a cosine of 0.71, where a typical photo has 0.73


@dataclass(frozen=True)
class Agreement:
    """Per photo (n,): `own` agreement, that of the best other person, `rival`, and who that is.

    rival: index of a person, -1 where there is no other.
    stranger, typical: the cosines that 0 and 1 stand for.
    mixed: (p,) bool, folders whose photos do not show one person.
    same: pairs (a, b), a < b, of folders that are probably one person.
    """

    own: np.ndarray
    other: np.ndarray
    rival: np.ndarray
    stranger: float
    typical: float
    mixed: np.ndarray
    same: tuple[tuple[int, int], ...]

    @property
    def alike(self) -> float:
        """The cosine from which two faces may be copies of one picture."""
        return COPIES * self.typical

    @property
    def one_session(self) -> float:
        """The cosine from which two photos may be of one burst."""
        return SESSION * self.typical

    @property
    def tells(self) -> bool:
        """Whether typical photos differ from strangers at all; where all are one picture, no."""
        return self.typical - self.stranger >= TELLS

    @property
    def outvoted(self) -> np.ndarray:
        """Photos that agree with another person clearly more than with their own: (n,) bool."""
        return np.asarray((self.other - self.own >= OUTVOTED) & (self.other >= SOMEBODY))


def measure_agreement(embeddings: np.ndarray, labels: np.ndarray, people: int) -> Agreement:
    """Leave-one-out agreement of unit-length embeddings (n, d) with people (n,).

    A person is the mean of the better half of their photos, those with the highest median
    similarity to the others, so that wrong ones do not count while they are fewer than half. A
    photo is compared with its own person without itself.
    """
    core = _better_half(embeddings, labels)
    mixed, same = _compare_folders(embeddings, labels, people)
    sums = np.zeros((people, embeddings.shape[1]), np.float32)
    np.add.at(sums, labels[core], embeddings[core])
    counts = np.bincount(labels, minlength=people)
    templates = _unit(sums)
    own, best = np.zeros((2, len(labels)), np.float32)
    rival = np.zeros(len(labels), np.int64)
    others = [np.zeros(0, np.float32)]
    every = -(-len(labels) * people // SAMPLE)
    for start in range(0, len(labels), TOGETHER):
        rows = np.arange(start, min(start + TOGETHER, len(labels)))
        faces, theirs = embeddings[rows], labels[rows]
        without = _unit(sums[theirs] - faces * core[rows, None])
        own[rows] = np.sum(faces * without, axis=1)
        cosine = faces @ templates.T
        cosine[rows - start, theirs] = -np.inf
        cosine[:, counts == 0] = -np.inf
        rival[rows] = cosine.argmax(1)
        best[rows] = cosine.max(1)
        some = cosine[rows % every == 0]
        others.append(some[np.isfinite(some)])
    stranger, counted = _median(np.concatenate(others), 0.0), counts[labels] > 1
    typical = max(_median(own[counted & ~mixed[labels]], 1.0), stranger + 1e-3)
    own, best = _hundredths((np.stack([own, best]) - stranger) / (typical - stranger))
    rival[~np.isfinite(best)] = -1
    own = np.where(counted, own, 0.0)
    return Agreement(own, best, rival, stranger, typical, mixed, same)


def _compare_folders(
    embeddings: np.ndarray, labels: np.ndarray, people: int
) -> tuple[np.ndarray, tuple[tuple[int, int], ...]]:
    """Which folders show no one person (p,), and pairs of folders that show the same one."""
    sums = sums_of(embeddings, labels, people)
    counts = np.bincount(labels, minlength=people)
    between = sums @ sums.T / np.maximum(np.outer(counts, counts), 1)
    several = np.flatnonzero(counts > 1)
    first, second = several[np.stack(np.triu_indices(len(several), 1))]
    if not len(first):
        return np.zeros(people, bool), ()
    within = np.zeros(people)
    for person in several:
        own = embeddings[labels == person]
        within[person] = np.median(_median_of_others(own @ own.T))
    stranger, typical = np.median(between[first, second]), np.median(within[several])
    scale = max(typical - stranger, 1e-3)
    mixed = (counts >= ENOUGH) & (within - stranger < ONE_PERSON * scale) & (scale >= TELLS)
    pairs = (np.einsum("pd,pd->p", sums, sums) - counts) / np.maximum(counts * (counts - 1), 1)
    usual = ((pairs[first] + pairs[second]) / 2 + np.median(pairs[several])) / 2
    likeness = (between[first, second] - stranger) / np.maximum(usual - stranger, 1e-3)
    alike = (likeness >= SAME_PERSON) & ~mixed[first] & ~mixed[second]
    return mixed, tuple(zip(first[alike].tolist(), second[alike].tolist(), strict=True))


def _better_half(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) bool: at least two photos of each person who has as many."""
    core = np.zeros(len(labels), bool)
    for person in np.unique(labels):
        rows = np.flatnonzero(labels == person)
        cosine = embeddings[rows] @ embeddings[rows].T
        middle = _median_of_others(cosine)
        keep = max(min(2, len(rows)), (len(rows) + 1) // 2)
        core[rows[np.argsort(-middle, kind="stable")[:keep]]] = True
    return core


def _median_of_others(cosine: np.ndarray) -> np.ndarray:
    if len(cosine) == 1:
        return np.zeros(1)
    others = cosine[~np.eye(len(cosine), dtype=bool)].reshape(len(cosine), -1)
    return np.asarray(np.median(others, axis=1))


def _median(values: np.ndarray, otherwise: float) -> float:
    return float(np.median(values)) if len(values) else otherwise


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _hundredths(values: np.ndarray) -> np.ndarray:
    """As they are shown, and without a negative zero."""
    return np.asarray(np.round(values, 2) + 0.0)
