"""Recipe `best`: candidates race on photos and people kept aside from the training part."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from knownface.dataset import split
from knownface.embedder import Embedder
from knownface.evaluation import Evaluation
from knownface.export import export_onnx
from knownface.gallery import mean_templates
from knownface.metrics import dir_at_far
from knownface.precision import Precision, shares
from knownface.progress import Track
from knownface.runs import History
from knownface.views import Changes, Views

if TYPE_CHECKING:
    import keras

    from knownface.finetuning import Examples, Plan

log = logging.getLogger(__name__)

ENOUGH = 0.95  # score from which more training can hardly be seen to help
CLEARLY = 0.01  # what a candidate's score must be better by than the frozen network's
LEFT_OUT = 5  # one person in so many plays the stranger, where too few strangers are given
STRANGERS = 50  # photos of given strangers that are enough
FARS = (0.01, 0.03, 0.1, 0.3)  # the higher ones are steadier: a race has few strangers
# Mirrored, moved and lit a little; whatever else there is lies in the photos themselves.
CHANGES = Changes(small=0.0, lit=0.5, covered=0.0, disturbed=0.0)
VIEWS = 8_000  # training views of a network, in 6 to 60 epochs
SMALL = 5_000_000  # parameters up to which training the whole network is cheap
HEAD_VIEWS = 3_000  # views whose embeddings a head is trained on, at most 8 of a photo
CACHE_BYTES = 1 << 30  # for activations below the part of the network that is trained
MIXED = 0.6  # share of the tuned network in its average with the frozen one


@dataclass(frozen=True)
class Lap:
    """How a candidate did: on photos of its people, and against strangers.

    dir_at_far: at FAR 1 %. score: half the accuracy, half the mean DIR over FARS.
    """

    name: str
    accuracy: float
    dir_at_far: float | None
    seconds: float
    score: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What won: its name, and why; templates (people, d), or None for means of embeddings.

    tuned: whether the model was changed. impostors: (m,) best similarities of strangers in the
        race, from which a threshold can be chosen. stopped: by Ctrl-C.
    """

    laps: list[Lap]
    chosen: str
    reason: str
    templates: np.ndarray | None = None
    tuned: bool = False
    impostors: np.ndarray | None = None
    stopped: bool = False

    def candidates(self, evaluation: Evaluation, seconds: float) -> list[dict[str, Any]]:
        """What `evaluation.json` says of each; without a race, the test of the only one."""
        laps = self.laps or [
            Lap(self.chosen, evaluation.accuracy, evaluation.dir_at_1_percent, seconds)
        ]
        where = "photos and people kept aside from training" if self.laps else "test"
        return [
            {
                "name": lap.name,
                "accuracy": lap.accuracy,
                "dir_at_far_0.01": lap.dir_at_far,
                "seconds": round(lap.seconds, 2),
                "measured_on": where,
            }
            for lap in laps
        ]


@dataclass(frozen=True)
class Course:
    """What candidates are trained and tested on; all of it lies in the training part.

    crops, labels: (n, ...) of the people who are learned; fit, check: rows for both.
    strangers: crops (m, ...) of people left out and of those given for the threshold.
    """

    crops: np.ndarray
    labels: np.ndarray
    fit: np.ndarray
    check: np.ndarray
    strangers: np.ndarray


def lay_out(
    crops: np.ndarray, labels: np.ndarray, groups: np.ndarray, strangers: np.ndarray, seed: int
) -> Course | None:
    """A course through the training part; None where photos or strangers are too few to race.

    crops, labels, groups: (n, ...) of the training part; strangers: (m, ...) given ones.
    """
    people = int(labels.max()) + 1
    order = np.random.default_rng(seed).permutation(people)
    away = people // LEFT_OUT if len(strangers) < STRANGERS else 0
    kept = np.isin(labels, order[away:])
    _, relabelled = np.unique(labels[kept], return_inverse=True)
    fit, check = split(relabelled, groups[kept], 0.25, seed)
    others = np.concatenate([crops[~kept], strangers]) if len(strangers) else crops[~kept]
    if not len(check) or not len(others):
        return None
    return Course(crops[kept], relabelled, fit, check, others)


# ---------------------------------------------------------------- candidates
@dataclass(frozen=True)
class Candidate:
    """What could be shipped; templates None are means; weights None are the frozen network's."""

    name: str
    embedder: Embedder
    templates: np.ndarray | None = None
    weights: list[np.ndarray] | None = None


