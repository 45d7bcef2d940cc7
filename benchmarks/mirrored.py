"""Is it enough to see a face's mirror image only where it may change the name?

    python benchmarks/mirrored.py PEOPLE STRANGERS... [--backbone NAME] [--seeds 3]

Each seed enrolls 1, 3, 5 and 20 photos of every person in PEOPLE, seen mirrored, too, and asks 16
others and every photo of STRANGERS, of whom those in PEOPLE are left out. The threshold accepts
1 % of the strangers where all faces are seen mirrored. Prints the share of faces that are in doubt
(`recognition/answers.py`), known people's and strangers', and for faces that are seen mirrored
everywhere, where they are in doubt, and nowhere: how many known faces are named rightly, how many
strangers are named, and how many of all answers are others than where all are seen so.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from comparison import PHOTOS, TESTED

from knownface.dataset.folder import scan
from knownface.dataset.portraits import collect_portraits
from knownface.embed.frozen import frozen_pipeline
from knownface.recognition.answers import in_doubt
from knownface.recognition.comparison import Comparison
from knownface.recognition.gallery import Gallery

FAR = 0.01
Views = tuple[np.ndarray, np.ndarray]  # embeddings (n, d) of single faces, and with mirror images


def seen(folder: Path, backbone: str, without: set[str]) -> tuple[set[str], np.ndarray, Views]:
    """The people's names, and their photos: labels (n,), and embeddings."""
    _, pipeline = frozen_pipeline(backbone, cache=True)
    found = collect_portraits(scan(folder, loose=True), pipeline)
    rows = np.flatnonzero([found.people[label].lower() not in without for label in found.labels])
    crops = np.asarray(found.crops[rows])
    single, both = (pipeline.embedder.embed(crops, mirrored=each) for each in (False, True))
    return {name.lower() for name in found.people}, found.labels[rows], (single, both)


def asked(
    known: Comparison, labels: np.ndarray, people: Views, strangers: Views, photos: int, seed: int
) -> list[float]:
    """Shares in doubt, then for everywhere, in doubt and nowhere: right, accepted, changed."""
    rng = np.random.default_rng(1000 + seed)
    rows = [rng.permutation(np.flatnonzero(labels == person)) for person in np.unique(labels)]
    test = np.concatenate([each[:TESTED] for each in rows])
    train = np.concatenate([each[TESTED : TESTED + photos] for each in rows])
    names = [str(i) for i in range(len(rows))]
    gallery = Gallery.enroll(
        names, people[1][train], labels[train], [""] * len(train), [""] * len(train),
        comparison=known,
    )  # fmt: skip
    parts = [(people[0][test], people[1][test]), strangers]
    threshold = float(np.quantile(gallery.match(strangers[1])[1], 1 - FAR))
    doubtful = [in_doubt(gallery, threshold, single) for single, _ in parts]
    found = [float(each.mean()) for each in doubtful]
    before: np.ndarray | None = None
    for way in ("everywhere", "in doubt", "nowhere"):
        answers = []
        for (single, both), doubt in zip(parts, doubtful, strict=True):
            faces = {"everywhere": both, "nowhere": single}.get(
                way, np.where(doubt[:, None], both, single)
            )
            best, similarity = gallery.match(faces)
            answers.append(np.where(similarity >= threshold, best, -1))
        all_of_them = np.concatenate(answers)
        before = all_of_them if before is None else before
        right, accepted = answers[0] == labels[test], answers[1] >= 0
        found += [float(each.mean()) for each in (right, accepted, all_of_them != before)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path, nargs="+")
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    record, _ = frozen_pipeline(given.backbone)
    if record.comparison is None:
        parser.error(f"{record.name} is compared by cosine, and never sees faces mirrored")
    known = Comparison.read(record.comparison)
    names, labels, people = seen(given.people, given.backbone, set())
    others = [seen(folder, given.backbone, names)[2] for folder in given.strangers]
    single, both = (np.concatenate(each) for each in zip(*others, strict=True))
    print(f"{TESTED * len(names)} photos of {len(names)} people, {len(both)} of strangers")
    print("| photos | in doubt: known, strangers | everywhere | in doubt | nowhere |")
    print("|---" * 5 + "|")
    for photos in PHOTOS:
        found = np.mean(
            [asked(known, labels, people, (single, both), photos, s) for s in range(given.seeds)], 0
        )
        ways = ["; ".join(f"{share:.4f}" for share in found[i : i + 3]) for i in (2, 5, 8)]
        print(
            f"| {photos} | {found[0]:.3f}, {found[1]:.3f} | " + " | ".join(ways) + " |", flush=True
        )


if __name__ == "__main__":
    main()
