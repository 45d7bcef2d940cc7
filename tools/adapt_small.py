"""Teach a network faces of few pixels: the `small_faces` of its record.

    python tools/adapt_small.py mobilefacenet --crops cfp.tar celeba.tar --without people strangers

As `distil_mini.py`, but the pupil begins as its teacher, and is shown little: whatever a camera
makes of a crop with 10 to 36 pixels, its embedding should stay the one that the network gives to
the crop itself, and should have the same neighbours. `--aside` identities of the first archive are
learned nothing from, and say how it goes: DIR at FAR 1 % on faces of 20 pixels with noise.

Writes OUT.npz: what is to be added to each kernel and bias, in float16.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from distil_mini import Imitation, imitated, known_people, measure, read_archives, similarity

from knownface.embed.frozen import backbone_embedder
from knownface.networks.load import load_backbone
from knownface.networks.zoo import get_backbone
from knownface.stats.vectors import mean_templates
from knownface.training.precision import computing_in
from knownface.training.views import Changes, Views

import keras  # isort: skip - knownface.networks.layers imports it quietly

SEED, BATCH, RATE = 0, 64, 3e-4
NEIGHBOURS, TEMPERATURE, BANK = 0.5, 0.1, 8192
SAME_PERSON = 0.55  # mean similarity from which an identity counts as somebody of `--without`
CHANGES = Changes(moved=0.7, lit=0.5, covered=0.2, disturbed=2.0)
SIDES, CLEAR = (10.0, 36.0), 0.1  # pixels of the crop, and the share of views that keep all


class FewPixels(Views):
    """Views as a camera far away has them."""

    def _side(self, size: int) -> int:
        if self.rng.random() < CLEAR:
            return size
        return round(float(np.exp(self.rng.uniform(*np.log(SIDES)))))


class Batches(keras.utils.PyDataset):
    """Views (b, 112, 112, 3) and the embeddings to reach; the same in every run."""

    def __init__(self, crops: np.ndarray, targets: np.ndarray, batches: range) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.crops, self.targets, self.batches = crops, targets, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        seed = 1_000_003 * (SEED + 1) + self.batches[index]
        rows = np.random.default_rng(seed).integers(0, len(self.crops), BATCH)
        view = FewPixels(seed, CHANGES)
        return np.stack([view(self.crops[row]) for row in rows]), self.targets[rows]


def far_away(crops: np.ndarray, size: int) -> np.ndarray:
    """Crops with so many pixels and noise of 6 grey levels."""
    rng, found = np.random.default_rng(1), []
    for crop in crops:
        small = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
        grain = np.clip(small + rng.normal(0, 6, small.shape), 0, 255).astype(np.uint8)
        found.append(cv2.resize(grain, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC))
    return np.stack(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("backbone")
    parser.add_argument("--crops", type=Path, nargs="+", required=True)
    parser.add_argument("--without", type=Path, nargs="*", default=[])
    parser.add_argument("--aside", type=int, default=60)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--out", type=Path, default=Path("runs/small_faces.npz"))
    given = parser.parse_args()
    keras.utils.set_random_seed(SEED)
    crops, labels, identities = read_archives(given.crops)
    backbone = get_backbone(given.backbone)
    teacher = backbone_embedder(backbone)
    targets = imitated(teacher, crops)
    means = mean_templates(targets, labels, len(identities))
    alike = (means @ known_people(teacher, given.without).T).max(1, initial=-1) >= SAME_PERSON
    first = [name.startswith(given.crops[0].stem + "/") for name in identities]
    aside = np.flatnonzero(~alike & np.array(first))[: given.aside]
    check, learned = np.isin(labels, aside), ~np.isin(labels, [*aside, *np.flatnonzero(alike)])
    rng = np.random.default_rng(SEED)
    learned_targets = targets[learned]
    bank = learned_targets[rng.permutation(len(learned_targets))[:BANK]]
    print(f"{learned.sum()} crops; {alike.sum()} identities left out", flush=True)

    model = load_backbone(given.backbone)
    before = [value.copy() for value in model.get_weights()]
    tests = {size: far_away(crops[check], size) for size in (20, 14)}

    def report(**row: object) -> None:
        for size, some in tests.items():
            row |= {f"{size} {key}": round(value, 4)
                    for key, value in measure(model, some, labels[check]).items()}  # fmt: skip
        print(json.dumps(row), flush=True)

    with computing_in(model, "auto"):
        inputs = keras.Input(model.input_shape[1:], dtype="uint8")
        pupil = keras.Model(inputs, model(inputs))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, given.steps - given.steps // 20, warmup_target=RATE,
            warmup_steps=given.steps // 20,
        )  # fmt: skip
        loss = Imitation(bank, NEIGHBOURS, TEMPERATURE)
        pupil.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), loss, metrics=[similarity],
                      jit_compile=False)  # fmt: skip
        report(step=0)
        start = time.perf_counter()
        for begin in range(0, given.steps, 300):
            batches = range(begin, min(begin + 300, given.steps))
            row = pupil.fit(
                Batches(crops[learned], learned_targets, batches), verbose=0, shuffle=False
            ).history
            report(step=batches.stop, seconds=round(time.perf_counter() - start),
                   **{key: round(values[-1], 4) for key, values in row.items()})  # fmt: skip
            added = zip(model.weights, before, strict=True)
            arrays = {w.path: (keras.ops.convert_to_numpy(w) - b) for w, b in added}
            np.savez_compressed(given.out, **{k: v.astype(np.float16) for k, v in arrays.items()})


if __name__ == "__main__":
    main()
