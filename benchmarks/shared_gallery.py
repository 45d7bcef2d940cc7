"""A gallery that several servers share, in Milvus.

`python benchmarks/shared_gallery.py milvus://127.0.0.1/measured`: made-up faces, in a database that
is empty or may be emptied. Whether a search in Milvus gives the names that comparing with everybody
gives, by cosine and as MobileFaceNet's embeddings are compared; how long it takes to find one of a
million people, and how often it is the right one; and after how long another process sees a change.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from knownface.faces.face import Crop
from knownface.files.committed import changed_folder
from knownface.networks.zoo import BACKBONES
from knownface.recognition import gallery as galleries
from knownface.recognition.about import About
from knownface.recognition.artifact import GALLERY, RECORD
from knownface.recognition.comparison import COMPARISON, SPACES, Comparison
from knownface.recognition.gallery import Gallery
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import SeenFace
from knownface.recognition.living.shared import read_gallery
from knownface.recognition.living.writing import write_gallery
from knownface.recognition.record import Artifact, Decision
from knownface.recognition.share import share
from knownface.recognition.store import Store
from knownface.recognition.threshold import Threshold

WIDTH, PHOTOS, THRESHOLD = 128, 3, 0.4
BOX = (0.0, 0.0, 100.0, 100.0)


def directions(rng: np.random.Generator, rows: int) -> np.ndarray:
    values = rng.standard_normal((rows, WIDTH), np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def faces_of(rng: np.random.Generator, people: np.ndarray, cosine: float) -> np.ndarray:
    """Faces (n, d) that have so high a cosine with their people (n, d)."""
    apart = directions(rng, len(people))
    apart -= (apart * people).sum(1, keepdims=True) * people
    apart /= np.linalg.norm(apart, axis=1, keepdims=True)
    return cosine * people + np.sqrt(1 - cosine**2) * apart


def made(folder: Path, people: int, comparison: Comparison | None) -> LivingGallery:
    """A folder of invented people with PHOTOS photos each."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(people), PHOTOS)
    faces = faces_of(rng, directions(rng, people)[labels], 0.75)
    small = faces_of(rng, faces, 0.7) if comparison else None
    names = [f"Person {i:07}" for i in range(people)]
    photos = [f"{i}.jpg" for i in range(len(labels))]
    gallery = Gallery.enroll(
        names, faces, labels, photos, photos, contract="x", small=small, comparison=comparison
    )
    with changed_folder(folder, RECORD) as change:
        aside = folder.parent / "new.sqlite"
        id = write_gallery(aside, gallery)
        change.add(GALLERY, aside)
        aside.unlink()
        decision = Decision([], Threshold(THRESHOLD, 0.01, "a benchmark"),
                            Crop("five_point", 112), "cropped", gallery=id)  # fmt: skip
        change.document = Artifact(folder, decision, About(), {}).to_json()
    if comparison:
        comparison.write(folder / COMPARISON)
    return LivingGallery(folder)


# ---------------------------------------------------------------- the same names
def same_names(folder: Path, address: str, people: int, kind: str) -> None:
    file = BACKBONES["mobilefacenet"].comparison
    comparison = Comparison.read(file) if kind != "cosine" and file else None
    exact = made(folder, people, comparison).read().gallery
    started = time.perf_counter()
    share(folder, address)
    put = time.perf_counter() - started
    searched = read_gallery(folder / GALLERY, comparison).gallery
    rng = np.random.default_rng(1)
    known = [faces_of(rng, exact.templates, cosine) for cosine in (0.7, 0.5, 0.35)]
    probes = np.concatenate([*known, directions(rng, people)]).astype(np.float32)
    galleries.SEARCHED = 0
    best, similarity, _ = searched.named(probes, THRESHOLD)
    galleries.SEARCHED = sys.maxsize
    expected, how, _ = exact.named(probes, THRESHOLD)
    named = np.where(similarity >= THRESHOLD, best, -1)
    wanted = np.where(how >= THRESHOLD, expected, -1)
    print(
        f"{people} people, {kind}: put there in {put:.1f} s; of {len(probes)} faces, "
        f"{(wanted >= 0).sum()} named, {(named != wanted).sum()} get another name, "
        f"{(best != expected).sum()} another nearest person; similarities differ by "
        f"{np.abs(similarity - how)[best == expected].max():.1e} at most",
        flush=True,
    )


