"""Measure how similar different people look to a frozen backbone: the `impostors` of its record.

    python tools/measure_impostors.py mobilefacenet FOLDER_OR_TAR...

Each argument holds aligned crops as `identity/photo.jpg`; identities are only compared within one
argument, because two collections may share people. Prints thresholds by false-accept rate between
two photos, and between a photo and the mean of ten photos of another person.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from aligned_crops import files_by_person, pixels

from knownface.embed.frozen import backbone_embedder
from knownface.networks.zoo import get_backbone
from knownface.stats.metrics import threshold_at_far
from knownface.stats.vectors import mean_templates

RATES = (1e-2, 1e-3, 1e-4)
PHOTOS = 10


def main(name: str, sources: list[str]) -> None:
    embedder = backbone_embedder(get_backbone(name), precision="float32")
    pairs, templates = [], []
    for source in sources:
        people = [each[:PHOTOS] for each in files_by_person(Path(source)).values()]
        images = [pixels(data) for each in people for data in each]
        labels = np.repeat(np.arange(len(people)), [len(each) for each in people])
        embeddings = embedder.embed(np.stack(images))
        similarity = embeddings @ embeddings.T
        pairs.append(similarity[np.triu(labels[:, None] != labels, 1)])
        full = np.flatnonzero(np.bincount(labels) == PHOTOS)
        rows = np.isin(labels, full)
        means = mean_templates(embeddings[rows], np.searchsorted(full, labels[rows]), len(full))
        templates.append((embeddings @ means.T)[labels[:, None] != full])
    for kind, parts in (("pairs", pairs), ("templates", templates)):
        scores = np.concatenate(parts)
        measured = ", ".join(f"({far:g}, {threshold_at_far(scores, far):.3f})" for far in RATES)
        print(f"{kind}=({measured}),  # {len(scores):,} comparisons")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
