"""What does enrolling the test photos at the end bring? Known faces named, and strangers accepted.

    python benchmarks/enrolment.py PEOPLE STRANGERS [--backbone NAME] [--draws 30]

Every draw takes 5, 10 and 20 of PEOPLE with 2, 3, 5 and 10 photos each, splits them 80/20 as
`train` does, and tests the recogniser of the training part beside that of all these photos, each
with its own threshold, on ten further photos of each person and on all of STRANGERS.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from knownface.dataset.folder import scan
from knownface.dataset.portraits import collect_portraits
from knownface.dataset.split import split
from knownface.embed.frozen import frozen_pipeline
from knownface.recognition.gallery import Gallery
from knownface.recognition.threshold import choose_threshold

TESTED = 10  # photos of each person, none of which is enrolled


def main(people: Path, strangers: Path, backbone: str, draws: int) -> None:
    record, pipeline = frozen_pipeline(backbone, cache=True)
    known = collect_portraits(scan(people), pipeline)
    others = collect_portraits(scan(strangers, loose=True), pipeline).embeddings
    everybody = len(known.people)
    print("| people | photos | training part: named, strangers | all photos: named, strangers |")
    print("|---|---|---|---|")
    for count in sorted({min(n, everybody) for n in (5, 10, 20)}):
        for photos in (2, 3, 5, 10):
            rates = []
            for seed in range(draws):
                rng = np.random.default_rng(seed)
                mixed = [rng.permutation(np.flatnonzero(known.labels == person))
                         for person in rng.permutation(everybody)[:count]]  # fmt: skip
                rows = np.concatenate([each[:photos] for each in mixed])
                test = np.concatenate([each[photos : photos + TESTED] for each in mixed])
                labels = np.repeat(np.arange(count), photos)
                train, held_out = split(labels, np.arange(len(rows)), 0.2, seed)
                names = [str(person) for person in range(count)]
                files = [str(row) for row in rows]
                part = Gallery.enroll(
                    names, known.embeddings[rows[train]], labels[train],
                    [files[i] for i in train], [files[i] for i in train],
                )  # fmt: skip
                whole = part.with_photos(
                    known.embeddings[rows[held_out]], labels[held_out],
                    [files[i] for i in held_out], [files[i] for i in held_out],
                )  # fmt: skip
                truth = np.repeat(np.arange(count), [len(each[photos:][:TESTED]) for each in mixed])
                found: list[float] = []
                for gallery in (part, whole):
                    threshold = choose_threshold(gallery, None, impostors=record.impostors).value
                    person, similarity = gallery.match(known.embeddings[test])
                    found.append(((person == truth) & (similarity >= threshold)).mean())
                    found.append((gallery.match(others)[1] >= threshold).mean())
                rates.append(found)
            before, far, after, far_after = (f"{100 * rate:.1f} %" for rate in np.mean(rates, 0))
            print(f"| {count} | {photos} | {before}, {far} | {after}, {far_after} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--draws", type=int, default=30)
    given = parser.parse_args()
    main(given.people, given.strangers, given.backbone, given.draws)
