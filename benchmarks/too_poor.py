"""Who is "too poor" instead of unknown? Known people and strangers, clean, small and blurred.

    python benchmarks/too_poor.py PEOPLE STRANGERS [--backbone mobilefacenet]

The first half of each person's photos is enrolled and sets every limit; the other half, and the
strangers, are asked, as they are and spoiled. A face is spoiled in its crop: reduced to so many
pixels and enlarged again, or blurred by a share of its side. Printed, in shares of the faces: named
rightly before the rule; rightly named faces that the rule loses; of the faces without a name, those
that are called too poor; and the same of strangers, with those that are taken for somebody.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from knownface.embed.frozen import backbone_embedder
from knownface.faces.crops import load_cropper
from knownface.networks.zoo import get_backbone
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizability import Recognizability
from knownface.recognition.threshold import choose_threshold

HEAD = """\
| faces | named rightly | lost | too poor, without a name | strangers: too poor | taken for known |
|---|---|---|---|---|---|"""
FACE = 0.7  # of the side of a crop, that a face takes
Spoil = Callable[[np.ndarray], np.ndarray]


def small(pixels: int) -> Spoil:
    def spoil(crop: np.ndarray) -> np.ndarray:
        side = max(2, round(pixels / FACE))
        reduced = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(reduced, crop.shape[1::-1]))

    return spoil


def blurred(share: float) -> Spoil:
    return lambda crop: np.asarray(cv2.GaussianBlur(crop, (0, 0), share * FACE * len(crop)))


SPOILED: dict[str, Spoil] = {
    "as they are": lambda crop: crop,
    **{f"{pixels} pixels": small(pixels) for pixels in (24, 20, 14, 10)},
    **{f"blurred by {share:.0%}": blurred(share) for share in (0.03, 0.05, 0.08)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    options = parser.parse_args()
    record = get_backbone(options.backbone)
    embedder, cropper = backbone_embedder(record), load_cropper(record.crop, "detect", cache=True)

    def largest_faces(folder: Path) -> list[np.ndarray]:
        found = cropper.crop_photos(sorted(path for path in folder.iterdir() if path.is_file()))
        return [photo.crops[0] for photo in found if len(photo.crops)]

    halves: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    labels: tuple[list[int], list[int]] = ([], [])
    names = sorted(folder for folder in options.people.iterdir() if folder.is_dir())
    for person, folder in enumerate(names):
        for i, crop in enumerate(largest_faces(folder)):
            halves[i % 2].append(crop)
            labels[i % 2].append(person)
    others = [crop for each in sorted(options.strangers.iterdir()) for crop in largest_faces(each)]

    enrolled = embedder.embed(np.stack(halves[0]))
    photos = tuple(str(i) for i in range(len(enrolled)))
    gallery = Gallery.enroll(
        tuple(folder.name for folder in names), enrolled, np.array(labels[0]), photos, photos,
        None, embedder.contract(record.crop),
    )  # fmt: skip
    threshold = choose_threshold(gallery, None, 0.01, True, record.impostors).value
    rule = Recognizability.measure(embedder.embed, np.stack(halves[0]), enrolled)
    assert rule is not None
    print(f"{len(halves[1])} photos of {len(names)} people, {len(others)} of strangers; ", end="")
    print(f"threshold {threshold:.3f}, least distance {rule.least:.3f}")
    print(HEAD)
    for name, spoil in SPOILED.items():
        known, strange = (
            embedder.embed(np.stack([spoil(crop) for crop in crops]))
            for crops in (halves[1], others)
        )
        best, similarity = gallery.match(known)
        accepted = gallery.match(strange)[1] >= threshold
        named = (similarity >= threshold) & (best == np.array(labels[1]))
        without, poor = similarity < threshold, rule.too_poor(known)
        unnamed = poor[without].mean() if without.any() else 0.0
        lost = (named & without & poor).sum() / max(named.sum(), 1)
        refused = (rule.too_poor(strange) & ~accepted).mean()
        print(
            f"| {name} | {named.mean():.3f} | {lost:.3f} | {unnamed:.3f} of {without.sum()} ",
            end="",
        )
        print(f"| {refused:.3f} | {accepted.mean():.3f} |")


if __name__ == "__main__":
    main()
