"""From a folder of people to a run folder: crop, split, train, enroll, calibrate, evaluate."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import platform
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from knownface.dataset.folder import scan
from knownface.embed.embedder import Embedder
from knownface.embed.stream import FacePipeline
from knownface.errors import Interrupted, KnownfaceError
from knownface.faces.crops import load_cropper
from knownface.files.rows import Rows
from knownface.files.runs import run_folder, write_json
from knownface.measure.evaluate import evaluate
from knownface.measure.evaluation import Evaluation
from knownface.networks.load import build_backbone, choose_backbone, locate_weights
from knownface.networks.record import Backbone
from knownface.pages.report import write_report
from knownface.progress import Track, silent
from knownface.recognition.about import About
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.threshold import calibrate
from knownface.training.config import TrainingConfig
from knownface.training.history import History
from knownface.training.photos import TrainingPhotos, collect
from knownface.training.precision import share_work
from knownface.training.race import Outcome
from knownface.training.recipes import run_recipe

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRun:
    """A finished run: its folder, the recogniser in it, and how good that is."""

    folder: Path
    recognizer: Recognizer
    evaluation: Evaluation


def train(
    data: str | Path,
    out: str | Path | None = None,
    track: Track = silent,
    *,
    resume: bool = False,
    **options: Any,
) -> TrainingRun:
    """Train on `data/<person>/`, evaluate, and write a run folder (`out`, or a new one in `runs/`).

    options: the other fields of `TrainingConfig`.
    The folder appears when everything in it is complete; an existing one is never touched. resume:
    go on with a run that was cut off, with the same options and to the same end.
    Raises KnownfaceError for unusable data or options; Interrupted, with the run folder complete,
    where Ctrl-C ended training early and the best so far was kept.
    """
    config = TrainingConfig(data=str(data), **options)
    start = time.perf_counter()
    backbone = choose_backbone(config.backbone, config.weights, track)
    people = scan(Path(config.data))
    others = scan(Path(config.strangers), loose=True) if config.strangers else None
    place, name = Path(out) if out else None, Path(config.data).resolve().name
    with run_folder(place, name, resume=resume) as (work, final):
        _same_options(work / "config.json", asdict(config) | {"backbone": backbone.name})
        artifact = work / "recognizer"
        model, origin = load_network(backbone, config, track)
        embedder = write_network(model, artifact, config.device)
        log.info("Backbone %s on %s", backbone.name, embedder.device)

        cropper = load_cropper(backbone.crop, config.faces, track, cache=True)
        photos = collect(
            people, others, FacePipeline(cropper, embedder), track,
            validation=config.validation, seed=config.seed, earlier=config.split,
        )  # fmt: skip
        write_json(work / "split.json", photos.describe_split(config.seed))

        about = _about(backbone, origin, config, cropper.detector)
        with History(work, config.tensorboard, config.mlflow, asdict(config)) as history:
            outcome = run_recipe(model, embedder, photos, backbone, config, work, history, track)
        folds = photos.cross_validated(config.folds, config.seed)
        if outcome.whitening is not None:
            from knownface.networks.layers import with_whitening

            model = with_whitening(model, outcome.whitening)
        if outcome.fitted:
            embedder = write_network(model, artifact, config.device)
            photos = photos.embedded_by(embedder, track)
        recognizer, evaluation = measure(photos, embedder, outcome, backbone, config, about)
        evaluation = replace(
            evaluation,
            split=evaluation.split | photos.claims(config.seed, outcome.fitted),
            notes=[asdict(note) for note in photos.everyone.notes],
            folds=folds,
            candidates=outcome.candidates(evaluation, time.perf_counter() - start),
            chosen=outcome.chosen,
            reason=outcome.reason,
            seconds=time.perf_counter() - start,
            images_per_second=_rate(embedder, photos.everyone.crops),
        )
        recognizer.save(artifact)
        evaluation.save(work / "evaluation.json")
        write_report(work, evaluation, photos.explained(recognizer, track))
    if outcome.stopped:
        raise Interrupted(f"stopped; {final} holds the best so far, a complete recogniser")
    return TrainingRun(final, Recognizer.load(final, config.device), evaluation)


def _same_options(path: Path, options: dict[str, Any]) -> None:
    """Write `config.json`; where a run is continued, it must have been started in the same way."""
    if path.is_file():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for name, value in options.items():
            if earlier.get(name) != value:
                raise KnownfaceError(
                    f"--resume: the run was started with {name} {earlier.get(name)}, not {value}; "
                    "use the same options, or start anew without --resume"
                )
    write_json(path, options)


def measure(
    photos: TrainingPhotos,
    embedder: Embedder,
    outcome: Outcome,
    backbone: Backbone,
    config: TrainingConfig,
    about: About,
) -> tuple[Recognizer, Evaluation]:
    """Enroll the training part, calibrate, and evaluate on the rest.

    People whom a network was fitted to do not stand for strangers, nor do the backbone's
    measurements.
    """
    seen = photos.training
    gallery = Gallery.enroll(
        seen.people, seen.embeddings, seen.labels, seen.photos, seen.digests, outcome.templates,
        embedder.contract(backbone.crop),
    )  # fmt: skip
    aside = photos.strangers.embeddings[photos.calibration] if photos.strangers else None
    fitted = outcome.fitted
    impostors = None if config.weights or fitted else backbone.impostors
    raced = outcome.impostors if fitted and aside is None else None
    threshold = calibrate(gallery, aside, config.far_target, not fitted, impostors, raced)
    recognizer = Recognizer(embedder, gallery, backbone.crop, threshold, config.faces, about)
    evaluation = evaluate(recognizer, photos.testing, photos.strangers, photos.untouched)
    return recognizer, evaluation


# ---------------------------------------------------------------- network
def load_network(
    backbone: Backbone, config: TrainingConfig, track: Track
) -> tuple[keras.Model, dict[str, Any]]:
    """The Keras model, and what the artifact records of the weights it started from."""
    try:
        import knownface.networks.layers  # noqa: F401 - imports Keras quietly
    except ImportError:
        raise KnownfaceError("Training needs Keras; pip install 'knownface[train]'") from None
    import keras

    keras.utils.set_random_seed(config.seed)
    share_work(config.batch_size)
    path = locate_weights(backbone, config.weights, track, config.accept_license)
    origin = {"backbone": backbone.describe(path), "weights": {"file": "none (random)"}}
    if path is not None:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest not in {file.sha256 for file in backbone.weight_files}:
            log.warning("%s is not an official file of %s; using it as it is", path, backbone.name)
        origin["weights"] = {"file": path.name, "sha256": digest}
    return build_backbone(backbone, path), origin


def write_network(model: keras.Model, folder: Path, device: str) -> Embedder:
    """Write both forms of the network into the artifact; what is measured is what is shipped."""
    from knownface.networks.to_onnx import export_onnx

    folder.mkdir(exist_ok=True)
    model.save(folder / "embedder.keras")
    export_onnx(model, folder / "embedder.onnx")
    return Embedder(folder / "embedder.onnx", device)


# ---------------------------------------------------------------- facts
def _rate(embedder: Embedder, crops: Rows) -> float:
    """Crops embedded per second, over at most 256 of them."""
    sample = np.asarray(crops[:256])
    start = time.perf_counter()
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
