"""The candidates of recipe `best`: ways to fit a network to people, from little to much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knownface.dataset.portraits import Faces
from knownface.embed.embedder import Embedder
from knownface.files.rows import DiskRows, Rows
from knownface.options import Precision
from knownface.progress import Track, silent
from knownface.recognition.comparison import Comparison, Kind, Matcher
from knownface.stats.vectors import mean_templates, unit_length
from knownface.training.history import History
from knownface.training.precision import shares
from knownface.training.views import Changes, Views

if TYPE_CHECKING:
    import keras

    from knownface.training.finetune import Examples, Plan

# Mirrored, moved and lit a little; whatever else there is lies in the photos themselves.
CHANGES = Changes(small=0.0, lit=0.5, covered=0.0, disturbed=0.0)
VIEWS = 8_000  # training views of a network, in 6 to 60 epochs
SMALL = 5_000_000  # parameters up to which training the whole network is cheap
HEAD_VIEWS = 3_000  # views whose embeddings a head is trained on, at most 8 of a photo
# Activations below the part of the network that is trained; beyond, each crop has one view only.
CACHE_BYTES = 1 << 30
TOGETHER = 64  # crops that are changed at once
MIXED = 0.6  # share of the tuned network in the average with the frozen one that races


@dataclass(frozen=True)
class Tuned:
    """A network that was trained: its weights, and itself as it will be shipped."""

    weights: list[np.ndarray]
    embedder: Embedder


@dataclass(frozen=True)
class Candidate:
    """A network, and how its embeddings are compared.

    kinds: of comparison that are tried; see `Matcher.fit`. columns: of a head (people, d). tuned:
        None stands for what is frozen: a network, or two. comparison: what is known of the
        embeddings; where that is something, a tuned network stands beside the frozen one, in the
        place of a second one that is frozen, and embeds (n, 2d). width: numbers of one network,
        where the first of two that are frozen is looked at alone.
    """

    name: str
    kinds: tuple[Kind, ...]
    columns: np.ndarray | None = None
    tuned: Tuned | None = None
    comparison: Comparison | None = None
    width: int | None = None

    def embed(self, faces: Faces, track: Track = silent) -> np.ndarray:
        """Embeddings (n, d); those of the frozen network are known."""
        if self.tuned is None:
            return unit_length(faces.embeddings[:, : self.width])
        what, both = f"Testing {self.name}", self.comparison is not None
        trained = self.tuned.embedder.embed(faces.crops, track, what, mirrored=both)
        return _halves(faces.embeddings, trained) if both else trained

    def small(self, faces: Faces, embeddings: np.ndarray) -> np.ndarray | None:
        """What `Gallery.small` holds of faces that have these embeddings (n, d), if anything."""
        if self.tuned is None or self.comparison is None or faces.small is None:
            return faces.small
        trained = embeddings[:, embeddings.shape[1] // 2 :]  # it needs no others
        return _halves(faces.small, trained)

    def matcher(
        self, kind: Kind, embeddings: np.ndarray, faces: Faces, labels: np.ndarray
    ) -> Matcher:
        """Learned from its embeddings (n, d) of people `labels` (n,); see `Matcher.fit`."""
        small = self.small(faces, embeddings) if kind == "normalised" else None
        return Matcher.fit(kind, embeddings, labels, self.columns, small, self.comparison)

    def network(self, model: keras.Model) -> keras.Model | None:
        """What is to be shipped in the place of the frozen model; None where that stays."""
        if self.tuned is None:
            return None
        if self.comparison is None:
            model.set_weights(self.tuned.weights)
            return model
        from knownface.networks.layers import beside

        return beside(model, self.tuned.weights)


@dataclass(frozen=True)
class Lesson:
    """What a candidate learns from: rows (k,) of a training part's faces and labels (n,).

    name: of this part of the run, which its checkpoints and its history have.
    """

    everyone: Faces
    everyones: np.ndarray
    rows: np.ndarray
    name: str

    @cached_property
    def faces(self) -> Faces:
        return self.everyone[self.rows]

    @cached_property
    def people(self) -> np.ndarray:
        """Who is learned: (p,) labels of the training part, rising."""
        return np.unique(self.everyones[self.rows])

    @cached_property
    def labels(self) -> np.ndarray:
        """(k,) indices into `people`."""
        return np.asarray(np.searchsorted(self.people, self.everyones[self.rows]))


@dataclass
class Kept:
    """What is made once: embeddings of the whole training part's changed crops (times, n, d)."""

    views: np.ndarray | None = None


