"""The recipes: what is done to the pre-trained network before people are enrolled."""

from __future__ import annotations

from knownface.networks.record import Backbone
from knownface.training.candidates import TrainingContext
from knownface.training.config import TrainingConfig
from knownface.training.photos import TrainingPhotos
from knownface.training.race import Outcome, race
from knownface.training.rounds import Ground


def run_recipe(
    context: TrainingContext, photos: TrainingPhotos, backbone: Backbone, config: TrainingConfig
) -> Outcome:
    """Do what `config.recipe` says.

    Where nothing can be tested, or there is nobody to be told apart, the network stays as it is.
    """
    if config.recipe == "frozen":
        return Outcome([], "frozen", "frozen, as asked", comparison=context.comparison)
    if len(photos.everyone.people) < 2 or not len(photos.held_out):
        lacking = "one person alone" if len(photos.held_out) else "no photo to test on"
        reason = f"frozen: there is nothing to learn from {lacking}"
        return Outcome([], "frozen", reason, comparison=context.comparison)
    if config.recipe == "seed":
        return tutorial(context, photos, backbone, config)
    training, groups = photos.training, photos.groups[photos.rows]
    given = photos.given_strangers
    return race(context, Ground.of(training.faces, training.labels, groups, *given, config.seed))


def tutorial(
    context: TrainingContext, photos: TrainingPhotos, backbone: Backbone, config: TrainingConfig
) -> Outcome:
    """The tutorial's recipe, `seed`: augmentation, Adam, cross-entropy, the whole network.

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
        context.model,
        Examples(training.crops, training.labels, classes),
        plan,
        context.checkpoint("seed"),
        checks=Examples(testing.crops, testing.labels, classes),
        watch=context.history.stage("seed"),
        stoppable=True,
        track=context.track,
    )
    if trained.epochs == 0:
        return Outcome([], "frozen", "stopped before the first epoch was over", stopped=True)
    return Outcome(
        [], "seed", f"seed, as asked, {trained.epochs} epochs", trained.templates,
        network=context.model, stopped=trained.epochs < plan.epochs,
    )  # fmt: skip
