"""Measure how similar different people look to a frozen backbone: the `impostors` of its record.

    python tools/measure_impostors.py mobilefacenet FOLDER_OR_TAR...

Each argument holds aligned crops as `identity/photo.jpg`; identities are only compared within one
argument, because two collections may share people. Prints thresholds by false-accept rate between
two photos, and between a photo and the mean of ten photos of another person.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from knownface.embed.frozen import backbone_embedder
from knownface.networks.zoo import get_backbone
from knownface.stats.metrics import threshold_at_far
from knownface.stats.vectors import mean_templates

RATES = (1e-2, 1e-3, 1e-4)
PHOTOS = 10


def crops(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.glob("*/*.jpg")):
            yield path.parent.name, path.read_bytes()
        return
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile() and (stream := archive.extractfile(member)):
                yield Path(member.name).parent.name, stream.read()


def main(name: str, sources: list[str]) -> None:
    embedder = backbone_embedder(get_backbone(name), precision="float32")
    pairs, templates = [], []
    for source in sources:
        people: dict[str, list[bytes]] = defaultdict(list)
        for person, data in crops(Path(source)):
            if len(people[person]) < PHOTOS:
                people[person].append(data)
        images = [np.asarray(Image.open(io.BytesIO(d))) for p in people.values() for d in p]
        labels = np.repeat(np.arange(len(people)), [len(photos) for photos in people.values()])
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
