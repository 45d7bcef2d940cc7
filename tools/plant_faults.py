"""Plant known faults in a copy of a folder of people, and count how many `check` finds.

    python tools/plant_faults.py PEOPLE [--backbone mini] [--seed 0] [--rounds 1] [--share 1]
        [--per-person 40 | --imbalanced] [--at-least 1]

Prints found / planted by kind, and which photos of the folder as it is are named in any problem.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

# What counts as finding a planted fault; a strong blur may leave no face to be seen.
ACCEPTED = {
    "mislabel": {"mislabel"},
    "duplicate": {"duplicate", "near_duplicate"},
    "two_names": {"two_names"},
    "blurred": {"blurred"},
    "unreadable": {"unreadable"},
    "no_face": {"no_face"},
    "dark": {"dark"},
    "too_small": {"too_small"},
}
COUNTS = {"mislabel": 12, "duplicate": 10, "two_names": 6, "blurred": 5, "unreadable": 5,
          "no_face": 3, "dark": 4, "too_small": 4}  # fmt: skip
FACE = 0.6  # width of a face relative to its photo in a folder of head crops


def copy_people(
    source: Path,
    target: Path,
    rng: np.random.Generator,
    counts: list[int] | int,
    at_least: int = 1,
) -> Path:
    """A random choice of each person's photos; people with fewer than `at_least` stay away."""
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    folders = [folder for folder in folders if len(list(folder.iterdir())) >= at_least]
    for number, folder in enumerate(folders):
        photos = sorted(folder.iterdir())
        count = counts if isinstance(counts, int) else counts[number % len(counts)]
        (target / folder.name).mkdir(parents=True)
        for index in rng.permutation(len(photos))[:count]:
            shutil.copy(photos[index], target / folder.name)
    return target


def plant(
    root: Path, seed: int, counts: dict[str, int] = COUNTS
) -> dict[str, list[tuple[str, ...]]]:
    """Damage `root` in place; for each kind the photos of which one must be named."""
    rng = np.random.default_rng(seed)
    photos = sorted(root.glob("*/*.jpg"))
    photos = [photos[i] for i in rng.permutation(len(photos))]
    people = sorted({photo.parent for photo in photos})
    truth: dict[str, list[tuple[str, ...]]] = defaultdict(list)

    def elsewhere(photo: Path) -> Path:
        others = [person for person in people if person != photo.parent]
        return others[rng.integers(len(others))]

    def record(kind: str, *paths: Path) -> None:
        truth[kind].append(tuple(path.relative_to(root).as_posix() for path in paths))

    for number in range(counts.get("mislabel", 0)):
        photo = photos.pop()
        record("mislabel", photo.rename(elsewhere(photo) / f"m{number}-{photo.name}"))
    for number in range(counts.get("duplicate", 0)):
        photo = photos.pop()
        copy = photo.with_name(f"copy{number}-{photo.name}")
        if number % 2:
            Image.open(photo).save(copy, quality=int(rng.integers(50, 95)))
        else:
            shutil.copy(photo, copy)
        record("duplicate", photo, copy)
    for number in range(counts.get("two_names", 0)):
        photo = photos.pop()
        copy = elsewhere(photo) / f"n{number}-{photo.name}"
        _altered(Image.open(photo), number, rng).save(copy, quality=int(rng.integers(50, 90)))
        record("two_names", photo, copy)
    damage: dict[str, Callable[[Path, int], None]] = {
        "blurred": lambda path, number: _blur(path, 0.02 + 0.01 * (number % 5)),
        "dark": lambda path, _: _save(Image.open(path).point(lambda v: int(v * 0.15)), path),
        "too_small": lambda path, number: _shrink(path, 16 + number % 5),
        "unreadable": _break,
        "no_face": lambda path, number: _save(_scenery(rng, number), path),
    }
    for kind, work in damage.items():
        for number in range(counts.get(kind, 0)):
            photo = photos.pop()
            work(photo, number)
            record(kind, photo)
    return dict(truth)


def _save(image: Image.Image, path: Path) -> None:
    image.save(path, quality=90)


