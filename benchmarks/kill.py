"""kill -9 at ten random moments: every resume ends well, and as if nothing had happened.

    python benchmarks/kill.py PEOPLE [--recipe seed] [--kills 10] [--seed 0]

Trains once undisturbed; then again and again, killed at a random moment of that time and resumed
with `--resume` (or begun anew, where nothing had been started yet). Each time the run folder must
be complete, the same as the undisturbed one, and the only thing beside it; the undisturbed run,
which is the older one here, must not have been touched.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from knownface.recognition.living.gallery import LivingGallery


def command(arguments: argparse.Namespace, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "knownface", "train", str(arguments.people), "--out", str(out),
        "--backbone", arguments.backbone, "--recipe", arguments.recipe, "--epochs", "6",
        "--quiet", *more,
    ]  # fmt: skip


def same(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same templates, to the last bit."""
    first, second = (LivingGallery(run).read().gallery for run in (one, other))
    return first.people == second.people and np.array_equal(first.templates, second.templates)


def state(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("--backbone", default="mini")
    parser.add_argument("--recipe", default="seed")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        older = Path(name) / "older"
        start = time.perf_counter()
        subprocess.run(command(arguments, older), check=True, stdout=subprocess.DEVNULL)
        seconds, before = time.perf_counter() - start, state(older)
        print(f"undisturbed: {seconds:.0f} s")
        for number in range(1, arguments.kills + 1):
            out, moment = Path(name) / f"run{number}", rng.uniform(0, seconds)
            process = subprocess.Popen(command(arguments, out), stdout=subprocess.DEVNULL)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            half = out.exists() and not (out / "report.html").is_file()
            left = (Path(name) / f".{out.name}.unfinished").is_dir()
            how = "had finished" if out.exists() else "resumed" if left else "begun anew"
            if not out.exists():
                more = ["--resume"] if left else []
                subprocess.run(
                    command(arguments, out, *more), check=True, stdout=subprocess.DEVNULL
                )
            extra = sorted(p.name for p in Path(name).iterdir() if p.name.startswith("."))
            print(
                f"killed after {moment:5.1f} s: {how}, "
                f"half a run left: {half}, same end: {same(older, out)}, beside it: {extra}, "
                f"older run untouched: {state(older) == before}",
                flush=True,
            )


if __name__ == "__main__":
    main()
