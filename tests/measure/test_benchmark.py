"""A benchmark against every threshold tried by brute force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from knownface.dataset.pairs import Pairs
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.face import Face, PhotoFaces
from knownface.measure.benchmark import Benchmark, run_benchmark
from knownface.networks.zoo import BACKBONES

NOBODY = 5  # the photo without a face


class Faces:
    """A cropper whose crops carry the number of their photo, and an embedder that knows them."""

    def __init__(self, embeddings: np.ndarray) -> None:
        self.embeddings, self.width = embeddings, embeddings.shape[1]

    def crop_photos(self, paths: Sequence[Path], *options: object) -> Iterator[PhotoFaces]:
        for number, path in enumerate(paths):
            count = 0 if number == NOBODY else 1
            face = Face((10, 10, 20, 20), np.zeros((5, 2), np.float32), 1.0)
            crops = np.full((count, 1, 1, 3), number, np.uint8)
            yield PhotoFaces(path, (face,) * count, crops, size=(40, 40))

    def embed(self, crops: np.ndarray, **_: object) -> np.ndarray:
        return self.embeddings[crops[:, 0, 0, 0]]


def protocol(ties: bool, photos: int = 120, pairs: int = 400) -> tuple[np.ndarray, Pairs]:
    rng = np.random.default_rng(2)
    people = np.arange(photos) % 30
    if ties:  # a few directions, so that many scores are equal
        values = np.eye(8)[rng.integers(0, 8, photos)]
    else:
        values = rng.normal(size=(30, 16))[people] + 0.9 * rng.normal(size=(photos, 16))
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    left, right = rng.integers(0, photos, (2, pairs))
    half = np.arange(pairs) % 2 == 0
    right = np.where(half, (left + 30 * rng.integers(1, 4, pairs)) % photos, right)
    same = people[left] == people[right]
    paths = tuple(Path(f"{i}.jpg") for i in range(photos))
    return values.astype(np.float32), Pairs(paths, left, right, same, np.arange(pairs) // 40)


def measured(embeddings: np.ndarray, pairs: Pairs) -> Benchmark:
    fake = cast(Any, Faces(embeddings))
    return run_benchmark(pairs, FacePipeline(fake, fake))


@pytest.mark.parametrize("ties", [False, True])
def test_benchmark_by_brute_force(ties: bool) -> None:
    embeddings, pairs = protocol(ties)
    result = measured(embeddings, pairs)
    rows = [
        (float(embeddings[a].astype(float) @ embeddings[b].astype(float)), bool(s), int(f))
        for a, b, s, f in zip(pairs.left, pairs.right, pairs.same, pairs.folds, strict=True)
        if NOBODY not in (a, b)
    ]
    assert (result.pairs, result.skipped) == (len(rows), 400 - len(rows))
    assert result.skipped > 0
    thresholds = [*sorted({score for score, _, _ in rows}), np.inf]

    def rates(threshold: float) -> tuple[float, float]:
        other = [score >= threshold for score, same, _ in rows if not same]
        own = [score >= threshold for score, same, _ in rows if same]
        return sum(other) / len(other), sum(own) / len(own)

    curve = [rates(threshold) for threshold in thresholds]
    for far, tar in result.tar_at_far.items():
        best = max(own for other, own in curve if other <= float(far))
        assert tar == pytest.approx(best, abs=1e-9)
    after = next(i for i, (other, own) in enumerate(curve) if other <= 1 - own)
    (far0, tar0), (far1, tar1) = curve[after], curve[after - 1]
    gap0, gap1 = 1 - tar0 - far0, 1 - tar1 - far1
    assert result.eer == pytest.approx(far0 + (far1 - far0) * gap0 / (gap0 - gap1), abs=1e-9)
    for fold, accuracy in enumerate(result.folds):
        others = [(score, same) for score, same, f in rows if f != fold]
        right = [sum((s >= t) == own for s, own in others) for t in thresholds]
        possible = {
            # Between two scores of the other folds any threshold is as good on them.
            np.mean([(s >= t) == own for s, own, f in rows if f == fold])
            for t, count in zip(thresholds, right, strict=True)
            if count == max(right)
        }
        assert min(possible) - 1e-9 <= accuracy <= max(possible) + 1e-9
    assert result.accuracy == pytest.approx(np.mean(result.folds), abs=1e-9)
    assert result.accuracy_std == pytest.approx(np.std(result.folds), abs=1e-9)


def test_one_kind_of_pair_or_one_fold_is_refused() -> None:
    embeddings, pairs = protocol(ties=False)
    for change in ({"same": np.ones(400, bool)}, {"folds": np.zeros(400, int)}):
        with pytest.raises(KnownfaceError, match="both kinds, in two folds"):
            measured(embeddings, Pairs(**(vars(pairs) | change)))


def test_embeddings_that_are_not_numbers_are_refused() -> None:
    embeddings, pairs = protocol(ties=False)
    with pytest.raises(ValueError, match="finite"):
        measured(embeddings * np.nan, pairs)


def test_published_numbers_are_shares() -> None:
    stated = [share for record in BACKBONES.values() for share in record.published.values()]
    assert stated
    assert all(0.5 < share < 1 for share in stated)
    assert BACKBONES["facenet"].published == {"lfw": 0.9965}
