"""What the comparison of a network is worth on real faces that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.views import reduced, small_views
from knownface.measure.trial import Trial
from knownface.networks.zoo import get_backbone
from knownface.recognition.comparison import Comparison, Matcher

PHOTOS, PLACES, FAR = 6, (0, 1, 2), 0.05


@dataclass
class Seen:
    """Crops (n, ...) of known people's photos, whose they are, and crops of strangers."""

    embedder: Embedder
    known: np.ndarray
    labels: np.ndarray
    strangers: np.ndarray
    comparison: Comparison

    def dir(self, comparison: Comparison | None, size: int | None = None) -> float:
        """DIR with one enrolled photo each; of faces with so few pixels, if they are reduced."""
        mirrored = comparison is not None
        enrolled = self.embedder.embed(self.known, mirrored=mirrored)
        small = small_views(self.embedder, self.known, enrolled)
        probes, others = (
            self.embedder.embed(
                crops if size is None else np.stack([reduced(crop, size) for crop in crops]),
                mirrored=mirrored,
            )
            for crops in (self.known, self.strangers)
        )
        found = []
        for place in PLACES:
            rows = np.arange(len(self.labels)) % PHOTOS == place
            labels = self.labels[rows]
            matcher = Matcher.of_means(enrolled[rows], labels, small[rows], comparison)
            trial = Trial.of(matcher.scores, probes[~rows], self.labels[~rows], others)
            found.append(trial.dir_at_far(FAR))
        return float(np.mean(found))


@pytest.fixture(scope="module")
def seen(shared: Path) -> Seen:
    _, pipeline = frozen_pipeline("mobilefacenet", cache=True)
    backbone = get_backbone("mobilefacenet")
    assert backbone.comparison is not None
    parts = {}
    for part in ("people", "strangers"):
        folders = sorted((shared / "data" / part).iterdir())
        paths = [path for folder in folders for path in sorted(folder.iterdir())[:PHOTOS]]
        photos = [each.photo for each in pipeline.embed_photos(paths)]
        assert all(len(photo.crops) for photo in photos)
        parts[part] = np.stack([photo.crops[0] for photo in photos])
    return Seen(
        pipeline.embedder, parts["people"], np.arange(len(parts["people"])) // PHOTOS,
        parts["strangers"], Comparison.read(backbone.comparison),
    )  # fmt: skip


def test_clear_faces_are_named_no_worse_than_by_the_plain_cosine(seen: Seen) -> None:
    assert seen.dir(seen.comparison) >= seen.dir(None) - 0.03


def test_small_faces_are_named_clearly_better(seen: Seen) -> None:
    """Twenty pixels wide, compared with one photo that is not."""
    assert seen.dir(seen.comparison, 20) >= seen.dir(None, 20) + 0.05
