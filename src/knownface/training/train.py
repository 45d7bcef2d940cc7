"""From a folder of people to a run folder: crop, split, train, enroll, evaluate."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from knownface.cluster.indexed_people import people_of
from knownface.embed.embedder import Embedder
from knownface.embed.stream import FacePipeline
from knownface.errors import Interrupted
from knownface.faces.crops import load_cropper
from knownface.files.rows import Rows
from knownface.files.runs import run_folder
from knownface.measure.evaluate import SplitRecord, TrainingRecord, evaluate
from knownface.measure.evaluation import Evaluation
from knownface.measure.explanation import explain
from knownface.measure.folds import cross_validate, random_split_accuracy
from knownface.measure.groups import Groups
from knownface.measure.verdict import title
from knownface.networks.load import choose_backbone
from knownface.networks.record import Backbone
from knownface.options import taking
from knownface.pages.model_card import write_model_card
from knownface.pages.report import write_report
from knownface.progress import silent
from knownface.recognition.about import About
from knownface.recognition.comparison import Comparison
from knownface.recognition.confidence import Confidence, calibrate
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizability import Recognizability
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.threshold import Threshold
from knownface.training.candidates import TrainingContext
from knownface.training.carrying import as_said, carry_over
from knownface.training.config import TrainingConfig, TrainingRequest
from knownface.training.history import History
from knownface.training.hosts import Hosts, joined, passing_folder, same_start
from knownface.training.keeping import keep
from knownface.training.network import (
    known_comparison,
    load_network,
    taught_small_faces,
    write_network,
)
from knownface.training.photos import TrainingPhotos, collect
from knownface.training.race import Outcome
from knownface.training.recipes import run_recipe
from knownface.training.resumption import going_on, keep_options, keep_split

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRun:
    """A finished run: its folder, the recogniser in it, and how good that is."""

    folder: Path
    recognizer: Recognizer
    evaluation: Evaluation

    def __repr__(self) -> str:
        people, result = len(self.recognizer.people), title(self.evaluation)
        return f"TrainingRun({str(self.folder)!r}, {people} people: {result})"


@taking(TrainingRequest)
def train(request: TrainingRequest) -> TrainingRun:
    """Train on `data/<person>/`, evaluate, and write a run folder (`out`, or a new one in `runs/`).

    data: or an index of such photos, whose faces are not looked for again; strangers, likewise.

    The options are those of `TrainingConfig`. The folder appears when everything in it is
    complete; an existing one is never touched. resume: go on with a run that was cut off, with the
    same options and to the same end. track: wraps long work, to show progress.
    Raises KnownfaceError for unusable data or options; Interrupted, with the run folder complete,
    where Ctrl-C ended training early and the best so far was kept; Helped in all but the first of
    several processes that train together, which writes the folder.
    """
    with joined(request.config) as together:
        return _trained(request, together)


def _trained(request: TrainingRequest, together: Hosts) -> TrainingRun:
    """The whole run; of several processes each does the same until the network is trained."""
    config, track = request.config, request.track if together.first else silent
    started = time.perf_counter()
    people, others = people_of(config.data, config.strangers)
    if config.gallery:
        people = as_said(people, config.gallery)
    groups = Groups.read(config.groups) if config.groups else None
    if groups:
        groups.expect(people.people)
    backbone, wanted = choose_backbone(config.backbone, config.weights, track)
    place, name = Path(request.out) if request.out else None, Path(config.data).resolve().name
    same_start(request, backbone.name, people, others)
    writing = run_folder(place, name, resume=request.resume, again=going_on)
    with writing if together.first else passing_folder() as run:
        work = run.work
        keep_options(work, asdict(config) | {"backbone": backbone.name})
        artifact = work / "recognizer"
        model, origin = load_network(backbone, wanted, config, track)
        comparison = known_comparison(backbone, origin, config)
        taught = taught_small_faces(model, backbone, origin) if comparison else None
        frozen = model
        if comparison and taught:
            from knownface.networks.layers import beside

            frozen, comparison = beside(model, taught), comparison.beside_taught()
        embedder = write_network(frozen, artifact, config.device, comparison)
        log.info("Backbone %s on %s", backbone.name, embedder.device)

        cropper = load_cropper(backbone.crop, config.faces, track, cache=True)
        pipeline = FacePipeline.of_people(cropper, embedder, comparison)
        photos = collect(
            people, others, pipeline, track,
            validation=config.validation, seed=config.seed, earlier=config.split,
        )  # fmt: skip
        if comparison:
            photos = photos.with_small(embedder, track)
        keep_split(work, photos.describe_split(config.seed))

        options = asdict(config)
        sent = together.first and config.tensorboard, together.first and config.mlflow
        with History(work, run.final.name, *sent, options) as history:
            context = TrainingContext(
                model, embedder, work, config.device, config.precision, config.seed,
                config.epochs, history, track, comparison, taught,
            )  # fmt: skip
            outcome = run_recipe(context, photos, backbone, config)
        together.leave()
        winner = _winner(outcome, model, frozen)
        if winner is not frozen:
            embedder = write_network(winner, artifact, config.device, outcome.comparison)
        rate = _rate(embedder, photos.everyone.crops)
        record = describe_training(photos, outcome, config, rate, comparison)
        again = outcome.changed or outcome.comparison is not comparison
        seen = photos.embedded_by(embedder, track, outcome.comparison) if again else photos
        if taught and outcome.comparison:
            origin["backbone"]["small_faces"] = True
        about = _about(backbone, origin, config, cropper.detector)
        tested, complete = enroll(
            seen, embedder, outcome, backbone, config, about, cropper.detector_file
        )
        evaluation = evaluate(
            tested, seen.testing, seen.strangers, seen.untouched, record, started, groups
        )
        evaluation.save(work / "evaluation.json")
        used = seen.everyone.select(np.concatenate([seen.rows, seen.held_out]))
        write_report(work, evaluation, explain(tested, used, seen.strangers, track))
        write_model_card(work / "model_card.md", evaluation, about)
        complete.save(artifact, keep(seen, backbone.crop, outcome.changed))
        if config.gallery:
            carry_over(config.gallery, artifact, complete)
    if outcome.stopped:
        raise Interrupted(f"stopped; {run.final} holds the best so far, a complete recogniser")
    return TrainingRun(run.final, Recognizer.load(run.final, config.device), evaluation)


def _winner(outcome: Outcome, model: keras.Model, frozen: keras.Model) -> keras.Model:
    """What is shipped: model, or frozen, where that is two networks and both were asked."""
    network = outcome.network
    if network is None:
        network = model if outcome.comparison is None else frozen
    if outcome.whitening is None:
        return network
    from knownface.networks.layers import with_whitening

    return with_whitening(network, outcome.whitening)


def describe_training(
    photos: TrainingPhotos,
    outcome: Outcome,
    config: TrainingConfig,
    rate: float,
    comparison: Comparison | None = None,
) -> TrainingRecord:
    """What the run knows before its test.

    photos: as the frozen network embedded them; rate: photos that it embeds per second.
    """
    everyone, seed = photos.everyone, config.seed
    claimed = None
    if not outcome.changed and len(photos.held_out):
        claimed = random_split_accuracy(everyone, len(photos.held_out), seed, comparison)
    folds = None
    if config.folds:
        folds = cross_validate(everyone, photos.groups, config.folds, seed, comparison)
    split = SplitRecord(len(np.unique(photos.groups)), seed, claimed)
    return TrainingRecord(
        split, outcome.chosen, outcome.reason, outcome.candidates, folds, rate, photos.one_person
    )


def enroll(
    photos: TrainingPhotos,
    embedder: Embedder,
    outcome: Outcome,
    backbone: Backbone,
    config: TrainingConfig,
    about: About,
    detector: Path | None = None,
) -> tuple[Recognizer, Recognizer]:
    """The recogniser of the training part, which is tested, and that of all photos.

    Each has its own threshold and confidence, chosen in the same way: of 20 people with 2, 3, 5 and
    10 photos, all photos name 10, 4, 2 and 0 points more of known faces (docs/benchmarks.md).
    detector: the file that a saved one carries.
    """
    seen, more = photos.training, photos.not_trained_on
    gallery = Gallery.enroll(
        seen.people, seen.embeddings, seen.labels, seen.photos, seen.digests, outcome.templates,
        embedder.contract(backbone.crop), seen.taken, seen.small, outcome.comparison,
    )  # fmt: skip
    complete = gallery.with_photos(
        more.embeddings, more.labels, more.photos, more.digests, more.taken, more.small
    )

    recognizability = Recognizability.measure(embedder.embed, seen.crops, seen.embeddings)

    def ready(gallery: Gallery) -> Recognizer:
        threshold, confidence = _calibrated(gallery, photos, outcome, backbone, config)
        return Recognizer(
            embedder, gallery, backbone.crop, threshold, config.faces, about, confidence, detector,
            recognizability,
        )  # fmt: skip

    return ready(gallery), ready(complete)


def _calibrated(
    gallery: Gallery,
    photos: TrainingPhotos,
    outcome: Outcome,
    backbone: Backbone,
    config: TrainingConfig,
) -> tuple[Threshold, Confidence]:
    """The threshold, and what is made of a similarity."""
    aside = photos.strangers.embeddings[photos.for_threshold] if photos.strangers else None
    impostors = None if config.weights else backbone.impostors
    return calibrate(
        gallery, aside, config.far_target, outcome.changed, impostors, outcome.impostors
    )


# ---------------------------------------------------------------- facts
def _rate(embedder: Embedder, crops: Rows) -> float:
    """Crops embedded per second, over at most 256 of them."""
    sample, start = np.asarray(crops[:256]), time.perf_counter()
    embedder.embed(sample)
    return round(len(sample) / (time.perf_counter() - start), 1)


def _about(
    backbone: Backbone, origin: dict[str, Any], config: TrainingConfig, detector: str | None
) -> About:
    packages = ("knownface", "keras", "numpy", "onnx", "openvino", "opencv-python-headless")
    versions = {name: importlib.metadata.version(name) for name in packages}
    versions = {"python": platform.python_version(), **versions}
    return About(
        **origin,
        recipe=config.recipe,
        licence=backbone.licence,
        detector=detector,
        versions=versions,
    )
