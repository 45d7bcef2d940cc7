"""How fast photos are indexed, that kill -9 loses and doubles nothing, and how fast is searching.

    python benchmarks/index.py rate PHOTOS [--faces cropped] [--rounds 3]
    python benchmarks/index.py kill PHOTOS [--faces cropped] [--backbone mini] [--kills 5]
    python benchmarks/index.py search [--rows 1000000]

rate: photos per second of `FacePipeline` alone, without the cache of crops, filling it and reading
it, and of `index` in one process and in two; they take turns, and the medians count. Every way is a
process of its own, whose start does not count. kill: one index that is killed at random moments and
made again, beside one that is not: every photo is in it once, and both have the same rows. search:
seconds and memory of `search` in an index of random faces.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

import knownface
from knownface.cluster import indexing
from knownface.cluster.index import Index
from knownface.cluster.index_changes import compared, photo_files
from knownface.cluster.index_place import Place
from knownface.cluster.index_rows import Rows, face_schema, photo_schema
from knownface.cluster.index_work import Reader, here
from knownface.embed.frozen import frozen_pipeline
from knownface.options import FacesMode
from knownface.progress import silent
from knownface.synthetic.folder import demo

WAYS = ("stream", "stream, cache cold", "stream, cache warm", "index", "index, two processes")


# ---------------------------------------------------------------- rate
def one_way(way: str, photos: Path, faces: FacesMode) -> None:
    """Print photos per second of one way."""
    files = photo_files([photos])[0]
    record, pipeline = frozen_pipeline("auto", faces=faces, cache="cache" in way)
    list(pipeline.embed_photos([next(iter(files))]))
    start = time.perf_counter()
    if way.startswith("stream"):
        for _ in pipeline.embed_photos(list(files)):
            pass
    else:
        with tempfile.TemporaryDirectory() as folder:
            made = Index.create(Place(folder), indexing._terms(record, pipeline))
            work = here(2 if "two" in way else 1)
            with made.writing():
                changes = compared(made, files, [], silent)
                indexing._carried_out(made, changes, Reader.of(pipeline), work, silent)
    print(len(files) / (time.perf_counter() - start))


def rate(photos: Path, faces: FacesMode, rounds: int) -> None:
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for way in WAYS:
                command = [
                    sys.executable,
                    __file__,
                    "one",
                    str(photos),
                    "--faces",
                    faces,
                    "--way",
                    way,
                ]
                environment = os.environ | {"XDG_CACHE_HOME": cache} if "cache" in way else None
                done = subprocess.run(command, capture_output=True, text=True, env=environment)
                rates[way].append(float(done.stdout.splitlines()[-1]))
    for way, found in rates.items():
        median, of = statistics.median(found), statistics.median(rates["stream"])
        each = " ".join(f"{one:.1f}" for one in found)
        print(f"{way:24} {median:7.1f} photos/s, {median / of:.2f} of the stream ({each})")


# ---------------------------------------------------------------- kill
def rows_of(folder: Path) -> list[bytes]:
    """Photos and faces, in an order that says nothing about how they were made."""
    index = Index.open(folder)
    order = [("photo", "ascending"), ("face", "ascending")]
    faces = pa.Table.from_batches(index.faces()).sort_by(order)
    photos = pa.Table.from_batches(index.photos()).sort_by("path")
    found = []
    for table in (photos, faces):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        found.append(sink.getvalue().to_pybytes())
    return found


def kill(photos: Path, backbone: str, faces: str, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        whole, cut = Path(place) / "whole", Path(place) / "cut"

        def command(out: Path) -> list[str]:
            given = ["index", str(photos), "--out", str(out), "--faces", faces]
            given += ["--backbone", backbone, "--quiet"]
            return [sys.executable, "-m", "knownface", *given]

        start = time.perf_counter()
        subprocess.run(command(whole), check=True)
        seconds = time.perf_counter() - start
        print(f"undisturbed: {Index.open(whole)}, {seconds:.0f} s")
        for number in range(kills):
            running = subprocess.Popen(command(cut))
            wait = seconds * chance.uniform(0.5, 1.5) / (kills + 1) + 3
            try:
                running.wait(wait)
                print(f"kill {number + 1}: it had ended")
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
                running.wait()
                there = sum(1 for path in cut.rglob("*.parquet"))
                print(f"kill {number + 1} after {wait:.0f} s: {Index.open(cut)}, {there} files")
        subprocess.run(command(cut), check=True)
        print(f"at the end: {Index.open(cut)}")
        assert rows_of(whole) == rows_of(cut)
        left = {str(path.relative_to(cut)) for path in cut.rglob("*.parquet")}
        assert left == Index.open(cut).files, "files that nothing names"
        print("the same rows, byte by byte, and no file too many")


# ---------------------------------------------------------------- search
def made_up(folder: Path, rows: int) -> None:
    """An index of random faces, without portraits."""
    rng, done = np.random.default_rng(0), 0
    terms = indexing._terms(*frozen_pipeline("auto"))
    index = Index.create(Place(folder), terms)
    while done < rows:
        count = min(65_536, rows - done)
        names = [f"/photos/{done + i:08}.jpg" for i in range(count)]
        embeddings = rng.normal(size=(count, terms.width)).astype(np.float32)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        columns = {
            "photo": names, "digest": ["0" * 32] * count, "face": [0] * count,
            "box": [[0.0] * 4] * count, "landmarks": [[0.0] * 10] * count, "score": [1.0] * count,
            "quality": [1.0] * count, "sharpness": [1.0] * count, "photo_width": [1] * count,
            "photo_height": [1] * count, "taken": [None] * count, "embedding": list(embeddings),
            "portrait": [b""] * count,
        }  # fmt: skip
        photos = [
            {"path": name, "digest": "0" * 32, "bytes": 1, "modified": 1, "faces": 1}
            for name in names
        ]
        faces = pa.table(columns, schema=face_schema(terms.width))
        index.commit(Rows(pa.Table.from_pylist(photos, photo_schema()), faces))
        done += count


def search(rows: int) -> None:

    with tempfile.TemporaryDirectory() as place:
        made_up(Path(place) / "index", rows)
        demo(Path(place) / "people", people=1, photos=1)
        photo = next(Path(place).rglob("people/*/*.jpg"))
        knownface.search(Path(place) / "index", photo)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        start = time.perf_counter()
        found = knownface.search(Path(place) / "index", photo, far=0.5)
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{found.compared:,} faces: {seconds:.2f} s, {after} MB ({before} before)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["rate", "kill", "search", "one"])
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--faces", default="detect")
    parser.add_argument("--backbone", default="auto")
    parser.add_argument("--way", default="")
    for name, default in (("rounds", 3), ("kills", 5), ("seed", 0), ("rows", 1_000_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    if asked.what == "rate":
        rate(asked.photos, asked.faces, asked.rounds)
    elif asked.what == "kill":
        kill(asked.photos, asked.backbone, asked.faces, asked.kills, asked.seed)
    elif asked.what == "search":
        search(asked.rows)
    else:
        one_way(asked.way, asked.photos, asked.faces)


if __name__ == "__main__":
    main()
