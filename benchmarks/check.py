"""`check` against reading and detecting alone: the ratio of their times, and the memory of each.

    python benchmarks/check.py FOLDER... [--times 4] [--rounds 3] [--backbone mobilefacenet]

Folders of people are put together; with `--times` every photo so many times, each time turned,
shifted, mirrored and lit anew. Each turn is a process of its own; they take turns, and medians
count. `check` starts with an empty crop cache and fills it, as the command does.
Processor time is shown too, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np

from knownface.faces.photo import read_image, write_image


@dataclass(frozen=True)
class Turn:
    """How many photos, seconds, processor seconds of all threads, and MiB that memory grew."""

    photos: int
    seconds: float
    processor: float
    grown: float


def work(root: Path, backbone: str, whole: bool, share: float, pipe: Connection) -> None:
    from dataclasses import replace

    from knownface.dataset.folder import scan
    from knownface.diagnosis.check import diagnose
    from knownface.embed.frozen import backbone_embedder
    from knownface.embed.stream import FacePipeline
    from knownface.faces.crops import FaceCropper
    from knownface.faces.detectors import load_detector
    from knownface.networks.zoo import get_backbone
    from knownface.pages.check import write_check

    record = get_backbone(backbone)
    detector, embedder = load_detector(), backbone_embedder(record)
    dataset = scan(root)
    some = slice(None, None, round(1 / share))
    dataset = replace(dataset, paths=dataset.paths[some], labels=dataset.labels[some])
    count = len(dataset.paths)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as empty:
        os.environ["XDG_CACHE_HOME"] = empty
        cropper = FaceCropper(record.crop, detector, cache=whole)
        start, processor = time.perf_counter(), time.process_time()
        if whole:
            pipeline = FacePipeline(cropper, embedder)
            write_check(Path(empty) / "page.html", diagnose(dataset, pipeline))
        else:
            for _ in cropper.crop_photos(dataset.paths):
                pass
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    pipe.send(Turn(count, seconds, processor, grown / 1024))


def turn(root: Path, backbone: str, whole: bool, share: float = 1.0) -> Turn:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=work, args=(root, backbone, whole, share, there))
    process.start()
    there.close()
    result = here.recv()
    process.join()
    print(f"{'check' if whole else 'reading and detecting'}: {result}", flush=True)
    return result


def changed(photo: Path, rng: np.random.Generator) -> np.ndarray:
    """A photo, turned by some degrees, shifted by some percent, mirrored or not, and lit anew."""
    image = read_image(photo)
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 4), 1.0)
    matrix[:, 2] += rng.normal(0, 0.02, 2) * (width, height)
    image = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.5:
        image = image[:, ::-1]
    light = 255 * rng.uniform(0.7, 1.0) * (np.arange(256) / 255) ** np.exp(rng.normal(0, 0.2))
    return cv2.LUT(np.ascontiguousarray(image), light.astype(np.uint8))


def put_together(folders: list[Path], root: Path, times: int) -> None:
    """All people in one folder: links to their photos, or `times` changed copies of each."""
    rng = np.random.default_rng(0)
    for number, folder in enumerate(folders):
        for person in sorted(path for path in folder.iterdir() if path.is_dir()):
            place = root / f"{number}-{person.name}"
            place.mkdir()
            for photo in sorted(person.iterdir()):
                if not times:
                    (place / photo.name).symlink_to(photo.resolve())
                for again in range(times):
                    write_image(place / f"{photo.stem}-{again}.jpg", changed(photo, rng))


def show(what: str, alone: list[float], whole: list[float]) -> None:
    ratios = [w / a for a, w in zip(alone, whole, strict=True)]
    print(
        f"{what}: reading and detecting {statistics.median(alone):.1f} s, "
        f"check {statistics.median(whole):.1f} s, "
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--times", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="mobilefacenet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        put_together(options.folders, root, options.times)
        alone, whole = [], []
        for _ in range(options.rounds):
            alone.append(turn(root, options.backbone, False))
            whole.append(turn(root, options.backbone, True))
        quarter = turn(root, options.backbone, True, 0.25)
    print(f"{alone[0].photos} photos")
    show("time", [t.seconds for t in alone], [t.seconds for t in whole])
    show("processor", [t.processor for t in alone], [t.processor for t in whole])
    print(f"memory: {alone[0].grown:.0f} MiB alone, {whole[0].grown:.0f} MiB check; "
          f"{quarter.grown:.0f} MiB for {quarter.photos} photos")  # fmt: skip


if __name__ == "__main__":
    main()
