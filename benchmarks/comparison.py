"""What is gained by comparing embeddings as their network teaches, and not by cosine alone?

    python benchmarks/comparison.py PEOPLE STRANGERS... [--backbone NAME] [--seeds 3]

The frozen network. Each seed enrolls 1, 3, 5 and 20 photos of every person in PEOPLE and asks 16
others, and every photo of each set of STRANGERS by itself; strangers whose folders are called as
people in PEOPLE are left out. Faces are cropped once; photos are as they are, or reduced to 20 or
14 pixels with noise of 6 grey levels and enlarged, or enrolled as they are and asked at 20.

Prints accuracy, and DIR at the threshold at which 1 % of the strangers are accepted, pooled over
the seeds, with Wilson's interval: by the cosine of single views, as the network teaches, what
seeing photos mirrored, too, brings by itself, and with the network that was taught small faces
beside it, where there is one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from knownface.dataset.folder import scan
from knownface.dataset.portraits import collect_portraits
from knownface.embed.embedder import Embedder
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.views import small_views
from knownface.measure.trial import Trial
from knownface.networks.load import adapted, load_backbone
from knownface.networks.record import Backbone
from knownface.networks.to_onnx import export_onnx
from knownface.recognition.comparison import Comparison, Matcher
from knownface.stats.intervals import wilson_interval
from knownface.stats.vectors import unit_length

TESTED = 16
PHOTOS = (1, 3, 5, 20)
CASES = {  # enrolled, asked
    "clean": ("clean", "clean"),
    "20 pixels": ("20", "20"),
    "14 pixels": ("14", "14"),
    "clean enrolled, 20 pixels asked": ("clean", "20"),
}
FAR = 0.01


@dataclass(frozen=True)
class Seen:
    """Photos of `labels` (n,) as embeddings (n, d): one view, both views, and with fewer pixels.

    beside: (n, 2d) both views of two networks, and beside_small with fewer pixels: see
        `embed/embedder.py` and `embed/views.py`.
    """

    labels: np.ndarray
    single: np.ndarray
    both: np.ndarray
    small: np.ndarray
    beside: np.ndarray
    beside_small: np.ndarray


def taught(backbone: Backbone) -> Embedder | None:
    """The network as it was taught small faces."""
    if backbone.small_faces is None:
        return None
    model = load_backbone(backbone.name)
    model.set_weights(adapted(model, backbone.small_faces))
    with TemporaryDirectory() as folder:
        export_onnx(model, Path(folder) / "taught.onnx")
        return Embedder(Path(folder) / "taught.onnx")


def reduced(crop: np.ndarray, size: str, rng: np.random.Generator) -> np.ndarray:
    if size == "clean":
        return crop
    small = cv2.resize(crop, (int(size),) * 2, interpolation=cv2.INTER_AREA)
    noisy = np.clip(small + rng.normal(0, 6, small.shape), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(noisy, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC))


def seen(
    folder: Path, backbone: str, other: Embedder | None, known: Comparison, without: set[str]
) -> tuple[set[str], dict[str, Seen]]:
    """The people's names, and their photos by condition."""
    _, pipeline = frozen_pipeline(backbone, cache=True)
    found = collect_portraits(scan(folder, loose=True), pipeline)
    kept = [name.lower() not in without for name in found.people]
    rows = np.flatnonzero(np.array(kept)[found.labels])
    crops, embedder = np.asarray(found.crops[rows]), pipeline.embedder
    result = {}
    for size in ("clean", "20", "14"):
        rng = np.random.default_rng(0)
        changed = np.stack([reduced(crop, size, rng) for crop in crops])
        both = embedder.embed(changed, mirrored=True)
        small = small_views(embedder, changed, both)
        views = other.embed(changed, mirrored=True) if other else both
        asked = np.where(known.is_small(both)[:, None], views, both)
        beside, beside_small = (
            unit_length(np.hstack(halves)) for halves in ((both, asked), (small, views))
        )
        single = embedder.embed(changed)
        result[size] = Seen(found.labels[rows], single, both, small, beside, beside_small)
    names = {name.lower() for name, here in zip(found.people, kept, strict=True) if here}
    return names, result


def rates(
    known: dict[str, Seen],
    strangers: Sequence[dict[str, Seen]],
    case: tuple[str, str],
    photos: int,
    seed: int,
    comparison: Comparison | None,
    view: str,
) -> list[float]:
    """Accuracy, and DIR against each set of strangers."""
    enrolled, asked = (known[size] for size in case)
    rng = np.random.default_rng(1000 + seed)
    rows = [
        rng.permutation(np.flatnonzero(enrolled.labels == p)) for p in np.unique(enrolled.labels)
    ]
    test = np.concatenate([each[:TESTED] for each in rows])
    train = np.concatenate([each[TESTED : TESTED + photos] for each in rows])
    small = enrolled.beside_small if view == "beside" else enrolled.small
    embeddings, small = getattr(enrolled, view)[train], small[train]
    matcher = Matcher.of_means(embeddings, enrolled.labels[train], small, comparison)
    trials = [
        Trial.of(matcher.scores, getattr(asked, view)[test], asked.labels[test],
                 getattr(others[case[1]], view))
        for others in strangers
    ]  # fmt: skip
    return [trials[0].accuracy, *(trial.dir_at_far(FAR) for trial in trials)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path, nargs="+")
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--comparison", type=Path, help="instead of the backbone's own")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    record, _ = frozen_pipeline(given.backbone)
    path = given.comparison or record.comparison
    comparison = Comparison.read(path)
    other = taught(record)
    names, known = seen(given.people, given.backbone, other, comparison, set())
    others = [
        seen(folder, given.backbone, other, comparison, names)[1] for folder in given.strangers
    ]
    ways: dict[str, tuple[Comparison | None, str]] = {
        "cosine": (None, "single"), "cosine, mirrored": (None, "both"),
        "compared": (comparison, "single"), "compared, mirrored": (comparison, "both"),
    }  # fmt: skip
    if other:
        ways["beside what was taught"] = comparison.beside_taught(), "beside"
    sets = [f"DIR, {folder.name}" for folder in given.strangers]
    print(
        "| case | photos | " + " | ".join(f"{w}: accuracy; {'; '.join(sets)}" for w in ways) + " |"
    )
    print("|---" * (2 + len(ways)) + "|")
    for case, sizes in CASES.items():
        for photos in PHOTOS:
            cells = []
            for way in ways.values():
                found = np.mean(
                    [rates(known, others, sizes, photos, s, *way) for s in range(given.seeds)], 0
                )
                count = TESTED * len(names) * given.seeds
                texts = []
                for share in found.tolist():
                    low, high = wilson_interval(round(share * count), count)
                    texts.append(f"{share:.3f} ({low:.3f} to {high:.3f})")
                cells.append("; ".join(texts))
            print(f"| {case} | {photos} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