@dataclass(frozen=True)
class TrainingContext:
    """What all candidates share: the network, what is frozen, where to work, and how.

    model: one network; taught: its weights as it was taught faces of few pixels, if it was: that is
        the second one of two that are frozen, and a better one to begin with.
    comparison: what is known of how the frozen embeddings are best compared. kept: what several
        rounds need.
    """

    model: keras.Model
    frozen: Embedder
    folder: Path
    device: str
    precision: Precision
    seed: int
    epochs: int | None
    history: History
    track: Track
    comparison: Comparison | None = None
    taught: list[np.ndarray] | None = None
    kept: Kept = field(default_factory=Kept)

    @property
    def width(self) -> int:
        """How many numbers one network gives of a face."""
        return int(self.model.output_shape[-1])

    def plan(self, learning_rate: float, photos: int) -> Plan:
        """CosFace with a scale and margin for few classes, and a learning rate that falls."""
        from knownface.training.finetune import Plan

        epochs = self.epochs or int(np.clip(round(VIEWS / photos), 6, 60))
        return Plan(
            epochs, learning_rate, loss="cosface", falling=True, scale=16.0, smoothing=0.05,
            changes=CHANGES, precision=self.precision, seed=self.seed,
        )  # fmt: skip

    def checkpoint(self, name: str) -> Path:
        return self.folder / "checkpoints" / name

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """The model has the weights that training begins with, and afterwards its own again."""
        own = self.model.get_weights()
        try:
            if self.taught is not None:
                self.model.set_weights(self.taught)
            yield
        finally:
            self.model.set_weights(own)

    def embedder(self, weights: list[np.ndarray]) -> Embedder:
        """The network with these weights, which the model has then, as it will be shipped."""
        from knownface.networks.to_onnx import export_onnx

        path = self.folder / "candidate.onnx"
        try:
            self.model.set_weights(weights)
            export_onnx(self.model, path)
            return Embedder(path, self.device)
        finally:
            path.unlink(missing_ok=True)


Method = Callable[[TrainingContext, Lesson], Candidate]


def frozen(context: TrainingContext, lesson: Lesson) -> Candidate:
    """The network as it is: what all others have to beat.

    Where it is known how its embeddings are best compared, the plain cosine does not race: it ended
    below in all draws that were measured (docs/benchmarks.md).
    """
    known = context.comparison
    return Candidate("frozen", ("means",) if known is None else ("normalised",), comparison=known)


def whitened(context: TrainingContext, lesson: Lesson) -> Candidate:
    """The network stays, and what all people's photos have in common counts less."""
    return Candidate("frozen", ("whitened",), width=context.width)


