"""Training a network on face crops: it can be watched, stopped, and continued. Imports Keras."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from knownface.errors import KnownfaceError
from knownface.files.rows import Rows
from knownface.files.whole import private_folder, whole_file
from knownface.options import Precision, argument
from knownface.progress import Track, silent
from knownface.training.augmentation import reseed, seed_augmentation
from knownface.training.head import Classifier, CosineHead
from knownface.training.history import Row
from knownface.training.hosts import hosts
from knownface.training.precision import computing_in, resolved, shares
from knownface.training.views import Changes, Views

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    falling: whether the learning rate rises for a tenth of the steps and then falls to 0 along a
        cosine (Loshchilov and Hutter, 2017), instead of staying.
    scale: of the cosine head; None is AdaCos's. smoothing: share of the answer given to everybody.
    changes: how training crops are changed; None is the tutorial's augmentation.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 32
    loss: str = "softmax"
    falling: bool = False
    scale: float | None = None
    smoothing: float = 0.0
    changes: Changes | None = None
    precision: Precision = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Examples:
    """What is learned from: inputs (n, ...), labels (n,), and how many classes there are."""

    inputs: Rows
    labels: np.ndarray
    classes: int


@dataclass(frozen=True)
class Trained:
    """The head's templates (classes, d), and after how many epochs."""

    templates: np.ndarray
    epochs: int


def finetune(
    model: keras.Model,
    examples: Examples,
    plan: Plan,
    checkpoint: Path,
    *,
    start: np.ndarray | None = None,
    checks: Examples | None = None,
    watch: Callable[[list[Row]], None],
    stoppable: bool = False,
    track: Track = silent,
) -> Trained:
    """Train a model (inputs to embeddings) in place, with a cosine head that starts at random.

    checkpoint: a name in a folder; after every epoch everything that is needed to go on is there,
        and a call that finds it goes on from it, to the same end: with each back end bit for bit on
        a CPU. A GPU may sum in another order each time, and back ends end alike, not equally.
    start: the head's first templates (classes, d) instead.
    checks: what is only watched, never learned from; watch: called with the history so far.
    stoppable: Ctrl-C ends training after the last whole epoch, instead of everything; it reaches
        several processes in different epochs, and ends everything there.
    Raises KnownfaceError where the loss stops being a finite number, and in all processes that
    train together where they would not train the same or one of them is lost.
    """
    _agree(model, examples, plan, checks)
    stoppable = stoppable and hosts().count == 1
    keras.utils.set_random_seed(plan.seed)
    steps = len(_Batches(examples, plan, 0))
    with computing_in(model, plan.precision), hosts().losing():
        augmentation = seed_augmentation() if plan.changes is None else None
        network = _classifier(model, augmentation, examples.classes, plan, steps)
        if start is not None:
            network.head.columns.assign(start.T)
        saved = _Checkpoint(checkpoint, network, steps)
        rows = saved.load()
        watch(rows)
        total = plan.epochs * steps
        bar = iter(track(range(total), f"Training {checkpoint.name}", total))
        for _ in range(len(rows) * steps):
            next(bar)
        callback = _EveryBatch(plan, saved, bar)
        try:
            for epoch in range(len(rows), plan.epochs):
                if augmentation:
                    reseed(augmentation, plan.seed, epoch)
                row = _epoch(network, _Batches(examples, plan, epoch), epoch, checks, callback)
                saved.save([*rows, row])
                rows.append(row)
                watch(rows)
        except KeyboardInterrupt:
            if not stoppable:
                raise
            saved.load()
        next(bar, None)
    return Trained(network.head.templates(), len(rows))


def _agree(model: keras.Model, examples: Examples, plan: Plan, checks: Examples | None) -> None:
    """All processes train the same, or none: they would wait for one another for ever."""
    learned, watched = (
        [] if some is None else [some.classes, *some.labels.tolist()] for some in (examples, checks)
    )
    hosts().agree(
        photos_to_learn_from=learned,
        photos_to_test_on=watched,
        plan=replace(plan, precision=resolved(plan.precision)),
        network=[weight.shape for weight in model.weights],
    )


def _classifier(
    model: keras.Model, augmentation: keras.Sequential | None, classes: int, plan: Plan, steps: int
) -> Classifier:
    """The model with a head, ready to fit."""
    inputs = keras.Input(model.input_shape[1:], dtype=model.input.dtype, name="inputs")
    changed = augmentation(inputs) if augmentation else inputs
    head = CosineHead(classes, plan.scale, name="head")
    network = Classifier(inputs, head, model(changed), plan.loss, plan.epochs * steps // 5)
    rate: Any = plan.learning_rate
    if plan.falling:
        total = plan.epochs * steps
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, total - total // 10, warmup_target=rate, warmup_steps=total // 10
        )
    network.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.CategoricalCrossentropy(True, label_smoothing=plan.smoothing),
        metrics=["accuracy"],
        # XLA is slower than plain graphs on CPUs; JAX has nothing else.
        jit_compile=keras.backend.backend() == "jax",
    )
    _build(network, classes)
    return network


