"""People who look alike to the network, such as siblings and twins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.files.values import Count
from knownface.recognition.gallery import Gallery

MOST = 10
BY_CHANCE = 0.05  # how often all pairs together would name one, if none were special
FEWEST_PAIRS = 6  # of four people; fewer have no usual similarity
NORMAL_MAD = 1.4826  # standard deviations in a median absolute deviation of the normal distribution


@dataclass(frozen=True)
class LookAlike:
    """Two people whose templates are unusually similar.

    margin: by how much, at worst, a training photo of either is more like the others of that
        person than like the other person's template; below zero, so much was missing to keep them
        apart. None where both have one photo.
    confused: test photos of one that were taken for the other.
    """

    first: str
    second: str
    similarity: float
    margin: float | None
    confused: Count


def find_look_alikes(gallery: Gallery, confusion: np.ndarray) -> list[LookAlike]:
    """The most similar pairs first, at most ten, and only those that stand out.

    A pair stands out if its similarity exceeds what the highest of so many normal values, with the
    median and the median absolute deviation of all pairs, would exceed 1 time in 20.
    confusion: (p, p) counts of test photos; rows are the true people.
    """
    from scipy.special import ndtri

    first, second = np.triu_indices(len(gallery.people), 1)
    similarity = (gallery.templates @ gallery.templates.T)[first, second].astype(np.float64)
    if len(similarity) < FEWEST_PAIRS:
        return []
    middle = np.median(similarity)
    spread = NORMAL_MAD * np.median(np.abs(similarity - middle))
    limit = middle + spread * ndtri(1 - BY_CHANCE / len(similarity))
    order = np.argsort(-similarity, kind="stable")[:MOST]
    scores, labels = gallery.scores_without_itself()
    confused = confusion + confusion.T
    return [
        LookAlike(
            first=gallery.people[a],
            second=gallery.people[b],
            similarity=float(similarity[row]),
            margin=_margin(scores, labels, a, b),
            confused=int(confused[a, b]),
        )
        for row, a, b in zip(order, first[order], second[order], strict=True)
        if similarity[row] > limit
    ]


def _margin(scores: np.ndarray, labels: np.ndarray, one: int, other: int) -> float | None:
    leads = np.concatenate(
        [(scores[:, a] - scores[:, b])[labels == a] for a, b in ((one, other), (other, one))]
    )
    return float(leads.min()) if len(leads) else None
