"""Why a recogniser answers as it does: faces behind each answer, what decided, a map of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from knownface.dataset.portraits import Portraits
from knownface.embed.embedder import Embedder
from knownface.files.rows import Rows
from knownface.progress import Track, silent
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer

WORST = 30  # wrong answers, and strangers who were named, that get a heat map
CELLS = 8  # a heat map has 8 x 8 cells; the patch covers 2 x 2 of them
GREY = 127  # of the patch
MOST_POINTS = {"test": 500, "stranger": 300, "training": 700}
PointKind = Literal["test", "stranger", "training"]


@dataclass(frozen=True)
class Answer:
    """A tested photo of a known person.

    margin: cosine with the predicted person's template minus that with the true one's; 0 if right.
    crop: (size, size, 3) uint8.
    heat: (8, 8), how much of the margin each part of the crop carries; None for right answers.
    """

    photo: str
    true: str
    predicted: str
    margin: float
    crop: np.ndarray
    heat: np.ndarray | None = None


@dataclass(frozen=True)
class Accepted:
    """A photo of a stranger that got the name of somebody known.

    similarity: cosine with that person's template; nearest: their most alike enrolled photos.
    crop: (size, size, 3) uint8; heat: (8, 8), how much of the similarity each part carries.
    """

    photo: str
    predicted: str
    similarity: float
    nearest: list[str]
    crop: np.ndarray
    heat: np.ndarray


@dataclass(frozen=True)
class Point:
    """A photo on the map; x and y from 0 to 1."""

    x: float
    y: float
    kind: PointKind
    person: str
    photo: str


@dataclass(frozen=True)
class CropsByPhoto(Mapping[str, np.ndarray]):
    """Crops (size, size, 3) by the path of their photo, each read when it is asked for."""

    crops: Rows
    rows: dict[str, int]

    def __getitem__(self, photo: str) -> np.ndarray:
        return np.asarray(self.crops[self.rows[photo]])

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Explanation:
    """The answers, and at most 30 accepted strangers, worst first; enrolled photos; the map."""

    answers: list[Answer] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    enrolled: Mapping[str, np.ndarray] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)


def explain(
    recognizer: Recognizer,
    portraits: Portraits,
    strangers: Portraits | None = None,
    track: Track = silent,
) -> Explanation:
    """Explain the answers to every photo of a known person that is not enrolled, and to strangers.

    portraits: those photos and, where they are at hand, the enrolled ones; they are told apart by
        content. People who are not enrolled are strangers too. All embeddings are the recogniser's
        own.
    """
    gallery = recognizer.gallery
    enrolled = set(gallery.digests)
    row = {digest: i for i, digest in enumerate(portraits.digests)}
    index = {name: i for i, name in enumerate(gallery.people)}
    fresh = np.array([digest not in enrolled for digest in portraits.digests], bool)
    known = np.isin(portraits.people, gallery.people)[portraits.labels]
    tested = portraits.select(np.flatnonzero(fresh & known))
    owners = [index[tested.people[label]] for label in tested.labels]
    others = [portraits.select(np.flatnonzero(fresh & ~known)), strangers]
    accepted = [each for some in others if some for each in _accepted(recognizer, some, track)]
    return Explanation(
        _answers(recognizer.embedder, gallery, tested, np.array(owners, np.int64), track),
        sorted(accepted, key=lambda each: -each.similarity)[:WORST],
        CropsByPhoto(
            portraits.crops,
            {
                photo: row[digest]
                for photo, digest in zip(gallery.photos, gallery.digests, strict=True)
                if digest in row
            },
        ),
        _map(gallery, tested, strangers),
    )


def _answers(
    embedder: Embedder, gallery: Gallery, tested: Portraits, owners: np.ndarray, track: Track
) -> list[Answer]:
    scores = gallery.scores(tested.embeddings)
    predicted = scores.argmax(1)
    rows = np.arange(len(scores))
    margins = scores[rows, predicted] - scores[rows, owners]
    order = np.lexsort((-margins, predicted == owners))
    worst = [i for i in order[:WORST] if predicted[i] != owners[i]]
    heat = {
        i: occlusion_map(
            embedder,
            tested.crops[i],
            gallery.templates[predicted[i]] - gallery.templates[owners[i]],
        )
        for i in track(worst, "Explaining wrong answers", len(worst))
    }
    return [
        Answer(
            tested.photos[i],
            gallery.people[owners[i]],
            gallery.people[predicted[i]],
            float(margins[i]),
            tested.crops[i],
            heat.get(i),
        )
        for i in order
    ]


def _accepted(recognizer: Recognizer, strangers: Portraits, track: Track) -> list[Accepted]:
    gallery = recognizer.gallery
    predicted, best = gallery.match(strangers.embeddings)
    rows = np.flatnonzero(best >= recognizer.threshold.value)
    worst = rows[np.argsort(-best[rows], kind="stable")][:WORST]
    return [
        Accepted(
            strangers.photos[i],
            gallery.people[predicted[i]],
            float(best[i]),
            gallery.nearest_photos(strangers.embeddings[i], predicted[i]),
            strangers.crops[i],
            occlusion_map(recognizer.embedder, strangers.crops[i], gallery.templates[predicted[i]]),
        )
        for i in track(worst, "Explaining named strangers", len(worst))
    ]


def occlusion_map(embedder: Embedder, crop: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """How much of `embedding @ direction` each part of a crop carries: (8, 8).

    crop: (size, size, 3) uint8; direction: (d,). A grey patch slides over the crop; a cell's value
    is the mean drop over the patches that cover it (Zeiler and Fergus, 2014, section 4.2).
    """
    edges = np.linspace(0, len(crop), CELLS + 1).round().astype(int)
    places = [(row, column) for row in range(CELLS - 1) for column in range(CELLS - 1)]
    covered = np.repeat(crop[None], len(places) + 1, axis=0)  # the last one stays as it is
    for picture, (row, column) in zip(covered, places, strict=False):
        picture[edges[row] : edges[row + 2], edges[column] : edges[column + 2]] = GREY
    values = embedder.embed(covered) @ direction
    total, count = np.zeros((2, CELLS, CELLS))
    for value, (row, column) in zip(values, places, strict=False):
        total[row : row + 2, column : column + 2] += values[-1] - value
        count[row : row + 2, column : column + 2] += 1
    return np.asarray(total / count)


# ---------------------------------------------------------------- map
def _map(gallery: Gallery, tested: Portraits, strangers: Portraits | None) -> list[Point]:
    """At most 1,500 photos, evenly chosen, neighbours in the plane if alike."""
    named: list[tuple[PointKind, str, str]] = []
    embeddings = []
    parts: list[tuple[PointKind, np.ndarray, list[str], tuple[str, ...]]] = [
        ("training", gallery.embeddings, _names(gallery), gallery.photos),
        ("test", tested.embeddings, _names(tested), tested.photos),
    ]
    if strangers is not None:
        parts.insert(0, ("stranger", strangers.embeddings, _names(strangers), strangers.photos))
    for kind, values, people, photos in parts:
        for i in np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS[kind])).astype(int):
            named.append((kind, people[i], photos[i]))
            embeddings.append(values[i])
    if len(named) < 5:
        return []
    places = plane(np.stack(embeddings))
    return [Point(float(x), float(y), *who) for (x, y), who in zip(places, named, strict=True)]


def _names(photos: Gallery | Portraits) -> list[str]:
    return [photos.people[label] for label in photos.labels]


def plane(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (n, d) laid out in the plane by t-SNE: (n, 2), from 0 to 1.

    On 800 photos of 20 people, five neighbours in the plane name 91 % of them rightly (PCA 38 %,
    LDA 43 %), in half a second.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(10.0, (len(embeddings) - 1) / 3)
    method = TSNE(init="pca", perplexity=perplexity, max_iter=300, angle=0.8, random_state=0)
    with threadpool_limits(1):  # several are slower: 4.5 s instead of 1.4 s for 1,280 photos
        places = method.fit_transform(np.asarray(embeddings, np.float32))
    low, high = places.min(0), places.max(0)
    return np.asarray((places - low) / np.maximum(high - low, 1e-9))
