"""What wrongly filed photos of a few people do to everybody else: named, and strangers accepted.

    python benchmarks/poisoned.py PEOPLE STRANGERS --backbone mobilefacenet --seeds 3

Of each person 10 photos make a folder to train on (recipe `frozen`) and 10 others are tested. In 1,
2 or 4 people something is filed wrongly. Then everybody who is not concerned is tested at the
threshold, and so is every second stranger; the others fill folders of nobody. Prints a Markdown
table with means over the seeds: the threshold, the share of photos named rightly, that of the same
people without anything wrong, and the share of strangers accepted.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from knownface.dataset.folder import scan
from knownface.dataset.portraits import collect_portraits
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.networks.record import Backbone
from knownface.progress import silent
from knownface.recognition.about import About
from knownface.recognition.recognizer import Recognizer
from knownface.training.config import TrainingConfig
from knownface.training.photos import collect
from knownface.training.race import Outcome
from knownface.training.train import enroll

PHOTOS = 10  # to train on, and as many to test
POISONED = (1, 2, 4)


@dataclass(frozen=True)
class Wrong:
    """What is filed wrongly: photos of `person` in `other`, `spare` ones too, and of strangers."""

    root: Path
    person: str
    other: str
    spare: list[Path]
    strange: list[Path]

    @property
    def first(self) -> Path:
        return sorted((self.root / self.person).iterdir())[0]


def put(photos: list[Path], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for photo in photos:
        shutil.copy(photo, folder / f"wrong_{photo.parent.name}_{photo.name}")


def copy(wrong: Wrong) -> None:
    put([wrong.first], wrong.root / wrong.other)


def mirrored_copy(wrong: Wrong) -> None:
    picture = ImageOps.mirror(Image.open(wrong.first).convert("RGB"))
    picture.save(wrong.root / wrong.other / "wrong_mirrored.jpg", quality=90)


def three_moved(wrong: Wrong) -> None:
    put(wrong.spare[:3], wrong.root / wrong.other)


def half_moved(wrong: Wrong) -> None:
    put(wrong.spare[:PHOTOS], wrong.root / wrong.other)


def two_folders(wrong: Wrong) -> None:
    put(wrong.spare[:PHOTOS], wrong.root / f"{wrong.person} 2")


def folder_of_nobody(wrong: Wrong) -> None:
    put(wrong.strange, wrong.root / f"unknown of {wrong.person}")


WAYS: tuple[Callable[[Wrong], None], ...] = (
    copy, mirrored_copy, three_moved, half_moved, two_folders, folder_of_nobody,
)  # fmt: skip


class Bench:
    """One draw of photos, on which every way is measured."""

    def __init__(self, people: Path, strangers: Path, pipeline: FacePipeline, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.people = {
            folder.name: [files[i] for i in rng.permutation(len(files))]
            for folder in sorted(people.iterdir())
            if (files := sorted(folder.iterdir()))
        }
        self.names = [str(name) for name in rng.permutation(list(self.people))]
        self.pipeline = pipeline
        everyone = collect_portraits(scan(people), pipeline)
        tested = {f"{name}/{p.name}" for name in self.people for p in self._part(name, 1)}
        self.tests = everyone.select(np.flatnonzero(np.isin(everyone.photos, sorted(tested))))
        others = collect_portraits(scan(strangers), pipeline)
        rows = np.flatnonzero(
            (others.labels % 2 == 1) & ~np.isin(others.people, self.names)[others.labels]
        )
        self.strangers = others.embeddings[rows]
        self.strange = [
            strangers / p
            for p, label in zip(others.photos, others.labels, strict=True)
            if label % 2 == 0
        ]

    def _part(self, name: str, number: int) -> list[Path]:
        return self.people[name][number * PHOTOS : (number + 1) * PHOTOS]

    def folder(self, root: Path, way: Callable[[Wrong], None] | None, count: int) -> None:
        for name in self.people:
            put(self._part(name, 0), root / name)
        for i in range(count if way else 0):
            person, other = self.names[2 * i : 2 * i + 2]
            assert way is not None
            way(
                Wrong(
                    root, person, other, self.people[person][2 * PHOTOS :], self.strange[i::count]
                )
            )

    def measured(self, recognizer: Recognizer, concerned: int) -> tuple[float, float]:
        """Shares of photos named rightly, of people from `concerned` on, and of strangers named."""
        tests, gallery = self.tests, recognizer.gallery
        rows = np.isin(np.array(tests.people)[tests.labels], self.names[concerned:])
        best, similarity = gallery.match(tests.embeddings[rows])
        right = np.array(gallery.people)[best] == np.array(tests.people)[tests.labels[rows]]
        threshold = recognizer.threshold.value
        named = (right & (similarity >= threshold)).mean()
        return float(named), float((gallery.match(self.strangers)[1] >= threshold).mean())


def trained(folder: Path, backbone: Backbone, pipeline: FacePipeline) -> Recognizer:
    config = TrainingConfig(data=folder, backbone=backbone.name, recipe="frozen")
    photos = collect(scan(folder), None, pipeline, silent, validation=0.2, seed=0)
    outcome = Outcome([], "frozen", "frozen, as asked")
    return enroll(photos, pipeline.embedder, outcome, backbone, config, About())[0]


def main(people: Path, strangers: Path, backbone: str, seeds: int) -> None:
    record, pipeline = frozen_pipeline(backbone, cache=True)
    print("| filed wrongly | people | threshold | named | without | strangers accepted |")
    print("|---|---|---|---|---|---|")
    benches = [Bench(people, strangers, pipeline, seed) for seed in range(seeds)]
    clean: dict[int, Recognizer] = {}
    for way, count in [(None, 0), *((way, count) for way in WAYS for count in POISONED)]:
        rows = []
        for number, bench in enumerate(benches):
            with tempfile.TemporaryDirectory() as place:
                bench.folder(Path(place), way, count)
                recognizer = trained(Path(place), record, pipeline)
            clean.setdefault(number, recognizer)
            named, accepted = bench.measured(recognizer, 2 * count)
            without, _ = bench.measured(clean[number], 2 * count)
            rows.append((recognizer.threshold.value, named, without, accepted))
        threshold, *shares = np.mean(rows, 0).tolist()
        title = way.__name__.replace("_", " ") if way else "nothing"
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        print(f"| {title} | {count} | {threshold:.3f} | {cells} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    main(given.people, given.strangers, given.backbone, given.seeds)
