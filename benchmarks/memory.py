"""Peak memory of `train` on photos of 12 megapixels: straight through, and after kill -9.

    python benchmarks/memory.py PEOPLE... [--photos 10000] [--megapixels 12] [--where DIR]

Faces of the given folders of people are enlarged and put before varied backgrounds. Three
processes are measured, recipe `frozen`: one from beginning to end with an empty crop cache; one
with another empty cache that is killed when half of the photos are read; and one with --resume,
which must end with the templates of the first. Memory is what the kernel says was resident at
most, in the process or, looked at every 0.2 s, in it and its children together.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from knownface.recognition.living.gallery import LivingGallery
from knownface.runtime.processors import processors

FOLDERS = 40  # people that are made of the given ones
BYTES = 1_200_000  # at most, of a photo


# ---------------------------------------------------------------- photos
def write_photos(sources: list[Path], root: Path, count: int, megapixels: float) -> None:
    """`count` JPEGs of 4:3 in FOLDERS folders; person k takes the faces of source k, k + n, ..."""
    people = sorted(path for source in sources for path in source.iterdir() if path.is_dir())
    faces = [sorted(path for path in person.iterdir() if path.is_file()) for person in people]
    for number in range(FOLDERS):
        (root / f"person{number:02}").mkdir(parents=True)

    def write(number: int) -> None:
        person, turn = number % FOLDERS, number // FOLDERS
        own = faces[person % len(faces)]
        photo = large_photo(cv2.imread(str(own[turn % len(own)])), number, megapixels)
        (root / f"person{person:02}" / f"{turn:04}.jpg").write_bytes(photo)

    cv2.setNumThreads(1)
    with ThreadPoolExecutor(processors()) as pool:
        for done, _ in enumerate(pool.map(write, range(count)), 1):
            if not done % 1000:
                print(f"{done} photos written", file=sys.stderr, flush=True)


def large_photo(face: np.ndarray, seed: int, megapixels: float) -> bytes:
    """A face, a sixth to a half of the picture's height, before patches of colour: a JPEG."""
    rng = np.random.default_rng(seed)
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    width = round(height * 4 / 3)
    coarse = rng.integers(0, 256, (*rng.integers(3, 30, 2), 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    side = int(height * rng.uniform(1 / 6, 1 / 2))
    face = cv2.convertScaleAbs(face, alpha=rng.uniform(0.8, 1.1), beta=rng.uniform(-10, 10))
    face = cv2.resize(face, (side, side * face.shape[0] // face.shape[1]))
    top = rng.integers(0, height - face.shape[0])
    left = rng.integers(0, width - side)
    image[top : top + face.shape[0], left : left + side] = face
    for quality in range(90, 30, -10):
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= BYTES:
            break
    return data


# ---------------------------------------------------------------- measuring
@dataclass(frozen=True)
class Measured:
    """seconds it ran, most resident MiB, and its exit code."""

    seconds: float
    peak: float
    code: int


def train(data: Path, out: Path, cache: Path, *more: str, stop: Callable[[], bool]) -> Measured:
    """Run `knownface train` and look at its memory; SIGKILL as soon as `stop` says so."""
    command = [
        sys.executable, "-m", "knownface", "train", str(data), "--out", str(out),
        "--backbone", "mobilefacenet", "--recipe", "frozen", "--quiet", *more,
    ]  # fmt: skip
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        process_group=0,
    )
    together = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        together = max(together, resident(process.pid))
        if stop():
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.2)
    _, status, usage = ended
    peak = max(together, usage.ru_maxrss) / 1024
    return Measured(time.perf_counter() - start, peak, os.waitstatus_to_exitcode(status))


def resident(group: int) -> int:
    """KiB of all processes of a group."""
    listed = subprocess.run(["ps", "-eo", "pgid=,rss="], capture_output=True, text=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return sum(int(rss) for pgid, rss in rows if int(pgid) == group)


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same templates, to the last bit."""
    first, second = (LivingGallery(run).read().gallery for run in (one, other))
    return first.people == second.people and np.array_equal(first.templates, second.templates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people", nargs="+", type=Path)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--where", type=Path, help="on a disk with about 1 MB per photo")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.where) as name:
        root, count = Path(name), arguments.photos
        write_photos(arguments.people, root / "data", count, arguments.megapixels)
        size = sum(path.stat().st_size for path in root.rglob("*.jpg"))
        print(f"{count} photos of {arguments.megapixels:g} megapixels, {size / 2**30:.1f} GiB")

        def half_read() -> bool:
            crops = root / "second" / "knownface" / "crops"
            return 2 * sum(1 for _ in crops.glob("??/[!.]*")) >= count

        def never() -> bool:
            return False

        for title, cache, run, more, stop in (
            ("straight through", "first", "run", [], never),
            ("killed half way", "second", "again", [], half_read),
            ("resumed", "second", "again", ["--resume"], never),
        ):
            found = train(root / "data", root / run, root / cache, *more, stop=stop)
            print(f"{title}: peak {found.peak:.0f} MiB, {found.seconds:.0f} s, code {found.code}",
                  flush=True)  # fmt: skip
        print(f"same templates: {same(root / 'run', root / 'again')}")
        shutil.rmtree(root / "data")


if __name__ == "__main__":
    main()