def head(context: TrainingContext, lesson: Lesson) -> Candidate:
    """The network stays; the head is trained on embeddings of changed crops."""
    import keras

    from knownface.training.finetune import Examples, finetune

    if context.kept.views is None:  # in every round and in the end they are the same
        crops = lesson.everyone.crops
        each = int(np.clip(HEAD_VIEWS // len(crops), 1, 8))
        changes = changed(crops, each, context.seed, context.track, "Preparing head")
        views = np.concatenate([context.frozen.embed(some, second=False) for some in changes])
        views = unit_length(views[:, : context.width])
        context.kept.views = views.reshape(each, len(crops), -1)
    times = len(context.kept.views)
    views = np.concatenate(context.kept.views[:, lesson.rows])
    inputs = keras.Input(views.shape[1:], name="crops")
    linear = keras.layers.Activation("linear", name="embedding")(inputs)
    labels, people = lesson.labels, len(lesson.people)
    columns = finetune(
        keras.Model(inputs, linear, name="head_only"),
        Examples(views, np.tile(labels, times), people),
        replace(context.plan(1e-3, len(views)), epochs=10),
        context.checkpoint(f"{lesson.name}-head"),
        start=mean_templates(lesson.faces.embeddings[:, : context.width], labels, people),
        watch=context.history.stage(f"{lesson.name}-head"),
        track=context.track,
    ).templates
    return Candidate("head", ("columns",), columns, width=context.width)


def top(context: TrainingContext, lesson: Lesson) -> Candidate:
    """The last stage of the network is trained, on activations that are computed once."""
    from knownface.networks.layers import last_stage
    from knownface.training.finetune import Examples

    faces, labels, people = lesson.faces, lesson.labels, len(lesson.people)
    lower, upper = last_stage(context.model)
    shape = lower.output_shape[1:]
    each = int(np.clip(CACHE_BYTES // (2 * int(np.prod(shape)) * len(faces)), 1, 8))
    # every device has the same share, with a few photos twice
    rows = np.resize(np.arange(len(faces)), len(faces) + -len(faces) % shares())
    activations = DiskRows(shape, np.float16)
    crops = faces.crops[rows]
    with context.beginning():
        what = f"Preparing {lesson.name}-top"
        for some in changed(crops, each, context.seed, context.track, what):
            activations.append(lower.predict(some, batch_size=64, verbose=0))
        examples = Examples(activations, np.tile(labels[rows], each), people)
        return _tuned(context, upper, examples, lesson, "top")


def whole(context: TrainingContext, lesson: Lesson) -> Candidate:
    """The whole network is trained."""
    from knownface.training.finetune import Examples

    examples = Examples(lesson.faces.crops, lesson.labels, len(lesson.people))
    with context.beginning():
        return _tuned(context, context.model, examples, lesson, "whole")


def _tuned(
    context: TrainingContext, trained: keras.Model, examples: Examples, lesson: Lesson, name: str
) -> Candidate:
    """Train a network or its top, and average its weights with those that it begins with.

    The head begins with the people's templates of that network. The average keeps more of what it
    knew of other people (Wortsman et al., 2022). Where it is known how the frozen network's
    embeddings are compared, both are asked, which names more faces than either
    (docs/benchmarks.md).
    """
    from knownface.training.finetune import finetune

    own = lesson.faces.embeddings[:, -context.width :]
    means = mean_templates(own, lesson.labels, examples.classes)
    before, stage = context.model.get_weights(), f"{lesson.name}-{name}"
    columns = finetune(
        trained, examples, context.plan(3e-4, len(examples.labels)), context.checkpoint(stage),
        start=means, watch=context.history.stage(stage), track=context.track,
    ).templates  # fmt: skip
    after = context.model.get_weights()
    mixed = [(1 - MIXED) * b + MIXED * a for b, a in zip(before, after, strict=True)]
    tuned = Tuned(mixed, context.embedder(mixed))
    if context.comparison is not None:
        known = context.comparison.beside_trained()
        return Candidate(f"{name} beside frozen", ("normalised",), None, tuned, known)
    columns = unit_length((1 - MIXED) * means + MIXED * columns)
    return Candidate(name, ("means", "columns", "whitened"), columns, tuned)


def _halves(frozen: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Embeddings (n, 2d) of one network, of which there may be a second half, and of another."""
    first = unit_length(frozen[:, : trained.shape[1]])
    return unit_length(np.hstack([first, unit_length(trained)]))


def methods(context: TrainingContext) -> tuple[Method, ...]:
    """What races, from little to much; of small networks the last stage alone is passed over.

    Its lead over the whole network, or the other way round, is within the noise of a race, and on
    small faces the whole network was the better one in the end (docs/benchmarks.md).
    """
    last = [top] if context.model.count_params() > SMALL else []
    return (whitened, head, *last, whole)


def changed(
    crops: Rows, each: int, seed: int, track: Track, description: str
) -> Iterator[np.ndarray]:
    """`each` times all crops, TOGETHER at once: first as they are, then changed at random."""
    parts = [(n, start) for n in range(each) for start in range(0, len(crops), TOGETHER)]
    for number, start in track(parts, description, len(parts)):
        some = np.asarray(crops[start : start + TOGETHER])
        if start == 0:
            view = Views(seed * 1000 + number, CHANGES)
        yield np.stack([view(crop) for crop in some]) if number else some
