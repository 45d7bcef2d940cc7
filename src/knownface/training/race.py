"""Recipe `best`: candidates race on photos and people kept aside from the training part."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knownface.measure.evaluation import CandidateScore
from knownface.measure.trial import Trial
from knownface.recognition.comparison import Comparison, Kind
from knownface.stats.whitening import Whitening
from knownface.training.candidates import (
    Candidate,
    Lesson,
    Method,
    TrainingContext,
    frozen,
    methods,
)
from knownface.training.judging import Judged, probability_below, probability_better
from knownface.training.rounds import Ground, Round

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

ENOUGH = 0.95  # score from which more training can hardly be seen to help
# How probable it has to be that a candidate is better than the frozen network, and by how much, for
# it to be chosen; and how probable that what stands is no good for more to be tried. From 80 draws
# of other people at 14 and 20 pixels and clean (docs/benchmarks.md).
SURE, WORTH, LACKING = 0.8, 0.02, 0.8
HOPELESS = 0.1  # below, after one round, a candidate is not tried in the others
NETWORK_ROUNDS = 2  # of networks that are trained, which take minutes each time


@dataclass(frozen=True)
class CandidateTrial:
    """How a network did in one way of comparison, in one round of the race or in several.

    against: the frozen network in the same rounds; sure: how probable it is that this one is
        better. seconds: from the start of the race until it was judged.
    """

    network: str
    kind: Kind
    judged: Judged
    against: Judged
    sure: float
    seconds: float

    @property
    def name(self) -> str:
        plain = self.kind in ("means", "normalised")
        return self.network if plain else f"{self.network}, {self.kind}"

    @property
    def gain(self) -> float:
        """By how much it promises more than the frozen network."""
        return self.judged.promise - self.against.promise

    @property
    def better(self) -> bool:
        """Whether it surely is, in what it promises and as far as can be counted."""
        counted = self.judged.score >= self.against.score
        return self.sure >= SURE and self.gain >= WORTH and counted

    def summary(self) -> CandidateScore:
        """What `evaluation.json` says of it."""
        where = "photos and people kept aside from training"
        accuracy, found = self.judged.trial.accuracy, self.judged.dirs[0]
        return CandidateScore(self.name, accuracy, found, round(self.seconds, 2), where)


@dataclass(frozen=True)
class Outcome:
    """What won: its name, and why; templates (people, d), or None for means of embeddings.

    candidates: all that raced, the frozen one first; none where there was no race.
    network: what is shipped instead of the model, None where that stays. whitening: what is to
        follow the model.
    impostors: (m,) best similarities of strangers in the race, from which a threshold can be
        chosen. stopped: by Ctrl-C.
    """

    candidates: list[CandidateScore]
    chosen: str
    reason: str
    templates: np.ndarray | None = None
    network: keras.Model | None = None
    whitening: Whitening | None = None
    comparison: Comparison | None = None
    impostors: np.ndarray | None = None
    stopped: bool = False

    @property
    def changed(self) -> bool:
        """Whether the embeddings are made for these very people, who are no strangers to them."""
        return self.network is not None or self.whitening is not None


def choose(tried: Sequence[CandidateTrial]) -> CandidateTrial:
    """The best of those that are surely better than the frozen network.

    It is the frozen network itself, which is first, where there are none.
    """
    better = [each for each in tried[1:] if each.better]
    return max(better, key=lambda each: each.gain, default=tried[0])


def enough(best: CandidateTrial) -> bool:
    """Whether what stands may be so good that training can hardly be seen to help."""
    return probability_below(best.judged, ENOUGH) < LACKING


def goes_on(kinds: Sequence[CandidateTrial]) -> bool:
    """Whether a candidate, in all its ways of comparison, may still win after a round."""
    return any(each.sure > HOPELESS for each in kinds)


def race(context: TrainingContext, ground: Ground) -> Outcome:
    """Try one candidate after the other while it pays; the winner is trained on everything.

    Ctrl-C ends the race, and what stands then wins as it was raced.
    """
    if not ground.rounds:
        reason = "too few photos or people to tell candidates apart"
        return Outcome([], "frozen", reason, comparison=context.comparison)
    faces, labels = ground.faces, ground.labels
    everything = Lesson(faces, labels, np.arange(len(faces)), "all")
    field, stopped = _Field(context, ground), False
    try:
        for method in (frozen, *methods(context)):
            if field.tried and enough(choose(field.tried)):
                break
            field.enter(method)
        best = choose(field.tried)
        standing = field.standing[best.network, best.kind][0](context, everything)
    except KeyboardInterrupt:
        if not field.tried:
            raise
        stopped, best = True, choose(field.tried)
        _, standing, lesson = field.standing[best.network, best.kind]
        if best.kind == "columns" and len(lesson.people) <= labels.max():  # not everybody's
            best, standing = field.tried[0], frozen(context, everything)
    matcher = standing.matcher(best.kind, standing.embed(faces), faces, labels)
    reason = ("interrupted; " if stopped else "") + _reason(field.tried, best)
    return Outcome(
        [each.summary() for each in field.tried], best.name, reason,
        matcher.templates.templates if best.kind == "columns" else None,
        standing.network(context.model), matcher.whitening, matcher.templates.comparison,
        best.judged.trial.strangers, stopped,
    )  # fmt: skip


class _Field:
    """Who has entered the race, and how they did.

    tried: the frozen network first. standing: of each network and way to compare how it is made,
    and what it was in its last round, with its lesson.
    """

    def __init__(self, context: TrainingContext, ground: Ground) -> None:
        self.context, self.ground = context, ground
        self.start = time.perf_counter()
        self.frozen: list[Judged] = []
        self.tried: list[CandidateTrial] = []
        self.standing: dict[tuple[str, Kind], tuple[Method, Candidate, Lesson]] = {}

    def enter(self, method: Method) -> None:
        """Judge a candidate in round after round, until its time is up or it is hopeless."""
        before, parts = list(self.tried), defaultdict[Kind, list[Judged]](list)
        for number, part in enumerate(self.ground.rounds, 1):
            name = "race" if number == 1 else f"race-{number}"
            lesson = Lesson(self.ground.faces, self.ground.labels, part.learned, name)
            candidate = method(self.context, lesson)
            for kind, judged in judge(candidate, self.context, lesson, self.ground, part):
                parts[kind].append(judged)
            if not before:
                self.frozen = parts[candidate.kinds[0]]
            kinds = [self._trial(candidate.name, kind, parts[kind]) for kind in candidate.kinds]
            self.tried = before + kinds
            for kind in candidate.kinds:
                self.standing[candidate.name, kind] = method, candidate, lesson
            dear = candidate.tuned is not None and number >= NETWORK_ROUNDS
            if dear or (before and not goes_on(kinds)):
                break
        for each in kinds:
            log.info("%s: %s, sure %.2f", each.name, described(each.judged), each.sure)

    def _trial(self, network: str, kind: Kind, parts: list[Judged]) -> CandidateTrial:
        against = Judged.pooled(self.frozen[: len(parts)])
        judged = against if parts is self.frozen else Judged.pooled(parts)
        sure = probability_better(judged, against, self.context.seed)
        seconds = time.perf_counter() - self.start
        return CandidateTrial(network, kind, judged, against, sure, seconds)


def judge(
    candidate: Candidate, context: TrainingContext, lesson: Lesson, ground: Ground, part: Round
) -> Iterator[tuple[Kind, Judged]]:
    """Enroll what was learned in a round, and test its photos and strangers, in each way."""
    learned = candidate.embed(lesson.faces, context.track)
    probes = candidate.embed(ground.faces[part.judged], context.track)
    left_out = candidate.embed(ground.faces[part.left_out])
    strangers = np.concatenate([candidate.embed(ground.strangers), left_out])
    truth = ground.labels[part.judged]
    rows = np.searchsorted(lesson.people, truth)
    for kind in candidate.kinds:
        matcher = candidate.matcher(kind, learned, lesson.faces, lesson.labels)
        trial = Trial.of(matcher.scores, probes, rows, strangers)
        scores = np.full((len(truth), ground.labels.max() + 1), -1.0, trial.scores.dtype)
        scores[:, lesson.people] = trial.scores
        yield kind, Judged(Trial(scores, truth, trial.strangers), ground.others(part))


def described(judged: Judged) -> str:
    return f"accuracy {judged.trial.accuracy:.3f}, DIR {judged.dirs[0]:.3f}"


def _reason(tried: list[CandidateTrial], best: CandidateTrial) -> str:
    first, where = tried[0], "on photos and people kept aside"
    if best is not first:
        frozen = f"{best.against.trial.accuracy:.3f} and {best.against.dirs[0]:.3f} frozen"
        sure = f"better with probability {best.sure:.2f}"
        return f"{best.name}: {described(best.judged)} {where}, against {frozen}; {sure}"
    others = f"; {len(tried) - 1} other candidates were not better" if tried[1:] else ""
    good = " is good enough" if enough(first) else ""
    return f"frozen{good}: {described(first.judged)} {where}{others}"
