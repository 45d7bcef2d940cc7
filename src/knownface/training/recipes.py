"""The recipes: what is done to the pre-trained network before people are enrolled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knownface.embed.embedder import Embedder
from knownface.networks.record import Backbone
from knownface.progress import Track
from knownface.training.candidates import Workshop
from knownface.training.config import TrainingConfig
from knownface.training.history import History
from knownface.training.photos import TrainingPhotos
from knownface.training.race import Outcome, lay_out, race

if TYPE_CHECKING:
    import keras


def run_recipe(
    model: keras.Model,
    embedder: Embedder,
    photos: TrainingPhotos,
    backbone: Backbone,
    config: TrainingConfig,
    work: Path,
    history: History,
    track: Track,
) -> Outcome:
    """Do what `config.recipe` says; a network that is trained is changed in place."""
    if config.recipe == "frozen":
        return Outcome([], "frozen", "frozen, as asked")
    if config.recipe == "seed":
        return seed(model, photos, backbone, config, work, history, track)
    shop = Workshop(
        model, embedder, work, config.device, config.precision, config.seed, config.epochs,
        history, track,
    )  # fmt: skip
    training = photos.training
    groups = photos.groups[photos.rows]
    course = lay_out(training.faces, training.labels, groups, photos.given_strangers, config.seed)
    return race(shop, training.faces, training.labels, course)


def seed(
    model: keras.Model,
    photos: TrainingPhotos,
    backbone: Backbone,
    config: TrainingConfig,
    work: Path,
    history: History,
    track: Track,
) -> Outcome:
    """The tutorial's recipe: augmentation, Adam, cross-entropy, the whole network.

    The head's columns are the templates: they are the classifier that was trained.
    """
    from knownface.training.finetune import Examples, Plan, finetune

    training, testing = photos.training, photos.testing
    plan = Plan(
        config.epochs or backbone.seed_epochs,
        config.learning_rate,
        config.batch_size,
        config.loss or backbone.loss,
        precision=config.precision,
        seed=config.seed,
    )
    classes = len(training.people)
    trained = finetune(
        model,
        Examples(training.crops, training.labels, classes),
        plan,
        work / "checkpoints" / "seed",
        checks=Examples(testing.crops, testing.labels, classes),
        watch=history.stage("seed"),
        stoppable=True,
        track=track,
    )
    if trained.epochs == 0:
        return Outcome([], "frozen", "stopped before the first epoch was over", stopped=True)
    return Outcome(
        [], "seed", f"seed, as asked, {trained.epochs} epochs", trained.templates, tuned=True,
        stopped=trained.epochs < plan.epochs,
    )  # fmt: skip
