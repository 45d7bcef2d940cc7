"""From a folder of people to a run folder: crop, split, train, enroll, calibrate, evaluate."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from knownface import __version__
from knownface.backbones import Backbone, build_backbone, choose_backbone, locate_weights
from knownface.backbones.backbone import LossName
from knownface.crops import FaceCropper
from knownface.dataset import FaceDataset, group_photos, scan, split
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
from knownface.explanation import Explanation, explain
from knownface.export import export_onnx
from knownface.gallery import Gallery
from knownface.portraits import Note, Portraits, collect_portraits
from knownface.progress import Track, silent
from knownface.recognizer import Recognizer
from knownface.report import write_report
from knownface.runs import run_folder, write_history, write_json

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

Recipe = Literal["best", "seed", "frozen"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a run; written to `config.json`.

    loss, epochs: None takes the backbone's own; learning_rate, batch_size: for recipe `seed`.
    validation: share of each person's photos kept for testing; split: instead, the `split.json` of
        another run, so that both can be compared.
    precision: what training computes in; `auto` is bfloat16 where the machine is fast in it.
    """

    data: str
    backbone: str = "auto"
    recipe: Recipe = "best"
    weights: str | None = None
    accept_license: bool = False
    loss: LossName | None = None
    strangers: str | None = None
    faces: FacesMode = "detect"
    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    validation: float = 0.2
    split: str | None = None
    far_target: float = FAR_TARGET
    seed: int = 0
    precision: Precision = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        checks = {
            "--recipe": (self.recipe in get_args(Recipe), "best, seed or frozen"),
            "--loss": (self.loss in (None, *get_args(LossName)), "softmax, arcface or cosface"),
            "--precision": (self.precision in get_args(Precision), "auto, float32 or bfloat16"),
            "--epochs": (self.epochs is None or self.epochs >= 1, "at least 1"),
            "--batch-size": (self.batch_size >= 1, "at least 1"),
            "--learning-rate": (self.learning_rate > 0, "above 0"),
            "--validation": (0 < self.validation < 1, "between 0 and 1, such as 0.2"),
            "--far": (0 < self.far_target < 1, "between 0 and 1, such as 0.01"),
            "--seed": (self.seed >= 0, "0 or more"),
        }
        for option, (fine, wanted) in checks.items():
            if not fine:
                value = getattr(
                    self, option.strip("-").replace("-", "_").replace("far", "far_target")
                )
                raise KnownfaceError(f"{option} must be {wanted}, not {value}")


@dataclass(frozen=True)
class TrainingRun:
    """A finished run: its folder, the recogniser in it, and how good that is."""

    folder: Path
    recognizer: Recognizer
    evaluation: Evaluation


def train(
    data: str | Path, out: str | Path | None = None, track: Track = silent, **options: Any
) -> TrainingRun:
    """Train on `data/<person>/`, evaluate, and write a run folder (`out`, or a new one in `runs/`).

    options: the other fields of `TrainingConfig`.
    The folder appears when everything in it is complete; an existing one is never touched.
    Raises KnownfaceError for unusable data or options.
    """
    config = TrainingConfig(data=str(data), **options)
    start = time.perf_counter()
    backbone = choose_backbone(config.backbone, config.weights, track)
    people = scan(Path(config.data))
    others = scan(Path(config.strangers), loose=True) if config.strangers else None
    with run_folder(Path(out) if out else None, Path(config.data).resolve().name) as (work, final):
        artifact = work / "recognizer"
        model, origin = load_network(backbone, config, track)
        embedder = write_network(model, artifact, config.device)
        log.info("Backbone %s on %s", backbone.name, embedder.device)

        detector = load_detector(track) if config.faces == "detect" else None
        cropper = FaceCropper(backbone.crop, detector, cache=True)
        photos = collect(people, others, cropper, config, embedder, track)
        write_json(work / "split.json", photos.describe_split(config.seed))

        about = _about(backbone, origin, config)
        about["detector"] = detector.name if detector else None
        recognizer, evaluation = measure(photos, embedder, None, backbone, config, about)
        candidates = [_candidate("frozen", evaluation, time.perf_counter() - start)]
        if config.recipe == "seed":
            templates = finetune_seed(model, photos, backbone, config, work, track)
            embedder = write_network(model, artifact, config.device)
            recognizer, evaluation = measure(photos, embedder, templates, backbone, config, about)
            candidates.append(_candidate("seed", evaluation, time.perf_counter() - start))

        evaluation = replace(
            evaluation,
            split=evaluation.split | photos.claims(config.seed, tuned=config.recipe == "seed"),
            notes=[asdict(note) for note in photos.everyone.notes],
            candidates=candidates,
            chosen=candidates[-1]["name"],
            seconds=time.perf_counter() - start,
            images_per_second=_rate(embedder, photos.everyone.crops),
        )
        recognizer.save(artifact)
        write_json(work / "config.json", asdict(config) | {"backbone": backbone.name})
        evaluation.save(work / "evaluation.json")
        write_report(work, evaluation, photos.explained(recognizer))
    return TrainingRun(final, Recognizer.load(final, config.device), evaluation)


