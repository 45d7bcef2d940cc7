"""How often do the stated 95 % intervals contain the truth? Simulated evaluations on real faces.

    python tools/measure_coverage.py BACKBONE TAR...

TAR: aligned crops as `identity/photo.jpg`. Every evaluation enrolls 10 or 20 people with half of
their photos, draws 5 to 30 strangers with 1 to 12 photos each, and six test photos for each known
person. The truth is what the same threshold does on everybody who is left: for FAR at the threshold
that accepts the stated share of them, for DIR on all other photos of the known people. Test photos
are drawn as a split does, the same number of everyone, and from all people alike.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure_threshold import read_tar

from knownface.embed.frozen import backbone_embedder
from knownface.networks.zoo import get_backbone
from knownface.stats.intervals import clustered_interval, dir_interval
from knownface.stats.vectors import mean_templates

EVALUATIONS = 500
FARS = (0.001, 0.01, 0.1)
PEOPLE, STRANGERS = (10, 20), (5, 10, 15, 30)
MOST_PHOTOS, TESTED, FEWEST_PHOTOS = 12, 6, 12
WRONG = -1.0  # below any threshold
SAME_PERSON = 0.8  # of two templates: one person under two names; faces of two reach 0.55


@dataclass(frozen=True)
class World:
    """A gallery against everybody: best similarities of strangers and of known people's photos."""

    strangers: list[np.ndarray]
    known: list[np.ndarray]  # by person, WRONG where another name was best

    def threshold(self, far: float) -> float:
        """Accepts the share `far` of strangers, each stranger counting alike."""
        scores = np.concatenate(self.strangers)
        weights = np.concatenate([np.full(len(each), 1 / len(each)) for each in self.strangers])
        order = np.argsort(-scores)
        shares = np.cumsum(weights[order]) / len(self.strangers)
        return float(scores[order[np.searchsorted(shares, far, side="right")]])

    def far(self, threshold: float) -> float:
        return float(np.mean([(each >= threshold).mean() for each in self.strangers]))

    def dir(self, threshold: float) -> float:
        return float(np.mean([(each >= threshold).mean() for each in self.known]))


def distinct(faces: list[np.ndarray]) -> list[np.ndarray]:
    """Without people who are there twice under two names."""
    labels = np.repeat(np.arange(len(faces)), [len(each) for each in faces])
    templates = mean_templates(np.concatenate(faces), labels, len(faces))
    again = np.triu(templates @ templates.T, 1).max(0) > SAME_PERSON
    return [each for each, twice in zip(faces, again, strict=True) if not twice]


def build(faces: list[np.ndarray], people: int, rng: np.random.Generator) -> World:
    candidates = [i for i, each in enumerate(faces) if len(each) >= FEWEST_PHOTOS]
    chosen = rng.choice(candidates, people, replace=False)
    shuffled = [faces[i][rng.permutation(len(faces[i]))] for i in chosen]
    enrolled = [each[: len(each) // 2] for each in shuffled]
    labels = np.repeat(np.arange(people), [len(each) for each in enrolled])
    templates = mean_templates(np.concatenate(enrolled), labels, people)
    known = []
    for person, each in enumerate(shuffled):
        scores = each[len(each) // 2 :] @ templates.T
        known.append(np.where(scores.argmax(1) == person, scores.max(1), WRONG))
    others = [each for i, each in enumerate(faces) if i not in chosen]
    best = (np.concatenate(others) @ templates.T).max(1)
    return World(np.split(best, np.cumsum([len(each) for each in others])[:-1]), known)


def draw_strangers(
    world: World, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    drawn = []
    for i in rng.choice(len(world.strangers), count, replace=False):
        each = world.strangers[i]
        drawn.append(each[rng.permutation(len(each))[: rng.integers(1, MOST_PHOTOS + 1)]])
    return np.concatenate(drawn), np.repeat(np.arange(count), [len(each) for each in drawn])


def draw_known(world: World, alike: bool, rng: np.random.Generator) -> np.ndarray:
    people = np.arange(len(world.known)).repeat(TESTED)
    if not alike:
        people = rng.choice(len(world.known), len(people))
    return np.array([rng.choice(world.known[person]) for person in people])


def main(backbone: str, *tars: str) -> None:
    embedder = backbone_embedder(get_backbone(backbone))
    faces = distinct([each for tar in tars for each in read_tar(Path(tar), embedder).values()])
    print(f"{backbone}, {len(faces)} people, {EVALUATIONS} evaluations for each number")
    print("| FAR | people | strangers | FAR held | DIR held | drawn from all | DIR open |")
    print("|---|---|---|---|---|---|---|")
    for people in PEOPLE:
        rng = np.random.default_rng(people)
        worlds = [build(faces, people, rng) for _ in range(EVALUATIONS)]
        for far in FARS:
            for count in STRANGERS:
                rows = [evaluate(world, count, far, rng) for world in worlds]
                shown = " | ".join(f"{share:.3f}" for share in np.mean(rows, axis=0))
                print(f"| {far:g} | {people} | {count} | {shown} |", flush=True)


def evaluate(world: World, count: int, far: float, rng: np.random.Generator) -> list[bool]:
    """Whether the intervals of FAR and of both kinds of DIR hold the truth; whether one is open."""
    threshold = world.threshold(far)
    scores, owners = draw_strangers(world, count, rng)
    low, high = clustered_interval(scores, owners, threshold)
    held = [low <= world.far(threshold) <= high]
    for alike in (True, False):
        best = draw_known(world, alike, rng)
        low, high = dir_interval(best, best > WRONG, scores, owners, far)
        held.append(low <= world.dir(threshold) <= high)
    return [*held, low == 0]


if __name__ == "__main__":
    main(*sys.argv[1:])