# ---------------------------------------------------------------- a million
def million(address: str, count: int, asked: int, keep: bool) -> None:
    store, rng = Store(address, create=True), np.random.default_rng(2)
    templates = directions(rng, count)
    if not (keep and store.holds(SPACES[0], [count - 1])):
        emptied(address)
        store = Store(address)
        started = time.perf_counter()
        for start in range(0, count, 50_000):
            some = templates[start : start + 50_000]
            store.place(SPACES[0], range(start, start + len(some)), some)
        put = time.perf_counter() - started
        store.rewrite(SPACES)
        wait_for_index(store, count)
        took = time.perf_counter() - started
        print(f"{count} people: sent in {put:.0f} s, in an index after {took:.0f} s", flush=True)
    store.nearest(SPACES[0], templates[:1])
    for kind, cosine in (("a face with a cosine of 0.7", 0.7), ("0.5", 0.5), ("0.35", 0.35),
                         ("anybody", 0.0)):  # fmt: skip
        who = templates[rng.integers(0, count, asked)]
        faces = faces_of(rng, who, cosine).astype(np.float32)
        right, times = 0, []
        for face in faces:
            begun = time.perf_counter()
            (near,) = store.nearest(SPACES[0], face[None])
            found = near[int((templates[near] @ face).argmax())]
            times.append(1000 * (time.perf_counter() - begun))
            right += found == int((templates @ face).argmax())
        print(
            f"  {kind}: recall@1 {right / asked:.3f}; p50 {np.percentile(times, 50):.1f} ms, "
            f"p99 {np.percentile(times, 99):.1f} ms, one at a time, {asked} asked",
            flush=True,
        )


def emptied(address: str) -> Store:
    store = Store(address, create=True)
    store.drop("number >= -2")
    store.clear(SPACES)
    return store


def wait_for_index(store: Store, count: int) -> None:
    while True:
        state = store.index_of(SPACES[0])
        pending = int(state.get("pending_index_rows", 0))
        if int(state.get("indexed_rows", count)) >= count and not pending:
            return
        time.sleep(2)


# ---------------------------------------------------------------- seen by another process
WATCH = """
import json, sys, time
from knownface.recognition.living.gallery import LivingGallery
gallery = LivingGallery(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    name, there = json.loads(line)
    while (name in gallery.names()) != there:
        time.sleep(0.02)
    print(time.time(), flush=True)
"""


def followed(folder: Path, address: str, people: int, times: int) -> None:
    """How long after a change was acknowledged the other process sees it, and how long it took."""
    emptied(address)
    one = made(folder / "one", people, None)
    shutil.copytree(one.folder, folder / "two")
    started = time.perf_counter()
    share(folder / "one", address)
    put = time.perf_counter() - started
    started = time.perf_counter()
    share(folder / "two", address)
    print(
        f"{people} people: put there in {put:.1f} s, joined in "
        f"{time.perf_counter() - started:.1f} s"
    )
    watcher = subprocess.Popen([sys.executable, "-c", WATCH, str(folder / "two")], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    asked, answered = watcher.stdin, watcher.stdout
    assert asked
    assert answered
    answered.readline()
    rng, took, late = np.random.default_rng(4), dict[str, list[float]](), dict[str, list[float]]()

    def change(verb: str, name: str, there: bool, work: Callable[[], object]) -> None:
        begun = time.time()
        work()
        done = time.time()
        print(json.dumps([name, there]), file=asked, flush=True)
        took.setdefault(verb, []).append(done - begun)
        late.setdefault(verb, []).append(float(answered.readline()) - done)

    for i in range(times):
        (row,) = directions(rng, 1)
        face = SeenFace(row, BOX, (640, 480), 0.9, f"{i}.jpg", f"{i:032}", rng.bytes(14_000),
                        np.zeros(14, np.float32))  # fmt: skip
        enroll = lambda face=face, i=i: one.enroll(f"New {i}", [face])  # noqa: E731
        change("enroll", f"New {i}", True, enroll)
        change("rename", f"Old {i}", True, lambda i=i: one.rename(f"New {i}", f"Old {i}"))
        change("undo", f"Old {i}", False, one.undo)
        change("forget", f"New {i}", False, lambda i=i: one.forget(f"New {i}"))
    asked.close()
    watcher.wait()
    for verb, seconds in took.items():
        print(
            f"  {verb}: {np.median(seconds):.2f} s; seen by the other process after "
            f"{np.median(late[verb]):.2f} s, {max(late[verb]):.2f} at most ({times} times)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="of a database that may be emptied")
    parser.add_argument("--people", type=int, default=2_000)
    parser.add_argument("--templates", type=int, default=1_000_000)
    parser.add_argument("--asked", type=int, default=300)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--keep", action="store_true", help="what is there of a million")
    parser.add_argument("--only", nargs="*", default=["names", "million", "followed"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "names" in asked.only:
            for kind in ("cosine", "as MobileFaceNet's"):
                emptied(asked.address)
                same_names(folder / kind[:6], asked.address, asked.people, kind)
        if "million" in asked.only:
            million(asked.address, asked.templates, asked.asked, asked.keep)
        if "followed" in asked.only:
            followed(folder, asked.address, asked.people, asked.times)
        if not asked.keep:
            emptied(asked.address)


if __name__ == "__main__":
    main()
