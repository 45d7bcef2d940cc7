"""How well recipe `best` chooses, by the rule that it has and by those it had before.

    python benchmarks/race.py PEOPLE STRANGERS --draws 30

A draw is 5 to 20 people with 5 to 20 training photos each (both drawn evenly on a logarithmic
scale), at most 16 other photos of each to test on, 90 photos of 30 strangers given to every second
draw or so, and up to 400 of others to test on. Every candidate is judged in every round of the
race, and then trained on all training photos and tested. What it scored is kept in `--log`, a file
for each draw and condition, so that rules are compared on the very same candidates, and what was
interrupted goes on. Draws with few photos come first, each at 20 pixels and every third clean.
Processes that are started with the same `--log` share the draws.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import filelock
import numpy as np
from race_records import ARRAYS, Record, nothing_to_win, table
from recipes import changed, crops_of

from knownface.dataset.folder import scan
from knownface.dataset.portraits import Faces
from knownface.embed.views import small_views
from knownface.files.whole import whole_file
from knownface.networks.layers import beside
from knownface.networks.load import choose_backbone
from knownface.progress import silent
from knownface.training import candidates, race
from knownface.training.candidates import Lesson, TrainingContext
from knownface.training.config import TrainingConfig
from knownface.training.history import History
from knownface.training.network import (
    known_comparison,
    load_network,
    taught_small_faces,
    write_network,
)
from knownface.training.rounds import Ground, Round

TESTED, GIVEN, OTHERS = 16, 90, 400  # test photos of a person; photos of strangers given, tested


# ---------------------------------------------------------------- draws
@dataclass(frozen=True)
class Photos:
    """Crops (n, size, size, 3) and whose they are (n,)."""

    crops: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Photos:
        return Photos(self.crops[rows], self.labels[rows])

    @classmethod
    def read(cls, folder: Path, cropped: bool, backbone: str) -> Photos:
        if not cropped:
            return cls(*crops_of(folder, backbone))
        found = scan(folder)
        crops = [cv2.imread(str(path))[:, :, ::-1] for path in found.paths]
        return cls(np.stack(crops), found.labels)


@dataclass(frozen=True)
class Draw:
    train: Photos
    test: Photos
    given: Photos
    others: Photos

    @classmethod
    def number(cls, number: int, people: Photos, strangers: Photos) -> Draw:
        rng = np.random.default_rng(number)
        k, n = (round(np.exp(rng.uniform(np.log(5), np.log(20)))) for _ in range(2))
        has_given = rng.random() < 0.5
        chosen = rng.choice(people.labels.max() + 1, k, replace=False)
        train: list[int] = []
        test: list[int] = []
        for person in chosen:
            rows = rng.permutation(np.flatnonzero(people.labels == person))
            test.extend(rows[: min(TESTED, len(rows) - n)])
            train.extend(rows[-n:])
        order = rng.permutation(strangers.labels.max() + 1)
        first, rest = (
            rng.permutation(np.flatnonzero(np.isin(strangers.labels, some)))
            for some in (order[:30], order[30:])
        )
        place = {int(person): index for index, person in enumerate(chosen)}
        known = [
            Photos(part.crops, np.array([place[int(label)] for label in part.labels]))
            for part in (people[np.array(train)], people[np.array(test)])
        ]
        given = strangers[first[: GIVEN if has_given else 0]]
        return cls(*known, given, strangers[rest[:OTHERS]])


# ---------------------------------------------------------------- candidates
def measured(
    draw: Draw, number: int, condition: str, arguments: argparse.Namespace, work: Path
) -> dict[str, np.ndarray]:
    """Judge every candidate in every round, and in the end: arrays by round, name and what."""
    found, wanted = choose_backbone(arguments.backbone, None, silent)
    model, origin = load_network(found, wanted, TrainingConfig("", seed=number), silent)
    comparison = known_comparison(found, origin, TrainingConfig(""))
    taught = taught_small_faces(model, found, origin) if comparison else None
    shipped = model
    if comparison and taught:
        shipped, comparison = beside(model, taught), comparison.beside_taught()
    embedder = write_network(shipped, work, "cpu", comparison)

    def faces(photos: Photos, seed: int) -> Faces:
        rng = np.random.default_rng(10 * number + seed)
        crops = np.array([changed(crop, condition, rng) for crop in photos.crops], np.uint8)
        crops = crops.reshape(-1, *draw.train.crops.shape[1:])
        embeddings = embedder.embed(crops, mirrored=comparison is not None)
        small = small_views(embedder, crops, embeddings) if comparison and seed == 0 else None
        return Faces(crops, embeddings, small)

    train, test, given, others = map(
        faces, (draw.train, draw.test, draw.given, draw.others), range(4)
    )
    labels, groups = draw.train.labels, np.arange(len(train))
    ground = Ground.of(train, labels, groups, given, draw.given.labels, number)
    tested = Faces(
        np.concatenate([train.crops, test.crops]),
        np.concatenate([train.embeddings, test.embeddings]),
        None if train.small is None else np.concatenate([train.small, test.embeddings]),
    )
    ends = np.arange(len(train)), np.arange(len(train), len(tested)), groups[:0]
    known = np.concatenate([labels, draw.test.labels])
    final = Ground(tested, known, [Round(*ends)], others, draw.others.labels)
    history = History(work, "race", tensorboard=False, mlflow=False, options={})
    context = TrainingContext(
        model, embedder, work, "cpu", "auto", number, arguments.epochs, history, silent, comparison,
        taught,
    )  # fmt: skip
    kept: dict[str, np.ndarray] = {}
    for name in ["frozen", "whitened", "head", *arguments.networks]:
        method, dear = getattr(candidates, name), name in arguments.networks
        for index, part in enumerate(ground.rounds):
            if dear and (index >= race.NETWORK_ROUNDS or nothing_to_win(kept)):
                break
            kept |= judged(method, context, ground, part, str(index))
        kept |= judged(method, context, final, final.rounds[0], "end")
    return kept


def judged(
    method: candidates.Method, context: TrainingContext, ground: Ground, part: Round, where: str
) -> dict[str, np.ndarray]:
    start = time.perf_counter()
    if where == "end":  # the test photos are no part of what is prepared once for all rounds
        rows = part.learned
        lesson = Lesson(ground.faces[rows], ground.labels[rows], rows, where)
    else:
        lesson = Lesson(ground.faces, ground.labels, part.learned, where)
    candidate = method(context, lesson)
    found: dict[str, np.ndarray] = {}
    for kind, each in race.judge(candidate, context, lesson, ground, part):
        arrays = (each.trial.scores, each.trial.truth, each.trial.strangers, each.others)
        key = f"{where}|{candidate.name}|{kind}"
        found |= {f"{key}|{name}": a for name, a in zip(ARRAYS, arrays, strict=True)}
        found[f"{key}|seconds"] = np.array(time.perf_counter() - start)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--faces", default="find", choices=("find", "cropped"))
    parser.add_argument("--networks", nargs="*", default=["whole"], choices=("top", "whole"))
    parser.add_argument("--epochs", type=int, help="of a network; other than in a race if given")
    parser.add_argument("--log", type=Path, default=Path("runs/race"))
    parser.add_argument("--report", action="store_true", help="only what is in the log already")
    arguments = parser.parse_args()
    arguments.log.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        fill(arguments)
    for condition in ("clean", "20px"):
        files = sorted(arguments.log.glob(f"*-{condition}.npz"))
        records = [Record.of(dict(np.load(file))) for file in files]
        if records:
            print(f"\n{condition}, {len(records)} draws\n", *table(records), sep="\n")


def fill(arguments: argparse.Namespace) -> None:
    """Measure the draws that are not in the log, and that no other process is at."""
    people, strangers = (
        Photos.read(folder, arguments.faces == "cropped", arguments.backbone)
        for folder in (arguments.people, arguments.strangers)
    )
    numbers = range(arguments.first, arguments.first + arguments.draws)
    draws = {number: Draw.number(number, people, strangers) for number in numbers}
    for number, draw in sorted(draws.items(), key=lambda each: len(each[1].train.labels)):
        for condition in ("20px", "clean") if number % 3 == 0 else ("20px",):
            file = arguments.log / f"{number:03d}-{condition}.npz"
            lock = filelock.FileLock(file.with_suffix(".lock"), timeout=0)
            with suppress(filelock.Timeout), lock, tempfile.TemporaryDirectory() as work:
                if file.exists():
                    continue
                kept = measured(draw, number, condition, arguments, Path(work))
                with whole_file(file) as part:
                    np.savez_compressed(part, **kept)  # type: ignore[arg-type]
                print(file, len(draw.train.labels), "photos", flush=True)


if __name__ == "__main__":
    main()