@dataclass(frozen=True)
class Workshop:
    """What all candidates share: the network, its frozen embedder, where to work, and how."""

    model: keras.Model
    frozen: Embedder
    folder: Path
    device: str
    precision: Precision
    seed: int
    epochs: int | None
    history: History
    track: Track

    def plan(self, learning_rate: float, photos: int) -> Plan:
        """CosFace with a scale and margin for few classes, and a learning rate that falls."""
        from knownface.finetuning import Plan

        epochs = self.epochs or int(np.clip(round(VIEWS / photos), 6, 60))
        return Plan(
            epochs, learning_rate, loss="cosface", falling=True, scale=16.0, smoothing=0.05,
            changes=CHANGES, precision=self.precision, seed=self.seed,
        )  # fmt: skip

    def checkpoint(self, name: str) -> Path:
        return self.folder / "checkpoints" / name

    def embedder(self) -> Embedder:
        """The network as it is now, in the form in which it will be shipped."""
        path = self.folder / "candidate.onnx"
        export_onnx(self.model, path)
        try:
            return Embedder(path, self.device)
        finally:
            path.unlink()


Rung = Callable[[Workshop, np.ndarray, np.ndarray, str], list[Candidate]]


def head(shop: Workshop, crops: np.ndarray, labels: np.ndarray, part: str) -> list[Candidate]:
    """The network stays; the head is trained on embeddings of changed crops."""
    import keras

    from knownface.finetuning import Examples, finetune

    people = int(labels.max()) + 1
    each = int(np.clip(HEAD_VIEWS // len(crops), 1, 8))
    views = np.concatenate([shop.frozen.embed(c) for c in changed(crops, each, shop.seed)])
    inputs = keras.Input(views.shape[1:], name="crops")
    linear = keras.layers.Activation("linear", name="embedding")(inputs)
    columns = finetune(
        keras.Model(inputs, linear, name="head_only"),
        Examples(views, np.tile(labels, each), people),
        replace(shop.plan(1e-3, len(views)), epochs=10),
        shop.checkpoint(f"{part}-head"),
        start=mean_templates(shop.frozen.embed(crops), labels, people),
        watch=shop.history.stage(f"{part}-head"),
        track=shop.track,
    ).templates
    return [Candidate("head", shop.frozen, columns)]


def top(shop: Workshop, crops: np.ndarray, labels: np.ndarray, part: str) -> list[Candidate]:
    """The last stage of the network is trained, on activations that are computed once."""
    from knownface.finetuning import Examples
    from knownface.layers import last_stage

    lower, upper = last_stage(shop.model)
    size = 2 * int(np.prod(lower.output_shape[1:]))
    each = int(np.clip(CACHE_BYTES // (size * len(crops)), 1, 8))
    filled = np.concatenate([crops, crops[: -len(crops) % shares()]])  # for every device its share
    parts = [
        lower.predict(c, batch_size=64, verbose=0)[: len(crops)].astype(np.float16)
        for c in changed(filled, each, shop.seed)
    ]
    people = int(labels.max()) + 1
    examples = Examples(np.concatenate(parts), np.tile(labels, each), people)
    return _tuned(shop, upper, examples, crops, labels, f"{part}-top")


def whole(shop: Workshop, crops: np.ndarray, labels: np.ndarray, part: str) -> list[Candidate]:
    """The whole network is trained."""
    from knownface.finetuning import Examples

    examples = Examples(crops, labels, int(labels.max()) + 1)
    return _tuned(shop, shop.model, examples, crops, labels, f"{part}-whole")


def _tuned(
    shop: Workshop,
    trained: keras.Model,
    examples: Examples,
    crops: np.ndarray,
    labels: np.ndarray,
    checkpoint: str,
) -> list[Candidate]:
    """Train a network or its top; as it is and averaged with the frozen one, both template kinds.

    The average of weights keeps more of what the frozen network knows of other people (Wortsman et
    al., 2022).
    """
    from knownface.finetuning import finetune

    frozen = shop.model.get_weights()
    means = mean_templates(shop.frozen.embed(crops), labels, examples.classes)
    columns = finetune(
        trained, examples, shop.plan(3e-4, len(examples.labels)), shop.checkpoint(checkpoint),
        start=means, watch=shop.history.stage(checkpoint), track=shop.track,
    ).templates  # fmt: skip
    weights = shop.model.get_weights()
    name = checkpoint.split("-")[-1]
    found = []
    for share, label in ((1.0, name), (MIXED, f"{name}, averaged with frozen")):
        mixed = [(1 - share) * f + share * w for f, w in zip(frozen, weights, strict=True)]
        shop.model.set_weights(mixed)
        embedder = shop.embedder()
        both = (1 - share) * means + share * columns
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        found += [
            Candidate(f"{label}, means", embedder, None, mixed),
            Candidate(f"{label}, columns", embedder, both, mixed),
        ]
    shop.model.set_weights(frozen)
    return found


def rungs(model: keras.Model) -> tuple[Rung, ...]:
    """What races, from little to much; of small networks the last stage alone is passed over.

    Its lead over the whole network, or the other way round, is within the noise of a race, and on
    small faces the whole network was the better one in the end (docs/benchmarks.md).
    """
    return (head, whole) if model.count_params() <= SMALL else (head, top, whole)


def changed(crops: np.ndarray, each: int, seed: int) -> Iterator[np.ndarray]:
    """`each` times all crops: first as they are, then changed at random."""
    yield crops
    for number in range(1, each):
        view = Views(seed * 1000 + number, CHANGES)
        yield np.stack([view(crop) for crop in crops])


# ---------------------------------------------------------------- race
def race(shop: Workshop, crops: np.ndarray, labels: np.ndarray, course: Course | None) -> Outcome:
    """Climb from the frozen network while it pays; the winner is trained on everything.

    crops, labels: the whole training part. Where a network wins, the model carries its weights
    afterwards. Ctrl-C ends the race, and the best that needs no further training wins.
    """
    if course is None:
        return Outcome([], "frozen", "too few photos or people to tell candidates apart")
    start = time.perf_counter()
    standing, impostors = next(_laps([Candidate("frozen", shop.frozen)], course, start))
    laps, winner = [standing], None
    try:
        for rung in rungs(shop.model):
            if standing.score >= ENOUGH:
                break
            rows = course.fit
            found = rung(shop, course.crops[rows], course.labels[rows], "race")
            tried = list(_laps(found, course, start))
            laps += [lap for lap, _ in tried]
            best, scores = max(tried, key=lambda pair: pair[0].score)
            bar = max(standing.score, laps[0].score + CLEARLY)
            if best.score > bar and best.accuracy >= laps[0].accuracy:
                standing, impostors, winner = best, scores, rung
        if winner is None:
            return Outcome(laps, "frozen", _reason(laps, standing), impostors=impostors)
        shipped = next(c for c in winner(shop, crops, labels, "all") if c.name == standing.name)
    except KeyboardInterrupt:
        return Outcome(laps, "frozen", "interrupted before anything better was ready", stopped=True)
    if shipped.weights is not None:
        shop.model.set_weights(shipped.weights)
    return Outcome(
        laps, standing.name, _reason(laps, standing), shipped.templates,
        shipped.weights is not None, impostors,
    )  # fmt: skip


def _laps(
    candidates: list[Candidate], course: Course, start: float
) -> Iterator[tuple[Lap, np.ndarray]]:
    """Enroll the photos to fit, and test; also the best similarity (m,) of each stranger."""
    fit, check = course.labels[course.fit], course.labels[course.check]
    parts = course.crops[course.fit], course.crops[course.check], course.strangers
    for embedder, sharing in groupby(candidates, lambda candidate: candidate.embedder):
        known, probes, strangers = map(embedder.embed, parts)
        for candidate in sharing:
            templates = candidate.templates
            if templates is None:
                templates = mean_templates(known, fit, int(fit.max()) + 1)
            scores, impostors = probes @ templates.T, (strangers @ templates.T).max(1)
            right = scores.argmax(1) == check
            accuracy = float(right.mean())
            found = [float(dir_at_far(scores.max(1), right, impostors, far)) for far in FARS]
            score = (accuracy + float(np.mean(found))) / 2
            seconds = time.perf_counter() - start
            log.info("%s: accuracy %.3f, DIR %.3f", candidate.name, accuracy, found[0])
            lap = Lap(candidate.name, accuracy, found[0], seconds, score)
            yield lap, impostors


def _reason(laps: list[Lap], best: Lap) -> str:
    frozen = laps[0]
    if best is frozen:
        tried = f"; {len(laps) - 1} other candidates were not better" if laps[1:] else ""
        enough = " is good enough" if frozen.score >= ENOUGH else ""
        return (
            f"frozen{enough}: accuracy {frozen.accuracy:.3f}, DIR {frozen.dir_at_far:.3f} on "
            f"photos and people kept aside{tried}"
        )
    return (
        f"{best.name}: accuracy {best.accuracy:.3f}, DIR {best.dir_at_far:.3f} on photos and "
        f"people kept aside, against {frozen.accuracy:.3f} and {frozen.dir_at_far:.3f} frozen"
    )
