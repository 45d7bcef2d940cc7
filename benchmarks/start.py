"""One photo and one process: what waiting threads of OpenBLAS take of it, and of scikit-learn.

    python benchmarks/start.py RECOGNIZER PHOTO [--rounds 15]

As `knownface` sets it, and as OpenBLAS waits by itself (2^28 cycles), in turns; medians and the
least: processor time and wall clock of `knownface recognize RECOGNIZER PHOTO`, and wall clock of a
logistic regression and of k-means, 2,000 rows of 512 numbers, in a process that has set it so.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

from knownface.cli import WAIT

FITS = """
import time
import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
centres, labels = rng.normal(size=(50, 512)), np.repeat(np.arange(50), 40)
rows = centres[labels] + rng.normal(size=(2000, 512))
for fit in (LogisticRegression(max_iter=60), KMeans(30, n_init=2, random_state=0)) * 2:
    start = time.perf_counter()
    fit.fit(rows, labels)
    print(time.perf_counter() - start)  # the first ones are not counted
"""
WAYS = {"as knownface sets it": dict([WAIT]), "OpenBLAS by itself": {WAIT[0]: "28"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recognizer")
    parser.add_argument("photo")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    recognize = ["-m", "knownface", "recognize", asked.recognizer, asked.photo]
    found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for turn in range(asked.rounds + 1):
        for way, setting in WAYS.items():
            times, _ = spent(recognize, setting)
            fits = spent(["-c", FITS], setting)[1].split()[-2:]
            if turn:  # the first one fills caches
                found[way].append([*times, *map(float, fits)])
    print("| | processor s | wall s | logistic regression s | k-means s |\n|---|---|---|---|---|")
    for way, rounds in found.items():
        columns = zip(*rounds, strict=True)
        cells = (f"{statistics.median(each):.2f} ({min(each):.2f})" for each in columns)
        print(f"| {way} | {' | '.join(cells)} |")


def spent(arguments: list[str], setting: dict[str, str]) -> tuple[tuple[float, float], str]:
    """Processor time and wall clock of a Python process, in seconds, and what it printed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | setting, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr.strip())
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (processor, wall), done.stdout


if __name__ == "__main__":
    main()
