"""Recipe `best`: candidates race on photos and people kept aside from the training part."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from knownface.dataset.portraits import Faces
from knownface.dataset.split import split
from knownface.measure.evaluation import Evaluation
from knownface.progress import Track
from knownface.stats.metrics import dir_at_far
from knownface.stats.whitening import Whitening
from knownface.training.candidates import Candidate, Kind, Rung, Workshop, frozen, rungs

log = logging.getLogger(__name__)

ENOUGH = 0.95  # score from which more training can hardly be seen to help
# What a candidate's score must be better by than the frozen network's: this over the root of the
# number of photos that tell, 0.02 of a hundred and 0.06 of ten, about half a standard error.
CLEARLY = 0.2
LEFT_OUT = 5  # one person in so many plays the stranger, where too few strangers are given
STRANGERS = 50  # photos of given strangers that are enough
FARS = (0.01, 0.03, 0.1, 0.3)  # the higher ones are steadier: a race has few strangers


@dataclass(frozen=True)
class Lap:
    """How a network did in one way of comparison: on photos of its people, and on strangers.

    dir_at_far: at FAR 1 %. score: half the accuracy, half the mean DIR over FARS. impostors: (m,)
    each stranger's best similarity.
    """

    network: str
    kind: Kind
    accuracy: float
    dir_at_far: float
    seconds: float
    score: float
    impostors: np.ndarray

    @property
    def name(self) -> str:
        return self.network if self.kind == "means" else f"{self.network}, {self.kind}"


@dataclass(frozen=True)
class Outcome:
    """What won: its name, and why; templates (people, d), or None for means of embeddings.

    tuned: whether the model was changed in place. whitening: what is to follow the model.
    impostors: (m,) best similarities of strangers in the race, from which a threshold can be
        chosen. stopped: by Ctrl-C.
    """

    laps: list[Lap]
    chosen: str
    reason: str
    templates: np.ndarray | None = None
    tuned: bool = False
    whitening: Whitening | None = None
    impostors: np.ndarray | None = None
    stopped: bool = False

    @property
    def fitted(self) -> bool:
        """Whether the embeddings were made for these very people, who are no strangers to them."""
        return self.tuned or self.whitening is not None

    def candidates(self, evaluation: Evaluation, seconds: float) -> list[dict[str, Any]]:
        """What `evaluation.json` says of each; without a race, the test of the only one."""
        rows: list[tuple[str, float, float | None, float]] = [
            (lap.name, lap.accuracy, lap.dir_at_far, lap.seconds) for lap in self.laps
        ] or [(self.chosen, evaluation.accuracy, evaluation.dir_at_1_percent, seconds)]
        where = "photos and people kept aside from training" if self.laps else "test"
        return [
            {
                "name": name,
                "accuracy": accuracy,
                "dir_at_far_0.01": dir_at_far,
                "seconds": round(spent, 2),
                "measured_on": where,
            }
            for name, accuracy, dir_at_far, spent in rows
        ]


@dataclass(frozen=True)
class Course:
    """What candidates are trained and tested on; all of it lies in the training part.

    faces, labels: (n, ...) of the people who are learned; fit, check: rows for both.
    strangers: people left out, and those given for the threshold.
    """

    faces: Faces
    labels: np.ndarray
    fit: np.ndarray
    check: np.ndarray
    strangers: tuple[Faces, ...]


def lay_out(
    faces: Faces, labels: np.ndarray, groups: np.ndarray, strangers: Faces, seed: int
) -> Course | None:
    """A course through the training part; None where photos or strangers are too few to race.

    faces, labels, groups: (n, ...) of the training part; strangers: given ones.
    """
    people = int(labels.max()) + 1
    order = np.random.default_rng(seed).permutation(people)
    away = people // LEFT_OUT if len(strangers) < STRANGERS else 0
    kept = np.isin(labels, order[away:])
    _, relabelled = np.unique(labels[kept], return_inverse=True)
    fit, check = split(relabelled, groups[kept], 0.25, seed)
    others = tuple(some for some in (faces[~kept], strangers) if len(some))
    if not len(check) or not others:
        return None
    return Course(faces[kept], relabelled, fit, check, others)


def race(shop: Workshop, faces: Faces, labels: np.ndarray, course: Course | None) -> Outcome:
    """Climb from the frozen network while it pays; the winner is trained on everything.

    faces, labels: the whole training part. Where a network wins, the model carries its weights
    afterwards. Ctrl-C ends the race, and what stands then wins as it was raced.
    """
    if course is None:
        return Outcome([], "frozen", "too few photos or people to tell candidates apart")
    start = time.perf_counter()
    winner: Rung = frozen
    standing = winner(shop, faces, labels, "race")
    (best,) = _laps(standing, course, shop.track, start)
    first, laps, stopped = best, [best], False
    clearly = first.score + CLEARLY / np.sqrt(len(course.check))
    try:
        for rung in rungs(shop.model):
            if best.score >= ENOUGH:
                break
            rows = course.fit
            candidate = rung(shop, course.faces[rows], course.labels[rows], "race")
            for lap in _laps(candidate, course, shop.track, start):
                laps.append(lap)
                bar = max(best.score, clearly)
                if lap.score > bar and lap.accuracy >= first.accuracy:
                    best, winner, standing = lap, rung, candidate
        standing = winner(shop, faces, labels, "all")
    except KeyboardInterrupt:
        stopped = True
        if best.kind == "columns" and course.labels.max() < labels.max():  # not everybody's
            best, standing = first, frozen(shop, faces, labels, "all")
    if standing.tuned is not None:
        shop.model.set_weights(standing.tuned.weights)
    templates, whitening = standing.comparison(best.kind, standing.embed(faces), labels)
    return Outcome(
        laps, best.name, ("interrupted; " if stopped else "") + _reason(laps, best),
        templates if best.kind == "columns" else None, standing.tuned is not None, whitening,
        best.impostors, stopped,
    )  # fmt: skip


def _laps(candidate: Candidate, course: Course, track: Track, start: float) -> Iterator[Lap]:
    """Enroll the photos to fit, and test, in each way of comparison; the race began at `start`."""
    fit, check = course.labels[course.fit], course.labels[course.check]
    known = candidate.embed(course.faces, track)
    others = np.concatenate([candidate.embed(some) for some in course.strangers])
    embeddings = [known[course.fit], known[course.check], others]
    for kind in candidate.kinds:
        templates, whitening = candidate.comparison(kind, embeddings[0], fit)
        _, probes, strangers = map(whitening, embeddings) if whitening else embeddings
        scores, impostors = probes @ templates.T, (strangers @ templates.T).max(1)
        right = scores.argmax(1) == check
        accuracy = float(right.mean())
        found = [float(dir_at_far(scores.max(1), right, impostors, far)) for far in FARS]
        log.info("%s, %s: accuracy %.3f, DIR %.3f", candidate.name, kind, accuracy, found[0])
        yield Lap(
            candidate.name, kind, accuracy, found[0], time.perf_counter() - start,
            (accuracy + float(np.mean(found))) / 2, impostors,
        )  # fmt: skip


def _reason(laps: list[Lap], best: Lap) -> str:
    first = laps[0]
    if best is first:
        tried = f"; {len(laps) - 1} other candidates were not better" if laps[1:] else ""
        enough = " is good enough" if first.score >= ENOUGH else ""
        return (
            f"frozen{enough}: accuracy {first.accuracy:.3f}, DIR {first.dir_at_far:.3f} on "
            f"photos and people kept aside{tried}"
        )
    return (
        f"{best.name}: accuracy {best.accuracy:.3f}, DIR {best.dir_at_far:.3f} on photos and "
        f"people kept aside, against {first.accuracy:.3f} and {first.dir_at_far:.3f} frozen"
    )
