"""How far off is the confidence of an answer? On known people and strangers together, both unseen.

    python tools/measure_confidence.py BACKBONE PEOPLE OTHERS [--draws 50]

PEOPLE, OTHERS: folders of people. Every draw enrolls some of PEOPLE with some photos each and fits
the confidence as `train` does without given strangers. It is tested on photos of them that were
left out, and on as many of everybody else in both folders. Printed: the expected calibration error
of all draws together, that of a single draw, what a perfect confidence would show on so few photos,
and the reliability table. Measured: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from knownface.dataset.folder import scan
from knownface.dataset.portraits import Portraits, collect_portraits
from knownface.embed.frozen import frozen_pipeline
from knownface.recognition.confidence import Confidence
from knownface.recognition.gallery import Gallery
from knownface.recognition.threshold import choose_threshold
from knownface.stats import metrics

ENROLLED = ((20, 20), (10, 20), (10, 8), (5, 20), (5, 8))  # people, photos of each


def draw(
    rng: np.random.Generator, faces: Portraits, others: np.ndarray, people: int, photos: int
) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and whether the nearest person was right: (n,) each."""
    names = np.unique(faces.labels)
    chosen = np.sort(rng.choice(names, min(people, len(names)), replace=False))
    rows = [rng.permutation(np.flatnonzero(faces.labels == each)) for each in chosen]
    train = np.concatenate([each[:photos] for each in rows])
    test = np.concatenate([each[photos:] for each in rows])
    labels = np.searchsorted(chosen, faces.labels)
    files = list(map(str, train))
    gallery = Gallery.enroll(
        list(map(str, chosen)), faces.embeddings[train], labels[train], files, files
    )
    threshold = choose_threshold(gallery, None)
    confidence = Confidence.fit(gallery, threshold, np.zeros(0))
    strangers = np.concatenate([others, faces.embeddings[~np.isin(faces.labels, chosen)]])
    count = min(len(test), len(strangers))
    known, unknown = rng.permutation(test)[:count], rng.permutation(strangers)[:count]
    person, best = gallery.match(np.concatenate([faces.embeddings[known], unknown]))
    right = np.append(person[:count] == labels[known], np.zeros(count, bool))
    return confidence(best), right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbone")
    parser.add_argument("folders", nargs=2, type=Path)
    parser.add_argument("--draws", type=int, default=50)
    asked = parser.parse_args()
    _, pipeline = frozen_pipeline(asked.backbone)
    people, others = (collect_portraits(scan(folder), pipeline) for folder in asked.folders)
    for enrolled in ENROLLED:
        rng = np.random.default_rng(0)
        draws = [draw(rng, people, others.embeddings, *enrolled) for _ in range(asked.draws)]
        said, right = map(np.concatenate, zip(*draws, strict=True))
        single = [metrics.expected_calibration_error(*each) for each in draws]
        perfect = [metrics.expected_calibration_error(c, rng.random(len(c)) < c) for c, _ in draws]
        print(
            f"\n{enrolled[0]} people, {enrolled[1]} photos each: "
            f"{metrics.expected_calibration_error(said, right):.3f}; of one draw "
            f"{np.mean(single):.3f}, where a perfect one has {np.mean(perfect):.3f} on "
            f"{len(draws[0][0])} photos"
        )
        print("| confidence | right | photos |\n|---|---|---|")
        for mean, share, photos in zip(*metrics.reliability(said, right, 10), strict=True):
            print(f"| {mean:.2f} | {share:.2f} | {photos} |")


if __name__ == "__main__":
    main()
