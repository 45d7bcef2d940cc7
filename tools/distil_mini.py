"""Teach `mini` to imitate MobileFaceNet: the file that ships inside the package.

    python tools/distil_mini.py --crops cfp.tar celeba.tar glint24.tar --without people strangers

Each archive holds aligned 112-pixel crops as `identity/photo.jpg`. Identities that the teacher
takes for somebody in a folder of `--without` are left out, so that those people can test the
result. What is learned: whatever is done to a crop (geometry, light, size, noise, occlusion), its
embedding should stay the one that the teacher gives to the clean crop, and should have the same
neighbours. Half of the crops are blends of two people, who extend the few identities there are.

Writes `mini.npz` (float16), and a log of the run beside it; a stopped run continues when it is
started again with the same `--out`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from aligned_crops import files, pixels

from knownface.dataset.folder import scan
from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.faces.crops import FaceCropper
from knownface.faces.detectors import load_detector
from knownface.networks.zoo import get_backbone
from knownface.networks.zoo.mini import build
from knownface.stats.metrics import dir_at_far
from knownface.stats.vectors import mean_templates
from knownface.training.views import Changes, Views

import keras  # isort: skip - knownface.networks.layers imports it quietly
from keras import layers, ops

SIZE = 112
MILDER = Changes(small=0.2, lit=0.6, covered=0.5, disturbed=0.5)


@dataclass(frozen=True)
class Stage:
    """A part of the training, in which the learning rate rises to `learning_rate` and falls to 0.

    optimizer: `muon` (Jordan, 2024) orthogonalises what kernels are changed by, and learns half as
        much again from a view as `adamw`.
    crowd: an identity with n crops is shown in proportion to n ** crowd; neighbours: weight of the
        loss on neighbours.
    """

    views: int
    batch: int
    optimizer: Literal["adamw", "muon"]
    learning_rate: float
    crowd: float
    neighbours: float
    changes: Changes


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result.

    blends: how many pairs of people are blended; bank: crops whose similarities, softened by
        `temperature`, count as neighbours.
    same_person: mean similarity from which an identity counts as somebody of `--without`.
    """

    stages: tuple[Stage, ...] = (
        Stage(600_000, 128, "adamw", 4e-3, 1.0, 0.5, Changes()),
        Stage(640_000, 128, "muon", 1e-2, 0.5, 0.5, MILDER),
    )
    warm_up: int = 300
    weight_decay: float = 1e-4
    blends: int = 30_000
    blended_share: float = 0.4
    bank: int = 8192
    temperature: float = 0.1
    same_person: float = 0.55
    seed: int = 0