def _build(network: Classifier, classes: int) -> None:
    """Make all variables before the first step.

    Otherwise back ends take a step to make them, and TensorFlow traces the step twice, and every
    variable of the optimizer by itself: MobileFaceNet began ten seconds later.
    """
    network.optimizer.build(network.trainable_variables)
    answers = np.eye(1, classes, dtype=np.float32)
    network.compute_loss(y=answers, y_pred=answers, training=False)
    network.compute_metrics(None, answers, answers)
    network.reset_metrics()


def _epoch(
    network: Classifier,
    batches: _Batches,
    epoch: int,
    checks: Examples | None,
    callback: keras.callbacks.Callback,
) -> Row:
    """Train for one epoch, counted from 0; its row of the history."""
    history = network.fit(
        batches,
        validation_data=_watched(checks) if checks else None,
        validation_batch_size=max(1, 128 // shares()) * shares() // hosts().count,
        initial_epoch=epoch,
        epochs=epoch + 1,
        verbose=0,
        shuffle=False,  # Keras would change the order of batches
        callbacks=[callback],
    ).history
    return {"epoch": epoch + 1} | {key: values[-1] for key, values in history.items()}


def _watched(checks: Examples) -> tuple[np.ndarray, np.ndarray]:
    """What Keras validates on in this process; every device has the same share of it."""
    count = len(checks.labels) - len(checks.labels) % shares()
    rows = hosts().part(np.arange(count))
    return np.asarray(checks.inputs[rows]), _answers(checks)[rows]


def _answers(examples: Examples) -> np.ndarray:
    """One row per example, 1 at its class: (n, classes)."""
    return np.asarray(np.eye(examples.classes, dtype=np.float32)[examples.labels])


class _Batches(keras.utils.PyDataset):
    """One epoch: its order and its changes depend on seed and epoch alone.

    Of several processes each has its part of every batch.
    """

    def __init__(self, examples: Examples, plan: Plan, epoch: int) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.inputs, self.answers, self.plan = examples.inputs, _answers(examples), plan
        self.first = (plan.seed + 1) * 1_000_003 + epoch * len(self.answers)
        order = np.random.default_rng(self.first).permutation(len(self.answers))
        self.order = order[: len(order) - len(order) % shares()]

    def __len__(self) -> int:
        return math.ceil(len(self.order) / self.plan.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        begin = index * self.plan.batch_size
        rows = self.order[begin : begin + self.plan.batch_size]
        mine = hosts().part(rows)
        if self.plan.changes is None or self.inputs.dtype != np.uint8:
            return np.asarray(self.inputs[mine]), self.answers[mine]
        view = Views(self.first + index, self.plan.changes)  # drawn in the order of the batch
        changed = np.stack([view(crop) for crop in np.asarray(self.inputs[rows])])
        return hosts().part(changed), self.answers[mine]


class _EveryBatch(keras.callbacks.Callback):
    """Moves the progress bar, and stops where the loss is no number any more.

    Training that has diverged cannot come back, and its checkpoints are of no use.
    """

    def __init__(self, plan: Plan, saved: _Checkpoint, bar: Iterator[int]) -> None:
        super().__init__()
        self.plan, self.saved, self.bar = plan, saved, bar

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        next(self.bar, None)
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            self.saved.forget()
            raise KnownfaceError(
                f"Training diverged (loss {loss}); lower {argument('learning_rate')} from "
                f"{self.plan.learning_rate:g}, or use {argument('precision', 'float32')}"
            )


class _Checkpoint:
    """Weights, optimizer and history after the last whole epoch."""

    def __init__(self, base: Path, network: keras.Model, steps: int) -> None:
        self.network, self.steps = network, steps
        self.weights = base.with_name(base.name + ".weights.h5")
        self.history = base.with_name(base.name + ".json")

    def save(self, rows: list[Row]) -> None:
        """The history first: it may be ahead of the weights, never behind.

        Of several processes all do, for Keras may compute meanwhile, in folders of their own.
        Raises OSError where the disk is full, before anything is written: HDF5 would print pages.
        """
        private_folder(self.weights.parent)
        variables = [*self.network.weights, *self.network.optimizer.variables]
        needed = 4 * sum(int(np.prod(variable.shape)) for variable in variables)
        if shutil.disk_usage(self.weights.parent).free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.weights))
        with whole_file(self.history) as part:
            part.write_text(json.dumps(rows), encoding="utf-8")
        with whole_file(self.weights) as part:
            self.network.save_weights(part)

    def load(self) -> list[Row]:
        """The history of the epochs that the weights have seen; nothing if there are none.

        Of several processes all have what the first one has.
        """
        hosts().same_file(self.weights)
        hosts().same_file(self.history)
        if not self.weights.is_file():
            return []
        self.network.load_weights(self.weights)
        done = int(self.network.optimizer.iterations) // self.steps
        log.info("Continuing after epoch %d", done)
        rows: list[Row] = json.loads(self.history.read_text(encoding="utf-8"))
        return rows[:done]

    def forget(self) -> None:
        shutil.rmtree(self.weights.parent, ignore_errors=True)
