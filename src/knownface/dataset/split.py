"""Parting photos without leaks: groups that stay together, training and test, folds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from knownface.dataset.portraits import Portraits
from knownface.errors import KnownfaceError
from knownface.options import argument

# Photos of one person belong to one session if they were taken within this time and are alike:
# cameras and scanners also write one time into photos that have nothing in common.
BURST_SECONDS = 3.0
IN_A_ROW = 8  # photos that follow one another in time and are compared with each other
FEWEST_STRANGERS = 4  # so many identities at least before they are halved for a threshold


def group_photos(pairs: Iterable[tuple[int, int]], count: int) -> np.ndarray:
    """Photos that stay together, by pairs of them, copies and bursts: (count,) group numbers."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, columns = np.array([*pairs], np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def bursts(
    labels: np.ndarray, taken: Sequence[float | None], embeddings: np.ndarray, alike: float
) -> list[tuple[int, int]]:
    """Pairs of photos of one person that are alike and taken within BURST_SECONDS.

    The earlier one is first. taken: capture times in seconds, or None; alike: the cosine of
    embeddings (n, d) from which two photos are. Each is compared with the IN_A_ROW before it.
    """
    timed = sorted((int(labels[i]), t, i) for i, t in enumerate(taken) if t is not None)
    pairs = []
    for step in range(1, IN_A_ROW + 1):
        for (person, before, a), (other, after, b) in zip(timed, timed[step:], strict=False):
            if person == other and after - before <= BURST_SECONDS:
                pairs.append((a, b))
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    together = np.einsum("pd,pd->p", embeddings[first], embeddings[second]) >= alike
    return [pair for pair, is_one in zip(pairs, together.tolist(), strict=True) if is_one]


def split(
    labels: np.ndarray, groups: np.ndarray, validation: float = 0.2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Stratified train and validation indices that keep every group on one side.

    Each person gives about `validation` of their photos, at least one where they have two
    groups, and always keeps one for training. Deterministic in `seed`.
    """
    if not 0 < validation < 1:
        raise KnownfaceError(
            f"{argument('validation')} must lie between 0 and 1, such as 0.2, not {validation}"
        )
    counts = np.bincount(labels)
    wanted = np.minimum(np.maximum(1, np.floor(counts * validation + 0.5)), counts - 1)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    members = [members[i] for i in np.random.default_rng(seed).permutation(len(members))]
    taken = np.zeros_like(counts)
    held_out = np.zeros(len(labels), bool)
    for rows in members:
        adds = np.bincount(labels[rows], minlength=len(counts))
        if (taken + adds <= wanted)[adds > 0].all():
            taken += adds
            held_out[rows] = True
    for rows in sorted(members, key=len):  # people whose groups are all larger than their share
        adds = np.bincount(labels[rows], minlength=len(counts))
        unserved = (taken[adds > 0] == 0).all()
        if unserved and (adds < counts)[adds > 0].all():
            taken += adds
            held_out[rows] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def split_folds(labels: np.ndarray, groups: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Stratified folds that keep every group whole: (n,) fold numbers from 0.

    Each group, the largest first, goes where its people have the fewest photos so far, so that
    everybody with two groups is in two folds at least. Deterministic in `seed`. Raises
    KnownfaceError where a fold would stay empty.
    """
    most = max(len(np.unique(groups[labels == person])) for person in np.unique(labels))
    if not 2 <= folds <= most:
        raise KnownfaceError(
            f"{argument('folds', folds)}: the photos cannot be parted so; nobody has more than "
            f"{most} that are not near-duplicates or one burst"
            f"{f', choose 2 to {most}' if most > 1 else ''}"
        )
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    members = [members[i] for i in np.random.default_rng(seed).permutation(len(members))]
    counts = np.zeros((folds, labels.max() + 1), np.int64)
    numbers = np.zeros(len(labels), np.int64)
    for rows in sorted(members, key=len, reverse=True):
        adds = np.bincount(labels[rows], minlength=counts.shape[1])
        crowded = counts[:, adds > 0].sum(1)
        fold = np.lexsort((counts.sum(1), crowded))[0]
        counts[fold] += adds
        numbers[rows] = fold
    return numbers


def halve_strangers(strangers: Portraits | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows for a threshold and rows left untouched, no identity in both; few are not halved."""
    if strangers is None or len(strangers) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    present = np.unique(strangers.labels)
    if len(present) < FEWEST_STRANGERS:
        return np.zeros(0, np.int64), np.arange(len(strangers))
    first = np.isin(strangers.labels, present[::2])
    return np.flatnonzero(first), np.flatnonzero(~first)
