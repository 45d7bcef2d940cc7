"""All faces that are remembered of a pile, grouped, and written as people."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from knownface.cluster.agglomerate import grouped
from knownface.cluster.evidence import Evidence
from knownface.cluster.memory import backbone_of
from knownface.progress import Track
from knownface.recognition.answers import SMALLEST_FACE
from knownface.recognition.living.regrouping import FREE, Pile, regroup
from knownface.recognition.recognizer import Recognizer
from knownface.stats.vectors import unit_length


def group_all(gallery: Path, known: Recognizer, track: Track) -> int:
    """Group everything that is remembered; how many faces show too little to take part."""
    while True:
        pile = Pile.read(gallery)
        clear = ~_shows_little(pile, known) | (pile.said != FREE)
        groups = np.full(len(pile.ids), FREE)
        groups[clear] = _labels(pile, clear, known, track)
        people = int(groups.max(initial=-1)) + 1
        text = f"{len(pile.ids)} faces were grouped: {people} people"
        if regroup(gallery, pile, groups, text):
            return int((~clear).sum())


def _labels(pile: Pile, clear: np.ndarray, known: Recognizer, track: Track) -> np.ndarray:
    vectors = pile.embeddings[clear].astype(np.float32, copy=False)
    if comparison := known.gallery.comparison:
        vectors = unit_length(comparison.clear.whitened(vectors)).astype(np.float32)
    row = np.cumsum(clear) - 1
    apart = row[pile.apart[clear[pile.apart].all(1)]]
    return grouped(vectors, _evidence(known, vectors), pile.said[clear], apart, track)


def _evidence(known: Recognizer, vectors: np.ndarray) -> Evidence:
    backbone = backbone_of(known)
    if backbone is None or backbone.impostors is None:
        return Evidence.of_pile(vectors)
    return Evidence.of(backbone.impostors)


def _shows_little(pile: Pile, known: Recognizer) -> np.ndarray:
    """(n,) faces that look like each other because nothing is to be seen of them."""
    little = pile.sides < SMALLEST_FACE
    if comparison := known.gallery.comparison:
        little |= comparison.is_small(pile.embeddings)
    return np.asarray(little)
