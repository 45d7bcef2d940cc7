"""From a folder of people to a run folder: crop, split, train, enroll, calibrate, evaluate."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import json
import logging
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from knownface import __version__
from knownface.backbones import Backbone, get_backbone, load_backbone, locate_weights
from knownface.crops import FaceCropper
from knownface.dataset import group_photos, split
from knownface.detection import FacesMode, load_detector
from knownface.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.evaluation import (
    FAR_TARGET,
    Evaluation,
    calibrate,
    evaluate,
    halve_strangers,
    random_split_accuracy,
)
from knownface.export import export_onnx
from knownface.gallery import Gallery
from knownface.portraits import Note, Portraits, collect_portraits
from knownface.progress import Track, silent
from knownface.recognizer import Recognizer
from knownface.report import write_report

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

Recipe = Literal["best", "seed", "frozen"]


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a run; written to `config.json`.

    epochs: None takes the backbone's own number; learning_rate, batch_size: for recipe `seed`.
    validation: share of each person's photos kept for testing.
    """

    data: str
    backbone: str = "auto"
    recipe: Recipe = "best"
    weights: str | None = None
    strangers: str | None = None
    faces: FacesMode = "detect"
    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    validation: float = 0.2
    far_target: float = FAR_TARGET
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        checks = {
            "--recipe": (self.recipe in ("best", "seed", "frozen"), "best, seed or frozen"),
            "--epochs": (self.epochs is None or self.epochs >= 1, "at least 1"),
            "--batch-size": (self.batch_size >= 1, "at least 1"),
            "--learning-rate": (self.learning_rate > 0, "above 0"),
            "--validation": (0 < self.validation < 1, "between 0 and 1, such as 0.2"),
            "--far": (0 < self.far_target < 1, "between 0 and 1, such as 0.01"),
            "--seed": (self.seed >= 0, "0 or more"),
        }
        for option, (fine, wanted) in checks.items():
            if not fine:
                value = getattr(self, option.strip("-").replace("-", "_").replace("far", "far_target"))
                raise KnownfaceError(f"{option} must be {wanted}, not {value}")


@dataclass(frozen=True)
class TrainingRun:
    """A finished run: its folder, the recogniser in it, and how good that is."""

    folder: Path
    recognizer: Recognizer
    evaluation: Evaluation


def train(config: TrainingConfig, out: Path | None = None, track: Track = silent) -> TrainingRun:
    """Train, evaluate and write a run folder (`out`, or a new one below `runs/`).

    The folder appears when everything in it is complete; an existing one is never touched.
    Raises KnownfaceError for unusable data or options.
    """
    start = time.perf_counter()
    backbone = get_backbone(config.backbone)
    with _run_folder(out, Path(config.data).resolve().name) as (work, final):
        # -------------------------------------------------------- network
        model, origin = _load(backbone, config, track)
        artifact = work / "recognizer"
        artifact.mkdir()
        embedder = _export(model, artifact, config.device)
        log.info("Backbone %s on %s", backbone.name, embedder.device)

        # -------------------------------------------------------- photos
        detector = load_detector(track) if config.faces == "detect" else None
        cropper = FaceCropper(backbone.crop, detector, cache=True)
        everyone = _usable(collect_portraits(Path(config.data), cropper, embedder, track))
        strangers = None
        if config.strangers:
            strangers = collect_portraits(Path(config.strangers), cropper, embedder, track)
        groups = group_photos(everyone.fingerprints, everyone.labels, everyone.taken)
        rows, held_out = split(everyone.labels, groups, config.validation, config.seed)
        if not len(held_out):
            raise KnownfaceError(
                f"{config.data}: every person has only one photo, or only copies of one, so that "
                "nothing is left to test on; add a second photo for some of them"
            )
        _write_split(work / "split.json", everyone, groups, rows, held_out, config)

        # -------------------------------------------------------- training
        training, testing = everyone.select(rows), everyone.select(held_out)
        calibration, untouched = halve_strangers(strangers)

        def build(embedder: Embedder, templates: np.ndarray | None, tuned: bool) -> Recognizer:
            seen = training.embedded_by(embedder) if tuned else training
            gallery = Gallery.enroll(
                seen.people, seen.embeddings, seen.labels, seen.photos, seen.digests, templates
            )
            aside = None
            if strangers is not None and len(calibration):
                aside = strangers.select(calibration).embedded_by(embedder).embeddings
            threshold = calibrate(gallery, aside, config.far_target, use_people=not tuned)
            about = _about(backbone, origin, config)
            return Recognizer(embedder, gallery, backbone.crop, threshold, config.faces, about, cropper)

        recognizer = build(embedder, None, tuned=False)
        evaluation = evaluate(recognizer, testing, strangers, untouched)
        candidates = [_candidate("frozen", evaluation, time.perf_counter() - start)]
        random_split = random_split_accuracy(everyone, len(held_out), config.seed)
        if config.recipe == "seed":
            templates = finetune_seed(model, training, testing, backbone, config, work, track)
            embedder = _export(model, artifact, config.device)
            recognizer = build(embedder, templates, tuned=True)
            testing = testing.embedded_by(embedder)
            strangers = strangers.embedded_by(embedder) if strangers else None
            evaluation = evaluate(recognizer, testing, strangers, untouched)
            candidates.append(_candidate("seed", evaluation, time.perf_counter() - start))

        # -------------------------------------------------------- run folder
        rate = _rate(embedder, everyone.crops)
        evaluation = replace(
            evaluation,
            split={
                "train": len(rows),
                "validation": len(held_out),
                "groups": int(groups.max()) + 1,
                "seed": config.seed,
                "random_split_accuracy": random_split if config.recipe != "seed" else None,
            },
            notes=[asdict(note) for note in everyone.notes],
            candidates=candidates,
            chosen=candidates[-1]["name"],
            seconds=time.perf_counter() - start,
            images_per_second=rate,
        )
        recognizer.save(artifact)
        _write_json(work / "config.json", asdict(config) | {"backbone": backbone.name})
        evaluation.save(work / "evaluation.json")
        write_report(work, evaluation)
    return TrainingRun(final, Recognizer.load(final, config.device), evaluation)


