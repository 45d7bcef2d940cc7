"""`check` against reading and detecting alone: the ratio of their times, and the memory of each.

    python benchmarks/check.py FOLDER... [--rounds 3] [--backbone mobilefacenet]

Folders of people are put together by links. Each turn is a process of its own; they take turns,
and medians count. `check` starts with an empty crop cache and fills it, as the command does.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path


def work(root: Path, backbone: str, whole: bool, share: float, pipe: Connection) -> None:
    from dataclasses import replace

    from knownface.backbones import get_backbone
    from knownface.crops import FaceCropper
    from knownface.dataset import scan
    from knownface.detection import load_detector
    from knownface.doctor import diagnose
    from knownface.doctor_page import render_page
    from knownface.export import backbone_embedder

    record = get_backbone(backbone)
    detector, embedder = load_detector(), backbone_embedder(record)
    dataset = scan(root)
    count = round(len(dataset.paths) * share)
    dataset = replace(dataset, paths=dataset.paths[:count], labels=dataset.labels[:count])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as empty:
        os.environ["XDG_CACHE_HOME"] = empty
        cropper = FaceCropper(record.crop, detector, cache=whole)
        start = time.perf_counter()
        if whole:
            render_page(diagnose(dataset, cropper, embedder))
        else:
            for _ in cropper.crop_photos(dataset.paths):
                pass
        seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    pipe.send((count, seconds, grown / 1024))


def turn(root: Path, backbone: str, whole: bool, share: float = 1.0) -> tuple[int, float, float]:
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=work, args=(root, backbone, whole, share, there))
    process.start()
    there.close()
    result = here.recv()
    process.join()
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backbone", default="mobilefacenet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for number, folder in enumerate(options.folders):
            for person in sorted(path for path in folder.iterdir() if path.is_dir()):
                (root / f"{number}-{person.name}").mkdir()
                for photo in person.iterdir():
                    (root / f"{number}-{person.name}" / photo.name).symlink_to(photo.resolve())
        network = options.backbone
        quarter = turn(root, network, True, 0.25)
        turns = [
            (turn(root, network, False), turn(root, network, True)) for _ in range(options.rounds)
        ]
    ratios = [whole[1] / alone[1] for alone, whole in turns]
    count = turns[0][0][0]
    alone, whole = (statistics.median(pair[i][1] for pair in turns) for i in (0, 1))
    print(f"{count} photos: reading and detecting {alone:.1f} s, check {whole:.1f} s")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"memory: {turns[0][0][2]:.0f} MiB alone, {turns[0][1][2]:.0f} MiB check; "
          f"{quarter[2]:.0f} MiB for {quarter[0]} photos")  # fmt: skip


if __name__ == "__main__":
    main()
