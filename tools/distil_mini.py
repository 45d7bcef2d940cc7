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
import io
import json
import tarfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from knownface.backbones import get_backbone
from knownface.backbones.mini import build
from knownface.crops import FaceCropper
from knownface.dataset import scan
from knownface.detection import load_detector
from knownface.embedder import Embedder
from knownface.export import backbone_embedder
from knownface.gallery import mean_templates
from knownface.metrics import dir_at_far

import keras  # isort: skip - knownface.layers imports it quietly
from keras import layers, ops

SIZE = 112


@dataclass(frozen=True)
class Settings:
    """Everything that decides the result.

    views: training images in all; blends: how many pairs of people are blended; neighbours:
        weight of the loss on neighbours in a bank of so many crops, whose similarities are softened
        by `temperature`.
    same_person: mean similarity from which an identity counts as somebody of `--without`.
    """

    views: int = 600_000
    batch: int = 128
    learning_rate: float = 4e-3
    warm_up: int = 300
    weight_decay: float = 1e-4
    blends: int = 30_000
    blended_share: float = 0.4
    neighbours: float = 0.5
    bank: int = 8192
    temperature: float = 0.1
    same_person: float = 0.55
    seed: int = 0


# ---------------------------------------------------------------- crops and the teacher
def read_archives(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Crops (n, 112, 112, 3) uint8, identity numbers (n,), and identity names."""
    crops, names = [], []
    for path in paths:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and (stream := archive.extractfile(member)):
                    crops.append(np.asarray(Image.open(io.BytesIO(stream.read())).convert("RGB")))
                    names.append(f"{path.stem}/{Path(member.name).parent.name}")
    identities, labels = np.unique(names, return_inverse=True)
    return np.stack(crops), labels, list(identities)


def imitated(teacher: Embedder, crops: np.ndarray) -> np.ndarray:
    """The teacher's mean opinion of crops and their mirror images: (n, 128), unit length."""
    both = teacher.embed(crops) + teacher.embed(np.ascontiguousarray(crops[:, :, ::-1]))
    return both / np.linalg.norm(both, axis=1, keepdims=True)


def known_people(teacher: Embedder, folders: list[Path]) -> np.ndarray:
    """Mean embeddings (p, 128) of the people in folders of photos."""
    cropper = FaceCropper(get_backbone("mobilefacenet").crop, load_detector(), cache=True)
    means = []
    for folder in folders:
        found = scan(folder)
        photos = list(cropper.crop_photos(found.paths))
        seen = [i for i, photo in enumerate(photos) if photo.faces]
        embeddings = teacher.embed(np.stack([photos[i].crops[0] for i in seen]))
        means.append(mean_templates(embeddings, found.labels[seen], len(found.people)))
    return np.concatenate(means) if means else np.zeros((0, 128), np.float32)


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

    crops: (n, 112, 112, 3) uint8; pairs: (m, 2) rows of crops that are blended; targets: (n + m, d)
    unit-length embeddings of crops and blends; bank: (b, d) of crops alone; check: crops and
    the people of `--without` whom they show; facts: what the log says of all this.
    """

    crops: np.ndarray
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


# ---------------------------------------------------------------- views
class Views:
    """Random changes to a crop (112, 112, 3): what a camera, a detector and the world do."""

    noise = np.random.default_rng(0).normal(0, 1, 1 << 20).astype(np.float32)

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        rng = self.rng
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        crop = self._covered(crop)
        crop = self._lit(crop)
        side = self._side()
        crop = self._moved(crop, side)
        crop = self._disturbed(crop)
        if side < SIZE:
            how = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
            crop = cv2.resize(crop, (SIZE, SIZE), interpolation=how)
        return crop

    def _side(self) -> int:
        """Pixels that the camera had for the crop: often all, else down to 14."""
        if self.rng.random() < 0.55:
            return SIZE
        return round(float(np.exp(self.rng.uniform(np.log(14), np.log(SIZE)))))

    def _moved(self, crop: np.ndarray, side: int) -> np.ndarray:
        """Rotation, scale, shift and stretch around the middle, sampled at `side` pixels."""
        rng = self.rng
        angle = np.deg2rad(rng.normal(0, 5))
        scale, stretch = np.exp(rng.normal(0, 0.05)), np.exp(rng.normal(0, 0.02))
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = rotation @ np.diag([scale * stretch, scale / stretch]) * (side / SIZE)
        shift = rng.normal(0, 2.5, 2) * (side / SIZE)
        middle = (SIZE - 1) / 2
        offset = (side - 1) / 2 + shift - linear @ [middle, middle]
        if side < SIZE / 2:  # averaged before it is sampled
            blur = SIZE / side
            crop = cv2.blur(crop, (round(blur), round(blur)))
        matrix = np.column_stack([linear, offset])
        edge = cv2.BORDER_CONSTANT if rng.random() < 0.5 else cv2.BORDER_REFLECT
        return cv2.warpAffine(crop, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=edge)

    def _lit(self, crop: np.ndarray) -> np.ndarray:
        """Brightness, contrast, gamma, colour temperature, a shadow, grey."""
        rng = self.rng
        if rng.random() < 0.7:
            gamma = np.exp(rng.normal(0, 0.3))
            gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.07, 3))
            ramp = np.arange(256)[:, None] / 255
            curve = (ramp**gamma - 0.5) * gain + 0.5 + rng.normal(0, 0.06)
            crop = cv2.LUT(crop, np.clip(curve * 255, 0, 255).astype(np.uint8)[None])
        if rng.random() < 0.2:
            ends = np.exp(rng.normal(0, 0.5, 2))
            slope = np.linspace(*ends, SIZE, dtype=np.float32)
            field = slope[None, :, None] if rng.random() < 0.7 else slope[:, None, None]
            crop = np.clip(crop * field, 0, 255).astype(np.uint8)
        if rng.random() < 0.15:
            crop = cv2.merge([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)] * 3)
        return crop

    def _covered(self, crop: np.ndarray) -> np.ndarray:
        """A mask, sunglasses, or a patch of anything."""
        rng, kind = self.rng, self.rng.random()
        if kind > 0.2:
            return crop
        crop = crop.copy()
        colour = tuple(map(int, rng.integers(0, 256, 3)))
        if kind < 0.06:  # a mask from the nose down
            top = int(rng.integers(62, 78))
            points = [
                (20, top),
                (56, top - 8),
                (92, top),
                (88, 100),
                (70, 112),
                (42, 112),
                (24, 100),
            ]
            cv2.fillPoly(crop, [np.array(points, np.int32)], colour)
        elif kind < 0.1:  # sunglasses
            dark = tuple(value // 4 for value in colour)
            for x in (38, 74):
                cv2.ellipse(crop, (x, 52), (int(rng.integers(11, 18)), 10), 0, 0, 360, dark, -1)
            cv2.line(crop, (38, 48), (74, 48), dark, 3)
        else:
            w, h = rng.integers(15, 50, 2)
            x, y = rng.integers(0, SIZE - 15, 2)
            crop[y : y + h, x : x + w] = colour
        return crop

    def _disturbed(self, crop: np.ndarray) -> np.ndarray:
        """Blur, noise and JPEG at the camera's own resolution."""
        rng = self.rng
        crop = np.ascontiguousarray(crop)
        if rng.random() < 0.15:
            crop = self._blurred(crop)
        if rng.random() < 0.3:
            start = int(rng.integers(0, len(self.noise) - crop.size))
            grain = self.noise[start : start + crop.size].reshape(crop.shape)
            crop = np.clip(crop + grain * rng.uniform(2, 22), 0, 255).astype(np.uint8)
        if rng.random() < 0.2:
            quality = int(rng.integers(15, 80))
            _, data = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
            crop = cv2.imdecode(data, cv2.IMREAD_COLOR)
        return crop

    def _blurred(self, crop: np.ndarray) -> np.ndarray:
        rng = self.rng
        if rng.random() < 0.6:
            return cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, max(0.8, 0.025 * len(crop))))
        length = max(2, round(rng.uniform(0.03, 0.1) * len(crop)))
        kernel = np.zeros((length, length), np.float32)
        end = tuple(map(int, rng.integers(0, length, 2)))
        cv2.line(kernel, (length // 2, length // 2), end, 1.0)
        return cv2.filter2D(crop, -1, kernel / kernel.sum())


class Batches(keras.utils.PyDataset):
    """Batch i is the same in every run: views (b, 112, 112, 3) and the embeddings to reach."""

    def __init__(self, lessons: Lessons, settings: Settings, batches: range) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.lessons, self.settings, self.batches = lessons, settings, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        seed = self.settings.seed * 10_000_019 + self.batches[index]
        rng, view = np.random.default_rng(seed), Views(seed)
        crops, pairs, size = self.lessons.crops, self.lessons.pairs, self.settings.batch
        real = len(crops)
        blended = real + rng.integers(0, len(pairs), size)
        rows = rng.integers(0, real, size)
        rows = np.where(rng.random(size) < self.settings.blended_share, blended, rows)
        images = (crops[i] if i < real else blend(crops, pairs[i - real]) for i in rows)
        return np.stack([view(image) for image in images]), self.lessons.targets[rows]


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
        shape = (self.size, self.size, input_shape[-1], self.filters)
        exact = {"autocast": False}
        self.kernel = self.add_weight(shape=shape, initializer="he_normal", name="kernel", **exact)
        start = keras.initializers.Constant(self.start)
        self.gain = self.add_weight(shape=shape[-1:], initializer=start, name="gain", **exact)
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros", name="bias")

    def standardised(self) -> keras.KerasTensor:
        mean, variance = ops.moments(self.kernel, axes=(0, 1, 2), keepdims=True)
        fan_in = float(np.prod(self.kernel.shape[:3]))
        # 1.71 keeps the variance through a ReLU: sqrt(2 / (1 - 1 / pi)).
        return (self.kernel - mean) * ops.rsqrt(variance * fan_in + 1e-4) * (1.71 * self.gain)

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
    from knownface.layers import Normalise

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

    def __init__(self, bank: np.ndarray, settings: Settings) -> None:
        super().__init__(name="imitation")
        self.bank = ops.convert_to_tensor(bank.T)
        self.weight, self.temperature = settings.neighbours, settings.temperature

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
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--crops", type=Path, nargs="+", required=True)
    parser.add_argument("--without", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/mini"))
    parser.add_argument("--views", type=int, default=Settings.views)
    parser.add_argument("--dtype", default="mixed_bfloat16")
    arguments = parser.parse_args()
    settings = Settings(views=arguments.views)
    arguments.out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    lessons = prepare(arguments, settings)
    facts = {"settings": asdict(settings), "archives": [path.name for path in arguments.crops]}
    facts |= lessons.facts
    print(json.dumps(facts), flush=True)

    model = student(arguments.dtype)
    steps = settings.views // settings.batch
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - settings.warm_up, 0.0, warmup_target=settings.learning_rate,
        warmup_steps=settings.warm_up,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(rate, settings.weight_decay, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gain"])
    model.compile(
        optimizer, Imitation(lessons.bank, settings), metrics=[similarity], jit_compile=False
    )
    state, log = arguments.out / "state.weights.h5", arguments.out / "log.jsonl"
    first = 0
    model.optimizer.build(model.trainable_variables)
    if state.is_file():
        model.load_weights(state)
        first = int(model.optimizer.iterations)
        print(f"Resumed after {first} of {steps} steps", flush=True)
    else:
        log.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    start = time.perf_counter()
    for begin in range(first, steps, 500):
        batches = range(begin, min(begin + 500, steps))
        views = Batches(lessons, settings, batches)
        history = model.fit(views, verbose=0).history
        row = {"step": batches.stop, "seconds": round(time.perf_counter() - start)}
        row |= {key: round(values[-1], 4) for key, values in history.items()}
        if len(lessons.check[0]):
            row |= {key: round(value, 4) for key, value in measure(model, *lessons.check).items()}
        print(json.dumps(row), flush=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        model.save_weights(arguments.out / "part.weights.h5")
        (arguments.out / "part.weights.h5").replace(state)
        half = {name: value.astype(np.float16) for name, value in plain_arrays(model).items()}
        np.savez_compressed(arguments.out / "mini.npz", **half)


if __name__ == "__main__":
    main()
