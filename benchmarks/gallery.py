"""A gallery of a thousand people, and of a hundred thousand and a million templates.

`python benchmarks/gallery.py`: made-up faces in a folder of its own, so that the network plays no
part. How long it takes to enroll people one by one, to read the gallery, and to find the best of
all templates for 1 and for 32 faces; in seconds, milliseconds and MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from knownface.faces.face import Crop
from knownface.files.committed import changed_folder
from knownface.recognition.about import About
from knownface.recognition.artifact import GALLERY, RECORD
from knownface.recognition.gallery import Gallery
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import SeenFace
from knownface.recognition.living.writing import write_gallery
from knownface.recognition.record import Artifact, Decision
from knownface.recognition.threshold import Threshold

WIDTH = 128
BOX = (0.0, 0.0, 100.0, 100.0)


def directions(rng: np.random.Generator, rows: int) -> np.ndarray:
    values = rng.standard_normal((rows, WIDTH), np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def made(folder: Path, people: int) -> LivingGallery:
    """A folder with so many people, of one face each."""
    rows = directions(np.random.default_rng(0), people)
    names = [f"Person {i:07}" for i in range(people)]
    gallery = Gallery(tuple(names), rows, rows, np.arange(people), tuple(names), tuple(names), "x")
    with changed_folder(folder, RECORD) as change:
        aside = folder.parent / "new.sqlite"
        id = write_gallery(aside, gallery)
        change.add(GALLERY, aside)
        aside.unlink()
        threshold = Threshold(0.5, 0.01, "a benchmark")
        decision = Decision([], threshold, Crop("five_point", 112), "cropped", gallery=id)
        change.document = Artifact(folder, decision, About(), {}).to_json()
    return LivingGallery(folder)


def enrolled(folder: Path, people: int, photos: int) -> None:
    gallery, rng = made(folder, 1), np.random.default_rng(1)
    start, times = time.perf_counter(), []
    for number in range(people):
        faces = [
            SeenFace(row, BOX, (640, 480), 0.9, f"{number}-{i}.jpg", f"{number:016}{i:016}",
                     rng.bytes(14_000), np.zeros(14, np.float32))
            for i, row in enumerate(directions(rng, photos))
        ]  # fmt: skip
        begun = time.perf_counter()
        gallery.enroll(f"New {number}", faces)
        times.append(time.perf_counter() - begun)
    took = time.perf_counter() - start
    print(
        f"{people} people x {photos} photos enrolled one by one: {took:.1f} s "
        f"({statistics.median(times[:50]) * 1000:.0f} ms at first, "
        f"{statistics.median(times[-50:]) * 1000:.0f} ms in the end); "
        f"{gallery.path.stat().st_size / 2**20:.0f} MiB on disk"
    )
    print(measured(folder))


def measured(folder: Path) -> str:
    """By a process of its own, whose memory counts."""
    code = "import sys; sys.path.insert(0, sys.argv[2]); import gallery; gallery.look(sys.argv[1])"
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, str(folder), here], capture_output=True,
                          text=True, check=True, env=os.environ)  # fmt: skip
    found = json.loads(done.stdout)
    times = ", ".join(f"{k} face{'s' * (k != '1')} {v:.1f} ms" for k, v in found["match"].items())
    return (
        f"{found['people']:>9} templates: read in {found['read']:.2f} s, matched: {times}; "
        f"{found['resident']:.0f} MiB of memory ({found['before']:.0f} before), {found['kind']}"
    )


def look(folder: str) -> None:
    before, start = resident(), time.perf_counter()
    known = LivingGallery(folder).read().gallery
    read, match, rng = time.perf_counter() - start, {}, np.random.default_rng(2)
    for faces in (1, 32):
        probes, times = directions(rng, faces), []
        for _ in range(7):
            begun = time.perf_counter()
            known.named(probes, 0.5)
            times.append(time.perf_counter() - begun)
        match[faces] = statistics.median(times) * 1000
    print(json.dumps({
        "people": len(known.people), "read": read, "match": match, "before": before,
        "resident": resident(), "kind": str(known.templates.dtype),
    }))  # fmt: skip


def resident() -> float:
    """MiB of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--templates", type=int, nargs="*", default=[100_000, 1_000_000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        enrolled(Path(name) / "enrolled", arguments.people, arguments.photos)
        for count in arguments.templates:
            folder = Path(name) / str(count)
            made(folder, count)
            print(measured(folder), flush=True)


if __name__ == "__main__":
    main()