def _altered(image: Image.Image, number: int, rng: np.random.Generator) -> Image.Image:
    """Re-compressed only, cut by up to 6 % on each side, resized, or both."""
    width, height = image.size
    if number % 4 in (1, 3):
        left, top, right, bottom = rng.uniform(0, 0.06, 4) * [width, height, width, height]
        image = image.crop((int(left), int(top), int(width - right), int(height - bottom)))
    if number % 4 in (2, 3):
        scale = rng.uniform(0.5, 0.9)
        image = image.resize((int(image.width * scale), int(image.height * scale)))
    return image


def _blur(path: Path, share: float) -> None:
    image = Image.open(path)
    _save(image.filter(ImageFilter.GaussianBlur(share * FACE * min(image.size))), path)


def _shrink(path: Path, face: int) -> None:
    image = Image.open(path)
    scale = face / (FACE * min(image.size))
    _save(image.resize((int(image.width * scale), int(image.height * scale))), path)


def _break(path: Path, number: int) -> None:
    whole = path.read_bytes()
    path.write_bytes([whole[: len(whole) // 3], b"", b"not a photo"][number % 3])


def _scenery(rng: np.random.Generator, number: int) -> Image.Image:
    """Noise of one scale, a slope of brightness, or a chequerboard."""
    if number % 3 == 0:
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        return coarse.resize((240, 240), Image.Resampling.BICUBIC)
    row, column = np.mgrid[:240, :240]
    plane = row if number % 3 == 1 else (row // 30 + column // 30) % 2 * 200
    return Image.fromarray(plane.astype(np.uint8)).convert("RGB")


# ---------------------------------------------------------------- measuring
def measure(
    source: Path,
    backbone: str,
    seed: int,
    counts: list[int] | int,
    at_least: int,
    planted: dict[str, int],
) -> Counter:
    """Found, planted and false alarms of one round."""
    from knownface.pages.verbs import check

    result: Counter = Counter()
    with tempfile.TemporaryDirectory() as name:
        rng = np.random.default_rng(seed)
        root = copy_people(source, Path(name) / "people", rng, counts, at_least)
        clean = check(root, backbone=backbone)
        named = sorted({problem.photo for problem in clean.problems if problem.photo})
        result["photos"], result["named"] = len(clean.photos), len(named)
        for problem in clean.problems:
            if problem.photo:
                result[f"{problem.kind} named"] += 1
            if problem.photo and seed == 0:
                print(f"  {problem.kind:15} {problem.photo}  {problem.detail}")
        truth = plant(root, seed, planted)
        problems = check(root, backbone=backbone).problems
        touched = {photo for cases in truth.values() for photos in cases for photo in photos}
        result["others"] = len({p.photo for p in problems if p.photo} - touched - set(named))
        for kind, cases in truth.items():
            found = {p.photo for p in problems if p.kind in ACCEPTED[kind]}
            for photos in cases:
                result[f"{kind} planted"] += 1
                result[f"{kind} found"] += bool(found & set(photos))
                if not found & set(photos):
                    said = [(p.kind, p.detail) for p in problems if p.photo in photos]
                    print(f"  missed (seed {seed}): {kind} {photos} {said}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("people", type=Path)
    parser.add_argument("--backbone", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-person", type=int, default=40)
    parser.add_argument("--imbalanced", action="store_true", help="1 to 50 photos per person")
    parser.add_argument("--at-least", type=int, default=1, help="photos that a person must have")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of faults")
    options = parser.parse_args()
    counts = [50, 1, 25, 5, 10] if options.imbalanced else options.per_person
    planted = {kind: max(1, round(n * options.share)) for kind, n in COUNTS.items()}
    total: Counter = Counter()
    for seed in range(options.seed, options.seed + options.rounds):
        total += measure(options.people, options.backbone, seed, counts, options.at_least, planted)
    for kind in COUNTS:
        print(f"{kind:12} {total[f'{kind} found']:4} / {total[f'{kind} planted']}")
    named, photos = total["named"], total["photos"]
    print(f"photos of the unchanged folder that are named: {named} / {photos}")
    kinds = {kind: n for kind, n in total.items() if kind.endswith(" named")}
    print("  " + ", ".join(f"{kind.removesuffix(' named')} {n}" for kind, n in kinds.items()))
    print(f"others that are named once faults are planted: {total['others']}")


if __name__ == "__main__":
    main()
