"""What tests share besides fixtures: made-up embeddings, galleries and photos."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from knownface.dataset.portraits import Portraits
from knownface.recognition.comparison import Comparison
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import Recognition
from knownface.recognition.spaces import Space
from knownface.stats.cohort import Cohort
from knownface.stats.whitening import Whitening


def embeddings(rng: np.random.Generator, centres: np.ndarray, spread: float) -> np.ndarray:
    values = centres + spread * rng.normal(size=centres.shape)
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def gallery_of(people: int, photos: int, spread: float = 0.1, seed: int = 0) -> Gallery:
    rng = np.random.default_rng(seed)
    centres = embeddings(rng, np.zeros((people, 32)), 1.0)
    labels = np.repeat(np.arange(people), photos)
    names = [f"person {i}" for i in range(people)]
    files = [f"{i}.jpg" for i in range(len(labels))]
    return Gallery.enroll(names, embeddings(rng, centres[labels], spread), labels, files, files)


def comparison_of(width: int = 32, seed: int = 0, slope: float = 0.06) -> Comparison:
    """What might be known of a network: of any faces, about half are taken for small ones."""
    rng = np.random.default_rng(seed)
    spaces = []
    for _ in range(2):
        turn = np.linalg.qr(rng.normal(size=(width, width)))[0]
        matrix = (turn * rng.uniform(0.5, 2, width) @ turn.T).astype(np.float32)
        whitening = Whitening(0.02 * rng.normal(size=width).astype(np.float32), matrix)
        people = embeddings(rng, np.tile(0.1 * rng.normal(size=width), (200, 1)), 1.0)
        spaces.append(Space(whitening, Cohort.of(people), (slope, 0.03 + 0.04 * len(spaces))))
    return Comparison(*spaces, rng.normal(size=width).astype(np.float32), 0.1)


def with_small(gallery: Gallery, seed: int = 1) -> Gallery:
    """The same photos, also with fewer pixels, compared as `comparison_of` knows."""
    small = embeddings(np.random.default_rng(seed), gallery.embeddings, 0.1)
    width = gallery.embeddings.shape[1]
    return replace(gallery, small=small, comparison=comparison_of(width))


def as_tested(run: Path) -> Recognizer:
    """The recogniser of a run with its training part alone, as it was before all were enrolled."""
    recognizer = Recognizer.load(run)
    gallery = recognizer.gallery
    trained = json.loads((run / "split.json").read_text())["train"]
    rows = np.flatnonzero(np.isin(gallery.photos, trained))
    recognizer.gallery = Gallery.enroll(
        gallery.people, gallery.embeddings[rows], gallery.labels[rows],
        [gallery.photos[row] for row in rows], [gallery.digests[row] for row in rows],
        contract=gallery.contract,
        small=None if gallery.small is None else gallery.small[rows],
        comparison=gallery.comparison,
    )  # fmt: skip
    return recognizer


def answer_and_network(recognizer: Recognizer, photo: Path) -> tuple[int, int, Recognition]:
    """For a process of a pool: which it is, which compiled network it has, and its answer."""
    answer = recognizer.recognize(photo)
    return os.getpid(), id(recognizer.embedder.network.compiled), answer


def portraits_of(gallery: Gallery, names: tuple[str, ...] | None = None) -> Portraits:
    count = len(gallery.labels)
    return Portraits(
        root=Path("probes"),
        people=names or gallery.people,
        labels=gallery.labels,
        photos=gallery.photos,
        crops=np.zeros((count, 2, 2, 3), np.uint8),
        embeddings=gallery.embeddings,
        digests=tuple(f"probe {i}" for i in range(count)),
        fingerprints=np.zeros((count, 32), np.uint8),
        taken=(None,) * count,
        notes=(),
        boxes=np.zeros((count, 6), np.float32),
    )
