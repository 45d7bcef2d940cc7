"""Every recipe on every kind of photo: accuracy, and DIR at FAR 1 %, with 95 % intervals.

    python benchmarks/recipes.py PEOPLE STRANGERS --backbone mobilefacenet --photos 20 --seeds 3

Faces are cropped once; then every crop, of strangers too, goes through a condition, and a folder of
such crops is trained on with `--faces cropped`, N photos of each person for training and the others
for testing. Prints a Markdown table and appends each measurement to `--log`; what is in the log
already is not measured again.

Conditions: clean; 20px and 14px (reduced to that, noise of 6 grey levels, enlarged again); grey
(grey, with a lamp from one side); wrong (5 % of the training photos lie in another folder; not
where a person has only one).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

import knownface
from knownface.dataset.folder import scan
from knownface.faces.crops import FaceCropper
from knownface.faces.detectors import load_detector
from knownface.networks.zoo import get_backbone
from knownface.stats.intervals import wilson_interval
from knownface.stats.metrics import dir_at_far

CONDITIONS = ("clean", "20px", "14px", "grey", "wrong")
METHODS = ("frozen", "logistic", "seed", "best")
TESTED = 16  # photos of each person that are tested on


def crops_of(folder: Path, backbone: str) -> tuple[np.ndarray, np.ndarray]:
    """The largest face of every photo (n, size, size, 3), and labels (n,)."""
    found = scan(folder)
    cropper = FaceCropper(get_backbone(backbone).crop, load_detector(), cache=True)
    photos = list(cropper.crop_photos(found.paths))
    rows = [i for i, photo in enumerate(photos) if photo.faces]
    return np.stack([photos[i].crops[0] for i in rows]), found.labels[rows]


def changed(crop: np.ndarray, condition: str, rng: np.random.Generator) -> np.ndarray:
    size = len(crop)
    if condition in ("20px", "14px"):
        small = cv2.resize(crop, (int(condition[:2]),) * 2, interpolation=cv2.INTER_AREA)
        noisy = np.clip(small + rng.normal(0, 6, small.shape), 0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(noisy, (size, size), interpolation=cv2.INTER_CUBIC))
    if condition == "grey":
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
        ends = (0.25, 1.8) if rng.random() < 0.5 else (1.8, 0.25)
        lit = np.clip(grey * np.linspace(*ends, size, dtype=np.float32)[None], 0, 255)
        return np.repeat(lit.astype(np.uint8)[:, :, None], 3, axis=2)
    return crop


def write(folder: Path, crops: np.ndarray, labels: np.ndarray, condition: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for index, (crop, label) in enumerate(zip(crops, labels, strict=True)):
        place = folder / f"{label:03d}" / f"{index:05d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), changed(crop, condition, rng)[:, :, ::-1])


def divide(folder: Path, photos: int, condition: str, seed: int) -> Path:
    """A `split.json` with so many training photos of each person; mislabels some if asked for."""
    rng = np.random.default_rng(1000 + seed)
    parts: dict[str, list[str]] = {"train": [], "validation": []}
    people = sorted(path for path in folder.iterdir() if path.is_dir())
    for person in people:
        names = rng.permutation(sorted(path.name for path in person.iterdir()))
        for part, chosen in (("validation", names[:TESTED]), ("train", names[TESTED:][:photos])):
            parts[part] += [f"{person.name}/{name}" for name in chosen]
        for name in names[TESTED + photos :]:
            (person / name).unlink()
    if condition == "wrong":
        moved = rng.choice(len(parts["train"]), round(0.05 * len(parts["train"])), replace=False)
        for index in moved:
            name = parts["train"][index]
            other = rng.choice([p.name for p in people if p.name != name.split("/")[0]])
            parts["train"][index] = f"{other}/{name.split('/')[1]}"
            shutil.move(folder / name, folder / parts["train"][index])
    path = folder.parent / "split.json"
    path.write_text(json.dumps(parts), encoding="utf-8")
    return path


def measured(cell: dict[str, object], work: Path) -> dict[str, float]:
    """Train one recipe on one folder; photos, accuracy, DIR and seconds."""
    method, seed = str(cell["method"]), int(str(cell["seed"]))
    run = knownface.train(
        work / "people", out=work / f"run-{method}", backbone=str(cell["backbone"]),
        recipe="frozen" if method == "logistic" else method, faces="cropped",
        strangers=str(work / "strangers"), split=str(work / "split.json"), seed=seed,
    )  # fmt: skip
    result = run.evaluation
    found = {"photos": result.tested, "accuracy": result.accuracy, "seconds": result.seconds}
    found["dir"] = float(result.dir_at_1_percent or 0)
    if method == "logistic":
        found |= logistic(run.recognizer, work)
    return found


def logistic(recognizer: knownface.Recognizer, work: Path) -> dict[str, float]:
    """A logistic regression on the frozen embeddings, strangers judged by its probability."""
    gallery = recognizer.gallery
    head = LogisticRegression(C=10.0, max_iter=2000).fit(gallery.embeddings, gallery.labels)
    tested = json.loads((work / "split.json").read_text())["validation"]
    truth = np.array([gallery.people.index(name.split("/")[0]) for name in tested])
    probes, strangers = (
        recognizer.embedder.embed(
            np.stack([cv2.imread(str(p))[:, :, ::-1] for p in paths]),
            mirrored=recognizer.mirrored,
        )
        for paths in (
            [work / "people" / name for name in tested],
            sorted((work / "strangers").rglob("*.png")),
        )
    )
    shares, others = head.predict_proba(probes), head.predict_proba(strangers).max(1)
    right = shares.argmax(1) == truth
    return {
        "accuracy": float(right.mean()),
        "dir": float(dir_at_far(shares.max(1), right, others, 0.01)),
    }


def cells(arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    for photos in arguments.photos:
        for condition in arguments.conditions:
            for seed in range(arguments.seeds):
                for method in arguments.methods if photos > 1 or condition != "wrong" else ():
                    yield {
                        "backbone": arguments.backbone, "photos": photos, "condition": condition,
                        "seed": seed, "method": method,
                    }  # fmt: skip


def table(rows: list[dict[str, object]], arguments: argparse.Namespace) -> Iterator[str]:
    """Pooled over seeds: accuracy and DIR, each with its Wilson interval."""
    yield "| photos | condition | " + " | ".join(arguments.methods) + " |"
    yield "|---" * (2 + len(arguments.methods)) + "|"
    for photos in arguments.photos:
        for condition in arguments.conditions:
            texts = []
            for method in arguments.methods:
                cell = {"photos": photos, "condition": condition, "method": method}
                cell["backbone"] = arguments.backbone
                some = [row for row in rows if cell.items() <= row.items()]
                texts.append(cell_text([r["result"] for r in some]))  # type: ignore[misc]
            yield f"| {photos} | {condition} | " + " | ".join(texts) + " |"


def cell_text(results: list[dict[str, float]]) -> str:
    if not results:
        return ""
    parts = []
    for key in ("accuracy", "dir"):
        share, count = mean(r[key] for r in results), int(sum(r["photos"] for r in results))
        low, high = wilson_interval(round(share * count), count)
        parts.append(f"{share:.3f} ({low:.3f} to {high:.3f})")
    return "; DIR ".join(parts) + f"; {mean(r['seconds'] for r in results):.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--photos", type=int, nargs="+", default=[1, 3, 5, 20])
    parser.add_argument("--conditions", nargs="+", default=CONDITIONS, choices=CONDITIONS)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--log", type=Path, default=Path("runs/recipes.jsonl"))
    arguments = parser.parse_args()
    people, strangers = (
        crops_of(folder, arguments.backbone) for folder in (arguments.people, arguments.strangers)
    )
    arguments.log.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in arguments.log.open()] if arguments.log.is_file() else []
    done = [{key: row[key] for key in row if key != "result"} for row in rows]
    for cell in cells(arguments):
        if cell in done:
            continue
        with tempfile.TemporaryDirectory() as name:
            work, seed, condition = Path(name), int(str(cell["seed"])), str(cell["condition"])
            write(work / "people", *people, condition, seed)
            write(work / "strangers", *strangers, condition, 500 + seed)
            divide(work / "people", int(str(cell["photos"])), condition, seed)
            row = cell | {"result": measured(cell, work)}
        rows.append(row)
        print(json.dumps(row), flush=True)
        with arguments.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
    print("\n".join(table(rows, arguments)))


if __name__ == "__main__":
    main()
