"""Recipe `best`: candidates race on photos and people kept aside from the training part."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from knownface.dataset.portraits import Faces
from knownface.dataset.split import split
from knownface.measure.evaluation import CandidateScore
from knownface.measure.trial import Trial
from knownface.recognition.comparison import Comparison, Kind
from knownface.stats.whitening import Whitening
from knownface.training.candidates import Candidate, Method, TrainingContext, frozen, methods

log = logging.getLogger(__name__)

ENOUGH = 0.95  # score from which more training can hardly be seen to help
# What a candidate's score must be better by than the frozen network's: this over the root of the
# number of photos that tell, 0.02 of a hundred and 0.06 of ten, about half a standard error.
CLEARLY = 0.2
LEFT_OUT = 5  # one person in so many plays the stranger, where too few strangers are given
STRANGERS = 50  # photos of given strangers that are enough
FARS = (0.01, 0.03, 0.1, 0.3)  # the higher ones are steadier: a race has few strangers


@dataclass(frozen=True)
class CandidateTrial:
    """How a network did in one way of comparison: on photos of its people, and on strangers.

    seconds: from the start of the race until it was measured.
    """

    network: str
    kind: Kind
    trial: Trial
    seconds: float

    @property
    def name(self) -> str:
        plain = self.kind == "normalised" or (self.kind == "means" and self.network != "frozen")
        return self.network if plain else f"{self.network}, {self.kind}"

    @cached_property
    def dirs(self) -> list[float]:
        """DIR at each of FARS."""
        return [self.trial.dir_at_far(far) for far in FARS]

    @property
    def score(self) -> float:
        """Half the accuracy, half the mean DIR."""
        return (self.trial.accuracy + float(np.mean(self.dirs))) / 2

    def described(self) -> str:
        return f"accuracy {self.trial.accuracy:.3f}, DIR {self.dirs[0]:.3f}"

    def summary(self) -> CandidateScore:
        """What `evaluation.json` says of it."""
        where = "photos and people kept aside from training"
        seconds = round(self.seconds, 2)
        return CandidateScore(self.name, self.trial.accuracy, self.dirs[0], seconds, where)


@dataclass(frozen=True)
class Outcome:
    """What won: its name, and why; templates (people, d), or None for means of embeddings.

    candidates: all that raced, the frozen one first; none where there was no race.
    tuned: whether the model was changed in place. whitening: what is to follow the model.
    impostors: (m,) best similarities of strangers in the race, from which a threshold can be
        chosen. stopped: by Ctrl-C.
    """

    candidates: list[CandidateScore]
    chosen: str
    reason: str
    templates: np.ndarray | None = None
    tuned: bool = False
    whitening: Whitening | None = None
    comparison: Comparison | None = None
    impostors: np.ndarray | None = None
    stopped: bool = False

    @property
    def fitted(self) -> bool:
        """Whether the embeddings were made for these very people, who are no strangers to them."""
        return self.tuned or self.whitening is not None


@dataclass(frozen=True)
class InnerSplit:
    """What candidates are trained and tested on; all of it lies in the training part.

    faces, labels: (n, ...) of the people who are learned; fit, check: rows for both.
    strangers: people left out, and those given for the threshold.
    """

    faces: Faces
    labels: np.ndarray
    fit: np.ndarray
    check: np.ndarray
    strangers: tuple[Faces, ...]


def inner_split(
    faces: Faces, labels: np.ndarray, groups: np.ndarray, strangers: Faces, seed: int
) -> InnerSplit | None:
    """Split the training part; None where photos or strangers are too few to race.

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
    return InnerSplit(faces[kept], relabelled, fit, check, others)


def race(
    context: TrainingContext, faces: Faces, labels: np.ndarray, inner: InnerSplit | None
) -> Outcome:
    """Try one candidate after the other while it pays; the winner is trained on everything.

    faces, labels: the whole training part. Where a network wins, the model carries its weights
    afterwards. Ctrl-C ends the race, and what stands then wins as it was raced.
    """
    if inner is None:
        reason = "too few photos or people to tell candidates apart"
        return Outcome([], "frozen", reason, comparison=context.comparison)
    start = time.perf_counter()
    winner: Method = frozen
    standing = winner(context, faces, labels, "race")
    tried = [*_tested(standing, context, inner, start)]
    best = first = tried[0]
    stopped = False
    clearly = first.score + CLEARLY / np.sqrt(len(inner.check))
    try:
        for method in methods(context.model):
            if best.score >= ENOUGH:
                break
            rows = inner.fit
            candidate = method(context, inner.faces[rows], inner.labels[rows], "race")
            for each in _tested(candidate, context, inner, start):
                tried.append(each)
                bar = max(best.score, clearly)
                if each.score > bar and each.trial.accuracy >= first.trial.accuracy:
                    best, winner, standing = each, method, candidate
        standing = winner(context, faces, labels, "all")
    except KeyboardInterrupt:
        stopped = True
        if best.kind == "columns" and inner.labels.max() < labels.max():  # not everybody's
            best, standing = first, frozen(context, faces, labels, "all")
    if standing.tuned is not None:
        context.model.set_weights(standing.tuned.weights)
    matcher = standing.matcher(
        best.kind, standing.embed(faces), labels, faces.small, context.comparison
    )
    reason = ("interrupted; " if stopped else "") + _reason(tried, best)
    return Outcome(
        [each.summary() for each in tried], best.name, reason,
        matcher.templates.templates if best.kind == "columns" else None,
        standing.tuned is not None, matcher.whitening, matcher.templates.comparison,
        best.trial.strangers, stopped,
    )  # fmt: skip


def _tested(
    candidate: Candidate, context: TrainingContext, inner: InnerSplit, start: float
) -> Iterator[CandidateTrial]:
    """Enroll the photos to fit, and test, in each way of comparison; the race began at `start`."""
    fit, check = inner.fit, inner.check
    known = candidate.embed(inner.faces, context.track)
    small = None if inner.faces.small is None else inner.faces.small[fit]
    others = np.concatenate([candidate.embed(some) for some in inner.strangers])
    for kind in candidate.kinds:
        labels = inner.labels
        matcher = candidate.matcher(kind, known[fit], labels[fit], small, context.comparison)
        trial = Trial.of(matcher.scores, known[check], labels[check], others)
        tested = CandidateTrial(candidate.name, kind, trial, time.perf_counter() - start)
        log.info("%s, %s: %s", candidate.name, kind, tested.described())
        yield tested


def _reason(tried: list[CandidateTrial], best: CandidateTrial) -> str:
    first, where = tried[0], "on photos and people kept aside"
    if best is not first:
        frozen = f"{first.trial.accuracy:.3f} and {first.dirs[0]:.3f} frozen"
        return f"{best.name}: {best.described()} {where}, against {frozen}"
    others = f"; {len(tried) - 1} other candidates were not better" if tried[1:] else ""
    enough = " is good enough" if first.score >= ENOUGH else ""
    return f"frozen{enough}: {first.described()} {where}{others}"