# ---------------------------------------------------------------- photos
@dataclass(frozen=True)
class TrainingPhotos:
    """Everyone's portraits, how they are split, and the strangers.

    rows, held_out: indices for training and testing; groups: (n,) photos that stay together.
    calibration, untouched: rows of the strangers for the threshold, and for testing it.
    """

    everyone: Portraits
    groups: np.ndarray
    rows: np.ndarray
    held_out: np.ndarray
    strangers: Portraits | None
    calibration: np.ndarray
    untouched: np.ndarray

    @property
    def training(self) -> Portraits:
        return self.everyone.select(self.rows)

    @property
    def testing(self) -> Portraits:
        return self.everyone.select(self.held_out)

    def embedded_by(self, embedder: Embedder) -> TrainingPhotos:
        """The same photos seen by another network."""
        strangers = self.strangers.embedded_by(embedder) if self.strangers else None
        return replace(self, everyone=self.everyone.embedded_by(embedder), strangers=strangers)

    def explained(self, recognizer: Recognizer) -> Explanation:
        """Why the recogniser answered as it did; a network that was tuned sees them anew."""
        photos = self.everyone.select(np.concatenate([self.rows, self.held_out]))
        strangers = self.strangers
        if not np.array_equal(recognizer.gallery.embeddings, photos.embeddings[: len(self.rows)]):
            photos = photos.embedded_by(recognizer.embedder)
            strangers = strangers and strangers.embedded_by(recognizer.embedder)
        return explain(recognizer, photos, strangers)

    def describe_split(self, seed: int) -> dict[str, Any]:
        """`split.json`: which photo is where, and which ones were kept together."""
        names = self.everyone.photos
        return {
            "seed": seed,
            "train": [names[i] for i in self.rows],
            "validation": [names[i] for i in self.held_out],
            "groups": {name: int(group) for name, group in zip(names, self.groups, strict=True)},
        }

    def claims(self, seed: int, tuned: bool) -> dict[str, Any]:
        """What the evaluation says of the split; a tuned network has no other split to compare."""
        claimed = None if tuned else random_split_accuracy(self.everyone, len(self.held_out), seed)
        groups = len(np.unique(self.groups))
        return {"groups": groups, "seed": seed, "random_split_accuracy": claimed}


def collect(
    people: FaceDataset,
    others: FaceDataset | None,
    cropper: FaceCropper,
    config: TrainingConfig,
    embedder: Embedder,
    track: Track,
) -> TrainingPhotos:
    """Read, crop, embed and split; raises KnownfaceError where too little is usable."""
    everyone = _usable(collect_portraits(people, cropper, embedder, track))
    strangers = collect_portraits(others, cropper, embedder, track) if others else None
    groups = group_photos(everyone.fingerprints, everyone.labels, everyone.taken)
    if config.split:
        rows, held_out = _earlier_split(Path(config.split), everyone)
    else:
        rows, held_out = split(everyone.labels, groups, config.validation, config.seed)
    if not len(held_out):
        raise KnownfaceError(
            f"{config.data}: every person has only one photo, or only copies of one, so that "
            "nothing is left to test on; add a second photo for some of them"
        )
    return TrainingPhotos(everyone, groups, rows, held_out, strangers, *halve_strangers(strangers))


