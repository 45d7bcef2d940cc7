"""Who is "too poor" instead of unknown? Known people and strangers, clean, small and blurred.

    python benchmarks/too_poor.py PEOPLE STRANGERS [--backbone mobilefacenet]

The first half of each person's photos is trained on, recipe `frozen`, and sets every limit; the
other half, and the strangers, are asked, as they are and spoiled. A face is spoiled in its crop:
reduced to so many pixels and enlarged again, or blurred by a share of its side. Printed, in shares
of the faces: named rightly; of these, those that the rule would take the name from if it were above
the threshold; of the faces without a name, those that are called too poor; and the same of
strangers, with those that are taken for somebody.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

import knownface
from knownface.faces.crops import load_cropper
from knownface.networks.zoo import get_backbone

HEAD = """\
| faces | named rightly | at risk | unnamed: too poor | strangers: too poor | taken for known |
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
    cropper = load_cropper(get_backbone(options.backbone).crop, "detect", cache=True)

    def largest_faces(folder: Path) -> list[np.ndarray]:
        found = cropper.crop_photos(sorted(path for path in folder.iterdir() if path.is_file()))
        return [photo.crops[0] for photo in found if len(photo.crops)]

    asked: list[np.ndarray] = []
    whose: list[str] = []
    with TemporaryDirectory() as work:
        for folder in sorted(each for each in options.people.iterdir() if each.is_dir()):
            place = Path(work) / "people" / folder.name
            place.mkdir(parents=True)
            for i, crop in enumerate(largest_faces(folder)):
                if i % 2:
                    asked.append(crop)
                    whose.append(folder.name)
                else:
                    cv2.imwrite(str(place / f"{i}.png"), crop[:, :, ::-1])
        recognizer = knownface.train(
            place.parent, recipe="frozen", backbone=options.backbone, faces="cropped",
            out=Path(work) / "run",
        ).recognizer  # fmt: skip
    strangers = sorted(each for each in options.strangers.iterdir() if each.is_dir())
    others = [crop for folder in strangers for crop in largest_faces(folder)]
    report(recognizer, asked, whose, others)


def report(
    recognizer: knownface.Recognizer,
    asked: list[np.ndarray],
    whose: list[str],
    others: list[np.ndarray],
) -> None:
    gallery, threshold = recognizer.gallery, recognizer.threshold.value
    assert recognizer.recognizability
    people, least = len(recognizer.people), recognizer.recognizability.least
    print(f"{len(asked)} photos of {people} people, {len(others)} of strangers; ", end="")
    print(f"threshold {threshold:.3f}, least distance {least:.3f}")
    print(HEAD)
    for name, spoil in SPOILED.items():
        known, strange = (
            recognizer.embedder.embed(
                np.stack([spoil(crop) for crop in crops]), mirrored=recognizer.mirrored
            )
            for crops in (asked, others)
        )
        best, similarity = gallery.match(known)
        accepted = gallery.match(strange)[1] >= threshold
        right = np.array(recognizer.people)[best] == np.array(whose)
        named, without = (similarity >= threshold) & right, similarity < threshold
        poor = recognizer.too_poor(known)
        unnamed = poor[without].mean() if without.any() else 0.0
        lost = (named & poor).sum() / max(named.sum(), 1)
        refused = (recognizer.too_poor(strange) & ~accepted).mean()
        print(
            f"| {name} | {named.mean():.3f} | {lost:.3f} | {unnamed:.3f} of {without.sum()} "
            f"| {refused:.3f} | {accepted.mean():.3f} |"
        )


if __name__ == "__main__":
    main()
