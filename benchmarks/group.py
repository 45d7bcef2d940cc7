"""How well, how fast and in what memory is a pile of photos sorted into people?

    python benchmarks/group.py SOURCE... [--backbone NAME] [--mixtures 6] [--generated 100000]

Each SOURCE is a pile: a folder with a folder per person, or a tar of aligned crops
(`identity/photo.jpg`); of a photo with several faces, the one like the person's others counts.
Folders are a pile together, too, in which people whose names occur twice are left out of the later
one, and --mixtures are drawn from that: households (few people with many
photos, many who were seen once), classes (as many photos of each), long tails. The network is the
frozen one, photos are seen mirrored, and what shows little counts as seen once, as in `group`.

Prints BCubed F, precision and recall (Amigo et al., 2009: each face counts alike), pairwise F, and
the number of groups, beside what others use: DBSCAN (scikit-learn) at the distance that Immich
started with, 0.48, and at its best, HDBSCAN, average linkage (SciPy) and Chinese whispers (as dlib
does it) at their best: at the threshold that gives the highest F on the very pile, which nobody
knows of their own photos.

--generated: so many faces, made of those of the tars by turning all of them at random and by noise;
prints seconds and the peak of memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from sklearn.cluster import DBSCAN, HDBSCAN

from knownface.cluster.agglomerate import grouped
from knownface.cluster.evidence import Evidence
from knownface.dataset.folder import scan
from knownface.dataset.portraits import collect_portraits
from knownface.embed.frozen import frozen_pipeline
from knownface.recognition.comparison import Comparison
from knownface.stats.vectors import unit_length

Pile = tuple[np.ndarray, np.ndarray]  # embeddings (n, d), names (n,)
SPREAD = (0.35, 0.4, 0.45, 0.5, 0.55)


# ---------------------------------------------------------------- how good
def scores(true: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """BCubed and pairwise, of names (n,) and groups (n,)."""
    rows, columns = (np.unique(each, return_inverse=True)[1] for each in (true, found))
    both = coo_matrix((np.ones(len(rows)), (rows, columns))).tocsr().tocoo()
    people, groups = np.bincount(rows), np.bincount(columns)
    precision = float((both.data**2 / groups[both.col]).sum() / len(rows))
    recall = float((both.data**2 / people[both.row]).sum() / len(rows))
    pairs, ours, theirs = (float((n * (n - 1.0)).sum()) for n in (both.data, groups, people))
    return {
        "F": 2 * precision * recall / (precision + recall), "P": precision, "R": recall,
        "pair F": 2 * pairs / max(ours + theirs, 1.0), "groups": len(groups),
    }  # fmt: skip


def chinese_whispers(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    """Each face takes the label that weighs most among those more similar, 20 times over."""
    rng, labels = np.random.default_rng(0), np.arange(len(embeddings))
    near = []
    for start in range(0, len(embeddings), 1000):
        block = embeddings[start : start + 1000] @ embeddings.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -1
        near += [(found := np.flatnonzero(row > threshold), row[found]) for row in block]
    for _ in range(20):
        for face in rng.permutation(len(labels)):
            others, weights = near[face]
            if len(others):
                kinds, which = np.unique(labels[others], return_inverse=True)
                labels[face] = kinds[np.bincount(which, weights).argmax()]
    return labels


def alone(labels: np.ndarray) -> np.ndarray:
    """What scikit-learn calls noise: people who were seen once."""
    return np.where(labels < 0, labels.max() + 1 + np.arange(len(labels)), labels)


def others(embeddings: np.ndarray) -> dict[str, dict[str, Callable[[], np.ndarray]]]:
    """What else could be used, by its name, at each of its settings."""
    distances = embeddings.astype(np.float64)
    tree: list[np.ndarray] = []

    def average(cut: float) -> np.ndarray:
        if not tree:
            tree.append(linkage(distances, "average", "cosine"))
        return np.asarray(fcluster(tree[0], cut, "distance"))

    def dbscan(distance: float) -> np.ndarray:
        return alone(DBSCAN(eps=distance, min_samples=2, metric="cosine").fit_predict(embeddings))

    return {
        "DBSCAN 0.48": {"0.48": lambda: dbscan(0.48)},
        "DBSCAN": {f"{1 - t:.2f}": lambda t=t: dbscan(1 - t) for t in (*SPREAD, 0.6, 0.65)},
        "HDBSCAN": {"2": lambda: alone(HDBSCAN(2, copy=True).fit_predict(embeddings))},
        "average linkage": {f"{d}": lambda d=d: average(d) for d in (0.6, 0.65, 0.7, 0.75, 0.8)},
        "Chinese whispers": {f"{t}": lambda t=t: chinese_whispers(embeddings, t) for t in SPREAD},
    }


class Ours:
    def __init__(self, backbone: str) -> None:
        self.record, pipeline = frozen_pipeline(backbone, cache=True)
        self.pipeline = replace(pipeline, mirrored=True)
        assert self.record.impostors is not None
        self.evidence = Evidence.of(self.record.impostors)
        file = self.record.comparison
        self.comparison = Comparison.read(file) if file else None

    def embed(self, source: Path) -> Pile:
        if source.is_dir():
            found = collect_portraits(scan(source), self.pipeline)
            return found.embeddings, np.array(found.people)[found.labels]
        from aligned_crops import files, pixels

        names, crops = zip(*((name, pixels(data)) for name, data in files(source)), strict=True)
        return self.pipeline.embedder.embed(np.stack(crops), mirrored=True), np.array(names)

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        vectors, labels = embeddings, np.arange(len(embeddings)) + len(embeddings)
        clear = np.ones(len(embeddings), bool)
        if self.comparison:
            clear = ~self.comparison.is_small(embeddings)
            vectors = unit_length(self.comparison.clear.whitening(embeddings)).astype(np.float32)
        labels[clear] = grouped(vectors[clear], self.evidence)
        return labels


# ---------------------------------------------------------------- piles
def together(piles: dict[str, Pile]) -> Pile:
    known: set[str] = set()
    parts = []
    for embeddings, names in piles.values():
        new = np.array([name.lower() not in known for name in names])
        parts.append((embeddings[new], names[new]))
        known |= {name.lower() for name in names}
    return np.concatenate([e for e, _ in parts]), np.concatenate([n for _, n in parts])


def mixtures(pile: Pile, number: int) -> Iterator[tuple[str, Pile]]:
    embeddings, names = pile
    people, counts = np.unique(names, return_counts=True)
    for seed in range(number):
        rng = np.random.default_rng(seed)
        kind = ("household", "class", "long tail")[seed % 3]
        rich = rng.permutation(people[counts >= 8])
        if kind == "household":
            wanted = dict.fromkeys(rng.permutation(people)[:200], 1)
            wanted |= {p: int(n) for p, n in zip(rich, rng.integers(3, 40, 8), strict=False)}
        elif kind == "class":
            wanted = dict.fromkeys(rich[:25], 6)
        else:
            wanted = {p: int(n) for p, n in zip(people, rng.zipf(1.7, len(people)), strict=True)}
        rows = [rng.permutation(np.flatnonzero(names == p))[:n] for p, n in wanted.items()]
        chosen = rng.permutation(np.concatenate(rows))
        yield f"{kind} {seed}", (embeddings[chosen], names[chosen])


def generated(piles: list[Pile], number: int) -> Pile:
    """Turned at random, so that each turn is of new people who differ as the true ones do."""
    rng = np.random.default_rng(0)
    embeddings = np.concatenate([e for e, _ in piles])
    names = np.concatenate([np.char.add(f"{at} ", n) for at, (_, n) in enumerate(piles)])
    parts: list[Pile] = []
    while sum(len(e) for e, _ in parts) < number:
        turn = np.linalg.qr(rng.normal(size=(embeddings.shape[1],) * 2))[0].astype(np.float32)
        noise = 0.02 * rng.normal(size=embeddings.shape).astype(np.float32)
        parts.append((unit_length(embeddings @ turn + noise), np.char.add(f"{len(parts)} ", names)))
    found, who = np.concatenate([e for e, _ in parts]), np.concatenate([n for _, n in parts])
    chosen = rng.permutation(len(found))[:number]
    return found[chosen].astype(np.float32), who[chosen]


def show(name: str, pile: Pile, labels: np.ndarray, seconds: float, setting: str = "") -> None:
    found = scores(pile[1], labels)
    numbers = " ".join(f"{key} {found[key]:.3f}" for key in ("F", "P", "R", "pair F"))
    print(
        f"  {name:18} {setting:5} {numbers} groups {found['groups']:5} {seconds:6.1f} s", flush=True
    )


def measure(name: str, pile: Pile, ours: Ours, compare: bool) -> None:
    print(f"{name}: {len(pile[0])} faces of {len(np.unique(pile[1]))} people", flush=True)
    start = time.perf_counter()
    labels = ours(pile[0])
    show("knownface", pile, labels, time.perf_counter() - start)
    for other, settings in others(pile[0]).items() if compare else ():
        start = time.perf_counter()
        tried = {setting: find() for setting, find in settings.items()}
        best = max(tried, key=lambda setting: scores(pile[1], tried[setting])["F"])
        show(other, pile, tried[best], (time.perf_counter() - start) / len(tried), best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--mixtures", type=int, default=6)
    parser.add_argument("--generated", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="nothing else beside it")
    asked = parser.parse_args()
    ours = Ours(asked.backbone)
    piles = {str(source): ours.embed(source) for source in asked.sources}
    for name, pile in piles.items():
        measure(name, pile, ours, not asked.alone)
    folders = {name: pile for name, pile in piles.items() if Path(name).is_dir()}
    if folders:
        everybody = together(folders)
        if len(folders) > 1:
            measure("all folders together", everybody, ours, not asked.alone)
        for name, pile in mixtures(everybody, asked.mixtures):
            measure(name, pile, ours, not asked.alone)
    if asked.generated:
        tars = [pile for name, pile in piles.items() if name not in folders]
        pile = generated(tars or list(piles.values()), asked.generated)
        measure("generated", pile, ours, compare=False)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        spent = time.process_time()
        print(f"peak of memory {peak:.2f} GB, {spent:.0f} s of processor time in all")


if __name__ == "__main__":
    main()