# ---------------------------------------------------------------- crops and the teacher
def read_archives(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Crops (n, 112, 112, 3) uint8, identity numbers (n,), and identity names."""
    crops, names = [], []
    for path in paths:
        for person, data in files(path):
            crops.append(pixels(data))
            names.append(f"{path.stem}/{person}")
    identities, labels = np.unique(names, return_inverse=True)
    return np.stack(crops), labels, list(identities)


def imitated(teacher: Embedder, crops: np.ndarray) -> np.ndarray:
    """The teacher's mean opinion of crops and their mirror images: (n, 128), unit length."""
    both = teacher.embed(crops) + teacher.embed(np.ascontiguousarray(crops[:, :, ::-1]))
    return both / np.linalg.norm(both, axis=1, keepdims=True)


def known_people(teacher: Embedder, folders: list[Path]) -> np.ndarray:
    """Mean embeddings (p, d) of the people in folders of photos."""
    if not folders:
        return np.zeros((0, teacher.width), np.float32)
    cropper = FaceCropper(get_backbone("mobilefacenet").crop, load_detector(), cache=True)
    means = []
    for folder in folders:
        found = scan(folder)
        photos = list(cropper.crop_photos(found.paths))
        seen = [i for i, photo in enumerate(photos) if photo.faces]
        embeddings = teacher.embed(np.stack([photos[i].crops[0] for i in seen]))
        means.append(mean_templates(embeddings, found.labels[seen], len(found.people)))
    return np.concatenate(means)


def blend_pairs(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Pairs of crops of different people: (count, 2)."""
    pairs = rng.integers(0, len(labels), (2 * count, 2))
    return pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]][:count]


def blend(crops: np.ndarray, pair: np.ndarray) -> np.ndarray:
    """Two aligned faces half and half: somebody who does not exist."""
    return cv2.addWeighted(crops[pair[0]], 0.5, crops[pair[1]], 0.5, 0)


@dataclass(frozen=True)
class Lessons:
    """What is learned from, and what it is checked on.

    crops: (n, 112, 112, 3) uint8; crowd: (n,) how many crops their identity has; pairs: (m, 2)
    rows of crops that are blended; targets: (n + m, d) unit-length embeddings of crops and blends;
    bank: (b, d) of crops alone; check: crops and the people of `--without` whom they show; facts:
    what the log says of all this.
    """

    crops: np.ndarray
    crowd: np.ndarray
    pairs: np.ndarray
    targets: np.ndarray
    bank: np.ndarray
    check: tuple[np.ndarray, np.ndarray]
    facts: dict[str, Any]


def prepare(arguments: argparse.Namespace, settings: Settings) -> Lessons:
    """Read the archives and ask the teacher, whose answers are kept for `--out`'s next start."""
    rng = np.random.default_rng(settings.seed)
    print("Reading crops ...", flush=True)
    crops, labels, identities = read_archives(arguments.crops)
    answers = arguments.out / "teacher.npz"
    if not answers.is_file():
        print("Asking the teacher ...", flush=True)
        teacher = backbone_embedder(get_backbone("mobilefacenet"))
        real = imitated(teacher, crops)
        means = mean_templates(real, labels, len(identities))
        alike = means @ known_people(teacher, arguments.without).T
        spared = np.flatnonzero(alike.max(1, initial=-1) >= settings.same_person)
        person = alike[spared].argmax(1) if len(spared) else spared
        rows = np.flatnonzero(~np.isin(labels, spared))
        pairs = rows[blend_pairs(labels[rows], settings.blends, rng)]
        parts = np.array_split(pairs, -(-len(pairs) // 2048))
        blended = [imitated(teacher, np.stack([blend(crops, p) for p in part])) for part in parts]
        answered = {"real": real, "spared": spared, "person": person, "pairs": pairs}
        np.savez(answers, **answered, blended=np.concatenate(blended))
    with np.load(answers) as kept:
        real, spared, person, pairs, blended = (
            kept[key] for key in ("real", "spared", "person", "pairs", "blended")
        )
    aside = np.isin(labels, spared)
    position = np.cumsum(~aside) - 1
    learned = real[~aside]
    return Lessons(
        crops=crops[~aside],
        crowd=np.bincount(labels)[labels[~aside]],
        pairs=position[pairs],
        targets=np.concatenate([learned, blended]),
        bank=learned[rng.permutation(len(learned))[: settings.bank]],
        check=(crops[aside], person[np.searchsorted(spared, labels[aside])]),
        facts={
            "crops": len(learned),
            "identities": len(identities) - len(spared),
            "left_out": [identities[i] for i in spared],
        },
    )


# ---------------------------------------------------------------- batches
class Batches(keras.utils.PyDataset):
    """Batch i is the same in every run: views (b, 112, 112, 3) and the embeddings to reach."""

    def __init__(self, lessons: Lessons, settings: Settings, stage: Stage, batches: range) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.lessons, self.settings, self.stage, self.batches = lessons, settings, stage, batches
        weight = lessons.crowd ** (stage.crowd - 1)
        self.real = np.cumsum(weight)
        self.blended = np.cumsum(weight[lessons.pairs].prod(1))

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        seed = self.settings.seed * 10_000_019 + self.batches[index]
        rng, view = np.random.default_rng(seed), Views(seed, self.stage.changes)
        crops, pairs, size = self.lessons.crops, self.lessons.pairs, self.stage.batch
        count = len(crops)
        blended = count + drawn(self.blended, rng.random(size))
        rows = drawn(self.real, rng.random(size))
        rows = np.where(rng.random(size) < self.settings.blended_share, blended, rows)
        images = (crops[i] if i < count else blend(crops, pairs[i - count]) for i in rows)
        return np.stack([view(image) for image in images]), self.lessons.targets[rows]


def drawn(cumulated: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Rows drawn in proportion to weights whose running sum is given; chances in [0, 1)."""
    return np.searchsorted(cumulated, chances * cumulated[-1], side="right")


# ---------------------------------------------------------------- student
class StandardisedConvolution(layers.Layer):
    """A convolution whose kernel is standardised per output channel (Brock et al., 2021).

    It learns as well as with batch norm, which costs more than the convolution on a CPU, and is a
    plain convolution afterwards. gain: where the learned scale of each channel starts.
    """

    def __init__(self, filters: int, kernel: int, stride: int, gain: float, name: str) -> None:
        super().__init__(name=name)
        self.filters, self.size, self.stride, self.start = filters, kernel, stride, gain

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.shape = (self.size, self.size, input_shape[-1], self.filters)
        fan_in, exact = int(np.prod(self.shape[:3])), {"autocast": False}
        self.kernel = self.add_weight(  # a matrix, as Muon wants it
            shape=(fan_in, self.filters), initializer="he_normal", name="kernel", **exact
        )
        start = keras.initializers.Constant(self.start)
        self.gain = self.add_weight(shape=(self.filters,), initializer=start, name="gain", **exact)
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def standardised(self) -> keras.KerasTensor:
        mean, variance = ops.moments(self.kernel, axes=0, keepdims=True)
        # 1.71 keeps the variance through a ReLU: sqrt(2 / (1 - 1 / pi)).
        scale = ops.rsqrt(variance * self.kernel.shape[0] + 1e-4) * (1.71 * self.gain)
        return ops.reshape((self.kernel - mean) * scale, self.shape)

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        kernel = ops.cast(self.standardised(), self.compute_dtype)
        padding = "valid" if self.stride > 1 else "same"
        return ops.conv(x, kernel, self.stride, padding) + self.bias


def standardised_convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel: int,
    *,
    name: str,
    stride: int = 1,
    activation: keras.layers.Layer | None = None,
    padding: int = 0,
) -> keras.KerasTensor:
    """What `layers.convolution` gives, while it is learned; residual branches start at nothing."""
    if stride > 1:
        x = layers.ZeroPadding2D(padding)(x)
    gain = 0.0 if name.endswith("_out") else 1.0
    x = StandardisedConvolution(filters, kernel, stride, gain, name)(x)
    return activation(x) if activation else x


def student(dtype: str) -> keras.Model:
    """`mini` as it learns: uint8 crops to float32 embeddings."""
    from knownface.networks.layers import Normalise

    record = get_backbone("mini")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    crops = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    pixels = Normalise(record.format_of(None).pixels)(crops)
    embeddings = build(pixels, standardised_convolution)
    output = layers.Activation("linear", dtype="float32")(embeddings)
    keras.config.set_dtype_policy(policy)
    return keras.Model(crops, output)


def plain_arrays(model: keras.Model) -> dict[str, np.ndarray]:
    """The student's weights under the names and in the form of the shipped network."""
    arrays = {}
    for layer in model.layers:
        if isinstance(layer, StandardisedConvolution):
            arrays[f"{layer.name}/kernel"] = ops.convert_to_numpy(layer.standardised())
            arrays[f"{layer.name}/bias"] = ops.convert_to_numpy(layer.bias)
        else:
            arrays |= {weight.path: ops.convert_to_numpy(weight) for weight in layer.weights}
    return arrays


class Imitation(keras.losses.Loss):
    """Distance to the teacher's embedding, and to its neighbours in a bank (m, d) of embeddings.

    The second part compares how a view relates to everybody, most of all to those who look alike:
    the cross entropy of softened similarities (Tejankar et al., 2021), less its least value.
    """

    def __init__(self, bank: np.ndarray, weight: float, temperature: float) -> None:
        super().__init__(name="imitation")
        self.bank = ops.convert_to_tensor(bank.T)
        self.weight, self.temperature = weight, temperature

    def call(self, targets: keras.KerasTensor, raw: keras.KerasTensor) -> keras.KerasTensor:
        unit = ops.normalize(raw, axis=-1)
        distance = 1 - ops.sum(unit * targets, axis=-1)
        wanted = ops.log_softmax(ops.matmul(targets, self.bank) / self.temperature)
        found = ops.log_softmax(ops.matmul(unit, self.bank) / self.temperature)
        divergence = ops.sum(ops.exp(wanted) * (wanted - found), axis=-1)
        return distance + self.weight * divergence


# ---------------------------------------------------------------- check
def similarity(targets: keras.KerasTensor, raw: keras.KerasTensor) -> keras.KerasTensor:
    """Cosine between teacher and student."""
    return ops.sum(ops.normalize(raw, axis=-1) * targets, axis=-1)


def measure(model: keras.Model, crops: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Rank-1 and DIR at FAR 1 % on identities (labels) that nothing was learned from.

    The first half of the identities is known, by half of their photos; the others are strangers.
    """
    embeddings = model.predict(crops, batch_size=256, verbose=0)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    _, labels = np.unique(labels, return_inverse=True)
    known = labels < (labels.max() + 1) // 2
    even = np.arange(len(labels)) % 2 == 0
    people = np.unique(labels[known & even], return_inverse=True)[1]
    templates = mean_templates(embeddings[known & even], people, int(people.max()) + 1)
    scores = embeddings @ templates.T
    best, right = scores.max(1), scores.argmax(1) == labels
    probes = known & ~even
    found = dir_at_far(best[probes], right[probes], best[~known], 0.01)
    return {"rank1": float(right[probes].mean()), "dir_at_far_0.01": found}


# ---------------------------------------------------------------- story
def learn(
    model: keras.Model, lessons: Lessons, settings: Settings, stage: Stage, out: Path, number: int
) -> None:
    """One stage, from where an earlier start of it stopped, if one did."""
    steps = stage.views // stage.batch
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - settings.warm_up, 0.0, warmup_target=stage.learning_rate,
        warmup_steps=settings.warm_up,
    )  # fmt: skip
    decay = settings.weight_decay
    if stage.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, decay, global_clipnorm=1.0)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gain"])
    else:  # what is not a matrix is left to Adam, at a rate of its own
        optimizer = keras.optimizers.Muon(
            rate, weight_decay=decay, adam_weight_decay=None, adam_lr_ratio=0.3, global_clipnorm=1.0
        )
    loss = Imitation(lessons.bank, stage.neighbours, settings.temperature)
    model.compile(optimizer, loss, metrics=[similarity], jit_compile=False)
    optimizer.build(model.trainable_variables)
    state, first = out / f"stage{number}.weights.h5", 0
    if state.is_file():
        model.load_weights(state)
        first = int(optimizer.iterations)
        print(f"Stage {number}: {first} of {steps} steps were done", flush=True)
    start = time.perf_counter()
    for begin in range(first, steps, 500):
        batches = range(begin, min(begin + 500, steps))
        history = model.fit(Batches(lessons, settings, stage, batches), verbose=0).history
        row = {"stage": number, "step": batches.stop, "seconds": round(time.perf_counter() - start)}
        row |= {key: round(values[-1], 4) for key, values in history.items()}
        if len(lessons.check[0]):
            row |= {key: round(value, 4) for key, value in measure(model, *lessons.check).items()}
        write_log(out, row)
        model.save_weights(out / "part.weights.h5")
        (out / "part.weights.h5").replace(state)
        half = {name: value.astype(np.float16) for name, value in plain_arrays(model).items()}
        np.savez_compressed(out / "mini.npz", **half)


def write_log(out: Path, row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)
    with (out / "log.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--crops", type=Path, nargs="+", required=True)
    parser.add_argument("--without", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/mini"))
    parser.add_argument("--dtype", default="mixed_bfloat16")
    arguments = parser.parse_args()
    settings = Settings()
    arguments.out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    lessons = prepare(arguments, settings)
    facts = {"settings": asdict(settings), "archives": [path.name for path in arguments.crops]}
    write_log(arguments.out, facts | lessons.facts)
    model = student(arguments.dtype)
    for number, stage in enumerate(settings.stages, 1):
        learn(model, lessons, settings, stage, arguments.out, number)


if __name__ == "__main__":
    main()
