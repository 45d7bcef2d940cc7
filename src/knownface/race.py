"""Recipe `best`: candidates race on photos and people kept aside from the training part."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from knownface.dataset import split
from knownface.disk_rows import DiskRows, Rows
from knownface.embedder import Embedder
from knownface.evaluation import Evaluation
from knownface.export import export_onnx
from knownface.gallery import mean_templates
from knownface.metrics import dir_at_far
from knownface.precision import Precision, shares
from knownface.progress import Track
from knownface.runs import History
from knownface.views import Changes, Views
from knownface.whitening import Whitening

if TYPE_CHECKING:
    import keras

    from knownface.finetuning import Examples, Plan

log = logging.getLogger(__name__)

Kind = Literal["means", "columns", "whitened"]

ENOUGH = 0.95  # score from which more training can hardly be seen to help
# What a candidate's score must be better by than the frozen network's: this over the root of the
# number of photos that tell, 0.02 of a hundred and 0.06 of ten, about half a standard error.
CLEARLY = 0.2
LEFT_OUT = 5  # one person in so many plays the stranger, where too few strangers are given
STRANGERS = 50  # photos of given strangers that are enough
FARS = (0.01, 0.03, 0.1, 0.3)  # the higher ones are steadier: a race has few strangers
# Mirrored, moved and lit a little; whatever else there is lies in the photos themselves.
CHANGES = Changes(small=0.0, lit=0.5, covered=0.0, disturbed=0.0)
VIEWS = 8_000  # training views of a network, in 6 to 60 epochs
SMALL = 5_000_000  # parameters up to which training the whole network is cheap
HEAD_VIEWS = 3_000  # views whose embeddings a head is trained on, at most 8 of a photo
# Activations below the part of the network that is trained; beyond, each crop has one view only.
CACHE_BYTES = 1 << 30
TOGETHER = 256  # crops that are changed at once
MIXED = 0.6  # share of the tuned network in the average with the frozen one that races


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

    crops, labels: (n, ...) of the people who are learned; fit, check: rows for both.
    strangers: crops (m, ...) of people left out, and of those given for the threshold.
    """

    crops: Rows
    labels: np.ndarray
    fit: np.ndarray
    check: np.ndarray
    strangers: tuple[Rows, ...]


