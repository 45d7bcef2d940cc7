"""Can anybody be recovered from the face statistics of `knownface demo`?

    python tools/check_face_model.py TAR...

TAR: the collections that `fit_face_model.py` was given. Three groups are compared with the mean
embeddings of all real people by the frozen MobileFaceNet, and the cosine with the nearest is
printed: real people with the nearest OTHER person, which is what mere resemblance gives; invented
people; and every direction of the model by itself, at 3 standard deviations, which is where a
person would show if the statistics had kept one. Real people with their own other photos come last.

Measured with celeba.tar, cfp.tar and glint24.tar, median and largest: 0.375 and 0.955 (the three
share people, it seems), 0.339 and 0.505, 0.317 and 0.402; last 0.884 and 0.979.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from aligned_crops import files_by_person, pixels

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.faces.crops import FaceCropper
from knownface.faces.detectors import load_detector
from knownface.faces.picture import Picture
from knownface.networks.zoo import get_backbone
from knownface.stats.vectors import mean_templates
from knownface.synthetic.head import looks_of
from knownface.synthetic.model import FaceModel, load_model
from knownface.synthetic.person import invent_person
from knownface.synthetic.portrait import take_photo

PHOTOS = 16  # per person
INVENTED = 100
EXTREME = 3.0  # standard deviations


def main(tars: list[Path]) -> None:
    model = load_model()
    embedder = backbone_embedder(get_backbone("mobilefacenet"), precision="float32")
    first, second = [], []
    for tar in tars:
        for _, photos in sorted(files_by_person(tar).items()):
            if len(photos) >= 4:
                crops = np.stack([pixels(photo) for photo in photos[:PHOTOS]])
                embeddings = embedder.embed(crops)
                first.append(mean(embeddings[::2]))
                second.append(mean(embeddings[1::2]))
    real, again = np.stack(first), np.stack(second)
    others = real @ again.T
    own = others.diagonal().copy()
    np.fill_diagonal(others, -1)
    report("real people and the nearest other person", others.max(1))
    report("invented people and the nearest real one", (invented(model, embedder) @ real.T).max(1))
    report(
        "single directions and the nearest real one", (extremes(model, embedder) @ real.T).max(1)
    )
    report("real people and their own other photos", own)


def mean(embeddings: np.ndarray) -> np.ndarray:
    return mean_templates(embeddings, np.zeros(len(embeddings), int), 1)[0]


def invented(model: FaceModel, embedder: Embedder) -> np.ndarray:
    """Mean embeddings of invented people, from whole photos: (INVENTED, d)."""
    cropper = FaceCropper(get_backbone("mobilefacenet").crop, load_detector())
    rows = []
    for number in range(INVENTED):
        seed = (0, 2, number)
        looks = looks_of(model, invent_person(model, seed))
        photos = [take_photo(model, looks, (*seed, i)).pixels for i in range(PHOTOS // 2)]
        crops = [cropper.crop_picture(Picture.of(photo))[1] for photo in photos]
        rows.append(mean(embedder.embed(np.concatenate([c[:1] for c in crops if len(c)]))))
    return np.stack(rows)


def extremes(model: FaceModel, embedder: Embedder) -> np.ndarray:
    """Embeddings of the mean face moved far along each direction between people, both ways."""
    crops = []
    for coefficients in np.concatenate([np.eye(len(model.people)), -np.eye(len(model.people))]):
        face = model.person((EXTREME * coefficients).astype(np.float32))
        texture, _ = model.face(face, np.zeros(len(model.photos), np.float32))
        crops.append(np.rint(texture * 255).astype(np.uint8))
    return embedder.embed(np.stack(crops))


def report(what: str, cosines: np.ndarray) -> None:
    low, middle, high = np.quantile(cosines, [0.05, 0.5, 0.95])
    print(f"{what}: median {middle:.3f}, 90 % in {low:.3f} to {high:.3f}, max {cosines.max():.3f}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