def _earlier_split(path: Path, everyone: Portraits) -> tuple[np.ndarray, np.ndarray]:
    """Rows for training and testing as a `split.json` says; photos it does not name are left."""
    try:
        named = json.loads(path.read_text(encoding="utf-8"))
        parts = [set(named["train"]), set(named["validation"])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnownfaceError(f"--split {path}: not a split.json of a run ({error})") from None
    rows, held_out = (
        np.array([i for i, photo in enumerate(everyone.photos) if photo in part], np.int64)
        for part in parts
    )
    trained = np.bincount(everyone.labels[rows], minlength=len(everyone.people))
    if not trained.all():
        name = everyone.people[int(trained.argmin())]
        raise KnownfaceError(f"--split {path}: has no usable training photo of {name}")
    return rows, held_out


def _usable(everyone: Portraits) -> Portraits:
    """Drop people without a single usable face; at least two must remain."""
    counts = np.bincount(everyone.labels, minlength=len(everyone.people))
    notes = list(everyone.notes)
    for name, count in zip(everyone.people, counts, strict=True):
        if count < 2:
            what = (
                "only one usable photo; cannot be tested" if count else "no usable photo; left out"
            )
            log.warning("%s: %s", name, what)
            notes.append(Note("", name, "few_photos", what))
    present = np.flatnonzero(counts)
    if len(present) < 2:
        found = f"only {everyone.people[present[0]]}" if len(present) else "nobody"
        bad = [note for note in everyone.notes if note.kind in ("unreadable", "no_face")]
        first = f" ({bad[0].photo}: {bad[0].detail})" if bad else ""
        raise KnownfaceError(
            f"{everyone.root}: {found} with a usable face{first}; a recogniser needs at least two "
            "people, one sub-folder each"
        )
    return replace(
        everyone,
        people=tuple(everyone.people[i] for i in present),
        labels=np.searchsorted(present, everyone.labels),
        notes=tuple(notes),
    )


def measure(
    photos: TrainingPhotos,
    embedder: Embedder,
    templates: np.ndarray | None,
    backbone: Backbone,
    config: TrainingConfig,
    about: dict[str, Any],
) -> tuple[Recognizer, Evaluation]:
    """Enroll the training part, calibrate, and evaluate on the rest.

    templates: those of a tuned network's head (p, d); None for a frozen one, which enrolls means
        and whose own people may stand for strangers.
    """
    frozen = templates is None
    photos = photos if frozen else photos.embedded_by(embedder)
    seen = photos.training
    gallery = Gallery.enroll(
        seen.people, seen.embeddings, seen.labels, seen.photos, seen.digests, templates
    )
    aside = photos.strangers.embeddings[photos.calibration] if photos.strangers else None
    impostors = backbone.impostors if config.weights is None else None
    threshold = calibrate(gallery, aside, config.far_target, frozen, impostors)
    recognizer = Recognizer(embedder, gallery, backbone.crop, threshold, config.faces, about)
    evaluation = evaluate(recognizer, photos.testing, photos.strangers, photos.untouched)
    return recognizer, evaluation


# ---------------------------------------------------------------- recipes
def finetune_seed(
    model: keras.Model,
    photos: TrainingPhotos,
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
    from knownface.losses import Classifier, CosineHead

    keras.utils.set_random_seed(config.seed)
    training, testing = photos.training, photos.testing
    classes = len(training.people)
    epochs = config.epochs or backbone.seed_epochs
    steps = -(-len(training) // config.batch_size)
    head = CosineHead(classes, name="head")
    answers = keras.utils.to_categorical(training.labels, classes)
    checks = (testing.crops, keras.utils.to_categorical(testing.labels, classes))
    rows = []
    with computing_in(model, config.precision):
        crops = keras.Input(model.input_shape[1:], dtype="uint8", name="crops")
        embeddings = model(seed_augmentation()(crops))
        loss = config.loss or backbone.loss
        network = Classifier(crops, head, embeddings, loss, warm_up=epochs * steps // 5)
        network.compile(
            optimizer=keras.optimizers.Adam(config.learning_rate),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            # XLA is slower than plain graphs on CPUs; JAX has nothing else.
            jit_compile=keras.backend.backend() == "jax",
        )
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
            write_history(work / "history.csv", rows)
            shown = ", ".join(f"{key} {values[-1]:.3f}" for key, values in history.items())
            log.info("epoch %d/%d: %s", epoch + 1, epochs, shown)
            if not np.isfinite(rows[-1]["loss"]):
                raise KnownfaceError(
                    f"Training diverged in epoch {epoch + 1} (loss {rows[-1]['loss']}); lower "
                    f"--learning-rate from {config.learning_rate:g}"
                )
    return head.templates()


@contextmanager
def computing_in(model: keras.Model, precision: Precision) -> Iterator[None]:
    """Let a float32 model compute in bfloat16 for a while; its variables stay float32."""
    kind = _fast_precision() if precision == "auto" else precision
    log.info("Training in %s on %s", kind, "a GPU" if _has_gpu() else "the CPU")
    layers = [layer for layer in model.layers if kind == "bfloat16" and _may_change(layer)]
    for layer in layers:
        layer.dtype_policy = "mixed_bfloat16"
    try:
        yield
    finally:
        for layer in layers:
            layer.dtype_policy = "float32"


def _may_change(layer: keras.Layer) -> bool:
    """Pixels need more than eight bits of mantissa, and the output's differences decide."""
    return layer.name not in ("crops", "normalise", "embedding")


def _fast_precision() -> Precision:
    """bfloat16 on GPUs and on CPUs with instructions for it; elsewhere it is slower.

    Measured with `mini`, training: 1.7 times float32 with AVX512_BF16; more with AMX.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        flags = ""
    native = {"amx_bf16", "avx512_bf16"} & set(flags.split())
    return "bfloat16" if native or _has_gpu() else "float32"


def _has_gpu() -> bool:
    import keras

    if keras.backend.backend() == "torch":
        import torch

        return bool(torch.cuda.is_available())
    return any(device.startswith("gpu") for device in keras.distribution.list_devices())


# ---------------------------------------------------------------- network
def load_network(
    backbone: Backbone, config: TrainingConfig, track: Track
) -> tuple[keras.Model, dict[str, Any]]:
    """The Keras model, and what the artifact records of the weights it started from."""
    try:
        import knownface.layers  # noqa: F401 - imports Keras quietly
    except ImportError:
        raise KnownfaceError("Training needs Keras; pip install 'knownface[train]'") from None
    import keras

    keras.utils.set_random_seed(config.seed)
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
    folder.mkdir(exist_ok=True)
    model.save(folder / "embedder.keras")
    export_onnx(model, folder / "embedder.onnx")
    return Embedder(folder / "embedder.onnx", device)


# ---------------------------------------------------------------- facts
def _candidate(name: str, evaluation: Evaluation, seconds: float) -> dict[str, Any]:
    return {
        "name": name,
        "accuracy": evaluation.accuracy,
        "dir_at_far_0.01": evaluation.dir_at_1_percent,
        "seconds": round(seconds, 2),
    }


def _rate(embedder: Embedder, crops: np.ndarray) -> float:
    """Crops embedded per second, over at most 256 of them."""
    sample = crops[:256]
    start = time.perf_counter()
    embedder.embed(sample)
    return round(len(sample) / (time.perf_counter() - start), 1)


def _about(backbone: Backbone, origin: dict[str, Any], config: TrainingConfig) -> dict[str, Any]:
    packages = ("keras", "numpy", "onnx", "openvino", "opencv-python-headless")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        **origin,
        "recipe": config.recipe,
        "licence": backbone.licence,
        "versions": {"knownface": __version__, "python": platform.python_version(), **versions},
    }