def lay_out(
    crops: Rows, labels: np.ndarray, groups: np.ndarray, strangers: Rows, seed: int
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
    others = tuple(some for some in (crops[~kept], strangers) if len(some))
    if not len(check) or not others:
        return None
    return Course(crops[kept], relabelled, fit, check, others)


# ---------------------------------------------------------------- candidates
@dataclass(frozen=True)
class Candidate:
    """A network, and how its embeddings are compared.

    columns: of a head (people, d). weights: None are the frozen network's.
    kinds: of comparison: with `means` of embeddings, with `columns`, or `whitened` with means.
    """

    name: str
    embedder: Embedder
    kinds: tuple[Kind, ...]
    columns: np.ndarray | None = None
    weights: list[np.ndarray] | None = None

    def comparison(
        self, kind: Kind, embeddings: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, Whitening | None]:
        """Templates (people, d), learned from embeddings (n, d) of `labels`, and a whitening."""
        people = int(labels.max()) + 1
        if kind == "columns" and self.columns is not None:
            return self.columns, None
        if kind == "means":
            return mean_templates(embeddings, labels, people), None
        whitening = Whitening.fit(embeddings, labels)
        return mean_templates(whitening(embeddings), labels, people), whitening


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


Rung = Callable[[Workshop, Rows, np.ndarray, str], Candidate]


def frozen(shop: Workshop, crops: Rows, labels: np.ndarray, part: str) -> Candidate:
    """The network as it is: what all others have to beat."""
    return Candidate("frozen", shop.frozen, ("means",))


def whitened(shop: Workshop, crops: Rows, labels: np.ndarray, part: str) -> Candidate:
    """The network stays, and what all people's photos have in common counts less."""
    return Candidate("frozen", shop.frozen, ("whitened",))


def head(shop: Workshop, crops: Rows, labels: np.ndarray, part: str) -> Candidate:
    """The network stays; the head is trained on embeddings of changed crops."""
    import keras

    from knownface.finetuning import Examples, finetune

    people = int(labels.max()) + 1
    each = int(np.clip(HEAD_VIEWS // len(crops), 1, 8))
    views = np.concatenate(list(map(shop.frozen.embed, changed(crops, each, shop.seed))))
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
    return Candidate("head", shop.frozen, ("columns",), columns)


def top(shop: Workshop, crops: Rows, labels: np.ndarray, part: str) -> Candidate:
    """The last stage of the network is trained, on activations that are computed once."""
    from knownface.finetuning import Examples
    from knownface.layers import last_stage

    lower, upper = last_stage(shop.model)
    shape = lower.output_shape[1:]
    each = int(np.clip(CACHE_BYTES // (2 * int(np.prod(shape)) * len(crops)), 1, 8))
    # every device has the same share, with a few photos twice
    rows = np.resize(np.arange(len(crops)), len(crops) + -len(crops) % shares())
    activations = DiskRows(shape, np.float16)
    for some in changed(crops[rows], each, shop.seed):
        activations.append(lower.predict(some, batch_size=64, verbose=0))
    people = int(labels.max()) + 1
    examples = Examples(activations, np.tile(labels[rows], each), people)
    return _tuned(shop, upper, examples, crops, labels, f"{part}-top")


def whole(shop: Workshop, crops: Rows, labels: np.ndarray, part: str) -> Candidate:
    """The whole network is trained."""
    from knownface.finetuning import Examples

    examples = Examples(crops, labels, int(labels.max()) + 1)
    return _tuned(shop, shop.model, examples, crops, labels, f"{part}-whole")


def _tuned(
    shop: Workshop,
    trained: keras.Model,
    examples: Examples,
    crops: Rows,
    labels: np.ndarray,
    checkpoint: str,
) -> Candidate:
    """Train a network or its top, and average its weights with those of the frozen one.

    The average keeps more of what the frozen network knows of other people (Wortsman et al., 2022).
    """
    from knownface.finetuning import finetune

    before = shop.model.get_weights()
    means = mean_templates(shop.frozen.embed(crops), labels, examples.classes)
    try:
        columns = finetune(
            trained, examples, shop.plan(3e-4, len(examples.labels)), shop.checkpoint(checkpoint),
            start=means, watch=shop.history.stage(checkpoint), track=shop.track,
        ).templates  # fmt: skip
        after = shop.model.get_weights()
        mixed = [(1 - MIXED) * b + MIXED * a for b, a in zip(before, after, strict=True)]
        shop.model.set_weights(mixed)
        embedder = shop.embedder()
    finally:
        shop.model.set_weights(before)
    columns = (1 - MIXED) * means + MIXED * columns
    columns /= np.linalg.norm(columns, axis=1, keepdims=True)
    kinds: tuple[Kind, ...] = ("means", "columns", "whitened")
    return Candidate(checkpoint.split("-")[-1], embedder, kinds, columns, mixed)


def rungs(model: keras.Model) -> tuple[Rung, ...]:
    """What races, from little to much; of small networks the last stage alone is passed over.

    Its lead over the whole network, or the other way round, is within the noise of a race, and on
    small faces the whole network was the better one in the end (docs/benchmarks.md).
    """
    return (whitened, head, *([] if model.count_params() <= SMALL else [top]), whole)


def changed(crops: Rows, each: int, seed: int) -> Iterator[np.ndarray]:
    """`each` times all crops, TOGETHER at once: first as they are, then changed at random."""
    for number in range(each):
        view = Views(seed * 1000 + number, CHANGES)
        for start in range(0, len(crops), TOGETHER):
            some = np.asarray(crops[start : start + TOGETHER])
            yield np.stack([view(crop) for crop in some]) if number else some


# ---------------------------------------------------------------- race
def race(shop: Workshop, crops: Rows, labels: np.ndarray, course: Course | None) -> Outcome:
    """Climb from the frozen network while it pays; the winner is trained on everything.

    crops, labels: the whole training part. Where a network wins, the model carries its weights
    afterwards. Ctrl-C ends the race, and what stands then wins as it was raced.
    """
    if course is None:
        return Outcome([], "frozen", "too few photos or people to tell candidates apart")
    start = time.perf_counter()
    winner: Rung = frozen
    standing = winner(shop, crops, labels, "race")
    (best,) = _laps(standing, course, start)
    first, laps, stopped = best, [best], False
    clearly = first.score + CLEARLY / np.sqrt(len(course.check))
    try:
        for rung in rungs(shop.model):
            if best.score >= ENOUGH:
                break
            rows = course.fit
            candidate = rung(shop, course.crops[rows], course.labels[rows], "race")
            for lap in _laps(candidate, course, start):
                laps.append(lap)
                bar = max(best.score, clearly)
                if lap.score > bar and lap.accuracy >= first.accuracy:
                    best, winner, standing = lap, rung, candidate
        standing = winner(shop, crops, labels, "all")
    except KeyboardInterrupt:
        stopped = True
        if best.kind == "columns" and course.labels.max() < labels.max():  # not everybody's
            best, standing = first, frozen(shop, crops, labels, "all")
    if standing.weights is not None:
        shop.model.set_weights(standing.weights)
    templates, whitening = standing.comparison(best.kind, standing.embedder.embed(crops), labels)
    return Outcome(
        laps, best.name, ("interrupted; " if stopped else "") + _reason(laps, best),
        templates if best.kind == "columns" else None, standing.weights is not None, whitening,
        best.impostors, stopped,
    )  # fmt: skip


def _laps(candidate: Candidate, course: Course, start: float) -> Iterator[Lap]:
    """Enroll the photos to fit, and test, in each way of comparison; the race began at `start`."""
    fit, check = course.labels[course.fit], course.labels[course.check]
    embed = candidate.embedder.embed
    others = [embed(some) for some in course.strangers]
    parts = course.crops[course.fit], course.crops[course.check]
    embeddings = [*map(embed, parts), np.concatenate(others)]
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