# ---------------------------------------------------------------- recipes
def finetune_seed(
    model: keras.Model,
    training: Portraits,
    testing: Portraits,
    backbone: Backbone,
    config: TrainingConfig,
    work: Path,
    track: Track = silent,
) -> np.ndarray:
    """The tutorial's recipe, in place: augmentation, Adam, cross-entropy, the whole network.

    Returns the head's columns as templates (people, d): they are the classifier that was trained.
    """
    import keras

    from knownface.augmentation import seed_augmentation
    from knownface.losses import CosineHead

    keras.utils.set_random_seed(config.seed)
    classes = len(training.people)
    head = CosineHead(classes, name="head")
    crops = keras.Input(model.input_shape[1:], dtype="uint8", name="photos")
    network = keras.Model(crops, head(model(seed_augmentation()(crops))))
    network.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    answers = keras.utils.to_categorical(training.labels, classes)
    checks = (testing.crops, keras.utils.to_categorical(testing.labels, classes))
    epochs = config.epochs or backbone.seed_epochs
    rows = []
    for epoch in track(range(epochs), f"Training {backbone.name}", epochs):
        history = network.fit(
            training.crops,
            answers,
            batch_size=config.batch_size,
            validation_data=checks,
            initial_epoch=epoch,
            epochs=epoch + 1,
            verbose=0,
        ).history
        rows.append({"epoch": epoch + 1} | {key: values[-1] for key, values in history.items()})
        _write_history(work / "history.csv", rows)
        last = rows[-1]
        if not np.isfinite(last["loss"]):
            raise KnownfaceError(
                f"Training diverged in epoch {epoch + 1} (loss {last['loss']}); lower "
                f"--learning-rate from {config.learning_rate:g}"
            )
        log.info(
            "epoch %d/%d: loss %.3f, accuracy %.3f; validation loss %.3f, accuracy %.3f",
            epoch + 1, epochs, last["loss"], last["accuracy"], last["val_loss"], last["val_accuracy"],
        )  # fmt: skip
    return head.templates()


