"""One recogniser in many threads: is every answer that of one thread, and how many come a second?

    python benchmarks/threads.py RECOGNIZER FOLDER [--photos 160] [--calls 2000] [--rounds 3]

FOLDER holds photos, as deep as may be. The numbers of threads take turns; medians count.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from knownface.faces.photo import SUFFIXES
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import Recognition

THREADS = (1, 2, 4, 32)


def answers(recognizer: Recognizer, photos: list[Path], threads: int) -> list[Recognition | str]:
    def ask(photo: Path) -> Recognition | str:
        try:
            return recognizer.recognize(photo)
        except Exception as error:  # noqa: BLE001 - counted below
            return f"{type(error).__name__}: {error}"

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(ask, photos))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recognizer", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=160)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = sorted(p for p in options.folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    photos = found[:: max(1, len(found) // options.photos)][: options.photos]
    recognizer = Recognizer.load(options.recognizer)
    expected = answers(recognizer, photos, 1)

    calls = list(itertools.islice(itertools.cycle(photos), options.calls))
    right = list(itertools.islice(itertools.cycle(expected), options.calls))
    given = answers(recognizer, calls, THREADS[-1])
    failed = sum(isinstance(each, str) for each in given)
    wrong = sum(one != other for one, other in zip(given, right, strict=True)) - failed
    print(
        f"{len(calls)} calls in {THREADS[-1]} threads on {len(photos)} photos: {failed} failed, "
        f"{wrong} gave another answer than one thread",
        flush=True,
    )
    rates: dict[int, list[float]] = {threads: [] for threads in THREADS}
    for _ in range(options.rounds):
        for threads, measured in rates.items():
            start = time.perf_counter()
            answers(recognizer, photos, threads)
            measured.append(len(photos) / (time.perf_counter() - start))
    for threads, measured in rates.items():
        rate = statistics.median(measured)
        print(
            f"{threads} threads: {rate:.0f} photos/s ({min(measured):.0f} to {max(measured):.0f})"
        )
    print(recognizer.embedder.device)


if __name__ == "__main__":
    main()