# ---------------------------------------------------------------- steps
def _load(
    backbone: Backbone, config: TrainingConfig, track: Track
) -> tuple[keras.Model, dict[str, str]]:
    """The Keras model and where its weights come from."""
    try:
        import keras
    except ImportError:
        raise KnownfaceError("Training needs Keras; pip install 'knownface[train]'") from None
    keras.utils.set_random_seed(config.seed)
    path = locate_weights(backbone, config.weights, track)
    if path is None:
        return load_backbone(backbone.name, "none"), {"file": "none (random)", "sha256": ""}
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest not in {file.sha256 for file in backbone.weight_files}:
        log.warning("%s is not an official file of %s; using it as it is", path, backbone.name)
    return load_backbone(backbone.name, path), {"file": path.name, "sha256": digest}


def _export(model: keras.Model, folder: Path, device: str) -> Embedder:
    """Write both forms of the network into the artifact; measure through what is shipped."""
    model.save(folder / "embedder.keras")
    export_onnx(model, folder / "embedder.onnx")
    return Embedder(folder / "embedder.onnx", device)


def _usable(everyone: Portraits) -> Portraits:
    """Drop people without a single usable face; at least two must remain."""
    present = np.unique(everyone.labels)
    missing = [name for i, name in enumerate(everyone.people) if i not in present]
    notes = list(everyone.notes)
    for name in missing:
        log.warning("%s: no usable photo, left out", name)
        notes.append(Note("", name, "few_photos", "no usable photo; left out"))
    for i in present[np.bincount(everyone.labels)[present] == 1]:
        name = everyone.people[i]
        log.warning("%s: only one usable photo; it is enrolled, and cannot be tested", name)
        notes.append(Note("", name, "few_photos", "only one usable photo; cannot be tested"))
    if len(present) < 2:
        found = f"only {everyone.people[present[0]]}" if len(present) else "nobody"
        raise KnownfaceError(
            f"{everyone.root}: {found} with a usable face among {len(everyone.people)} folders; a "
            "recogniser needs at least two people, one sub-folder each"
        )
    return replace(
        everyone,
        people=tuple(everyone.people[i] for i in present),
        labels=np.searchsorted(present, everyone.labels),
        notes=tuple(notes),
    )


def _candidate(name: str, evaluation: Evaluation, seconds: float) -> dict[str, Any]:
    shown = evaluation.open_set
    return {
        "name": name,
        "accuracy": evaluation.accuracy,
        "dir_at_far_0.01": shown.dir_at_far["0.01"] if shown else None,
        "seconds": round(seconds, 2),
    }


def _rate(embedder: Embedder, crops: np.ndarray) -> float:
    """Crops embedded per second, over at most 256 of them."""
    sample = crops[:256]
    start = time.perf_counter()
    embedder.embed(sample)
    return round(len(sample) / (time.perf_counter() - start), 1)


def _about(backbone: Backbone, origin: dict[str, str], config: TrainingConfig) -> dict[str, Any]:
    packages = ("keras", "numpy", "onnx", "openvino", "opencv-python-headless")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "backbone": backbone.describe(),
        "weights": origin,
        "recipe": config.recipe,
        "licence": backbone.licence,
        "versions": {"knownface": __version__, "python": platform.python_version(), **versions},
    }


# ---------------------------------------------------------------- files
@contextmanager
def _run_folder(out: Path | None, name: str) -> Iterator[tuple[Path, Path]]:
    """A hidden working folder beside the final one, renamed after success, removed otherwise."""
    final = out or _free_name(Path("runs") / name)
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise KnownfaceError(f"--out {final}: exists already; choose another name or remove it")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    except OSError as error:
        raise KnownfaceError(
            f"{final.parent}: cannot be written ({error.strerror}); choose another place with --out"
        ) from None
    try:
        yield work, final
        work.chmod(0o755)
        work.replace(final)
    except OSError as error:
        if error.strerror is None:
            raise
        raise KnownfaceError(
            f"{final}: cannot be written ({error.strerror}); choose another place with --out"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _free_name(path: Path) -> Path:
    """path, or path-2, path-3, ...: the first that does not exist."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _write_split(
    path: Path,
    everyone: Portraits,
    groups: np.ndarray,
    rows: np.ndarray,
    held_out: np.ndarray,
    config: TrainingConfig,
) -> None:
    document = {
        "seed": config.seed,
        "train": [everyone.photos[i] for i in rows],
        "validation": [everyone.photos[i] for i in held_out],
        "groups": {everyone.photos[i]: int(groups[i]) for i in range(len(everyone))},
    }
    _write_json(path, document)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
