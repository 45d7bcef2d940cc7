"""Does the threshold keep its promise? The false-accept rate on strangers who were never seen.

    python tools/measure_threshold.py BACKBONE PEOPLE OTHERS [TAR...]

PEOPLE, OTHERS: folders of people; those of OTHERS whose name is in PEOPLE, in capitals or not, are
left out.
TAR: aligned crops as `identity/photo.jpg`, from which both are drawn.
Every draw enrolls 10 or 20 people, sets the threshold for FAR 1 % as `train` does and states an
interval, from 15 strangers of up to 12 photos, half of whom help to set it, or from the people
themselves. Printed: the realised rate on everybody else, and how often the interval holds it.
Measured: docs/benchmarks.md. Pools with too few people to draw from are named and left out.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from aligned_crops import files_by_person, pixels

from knownface.dataset.folder import scan
from knownface.dataset.portraits import collect_portraits
from knownface.dataset.split import FEWEST_STRANGERS
from knownface.embed.embedder import Embedder
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.measure.open_set import Strangers, measure_open_set
from knownface.measure.trial import Trial
from knownface.networks.record import Impostors
from knownface.recognition.comparison import Comparison
from knownface.recognition.gallery import Gallery
from knownface.recognition.threshold import choose_threshold

DRAWS = 100
STRANGERS, PHOTOS = 15, 12
ENROLLED = 0.8

Faces = dict[str, np.ndarray]  # embeddings (n, d) by identity


def read_folder(folder: Path, pipeline: FacePipeline) -> Faces:
    portraits = collect_portraits(scan(folder), pipeline)
    rows = ((name, portraits.labels == i) for i, name in enumerate(portraits.people))
    return {name: portraits.embeddings[own] for name, own in rows if own.any()}


def read_tar(path: Path, embedder: Embedder, mirrored: bool) -> Faces:
    return {
        name: embedder.embed(np.stack([pixels(data) for data in each]), mirrored=mirrored)
        for name, each in files_by_person(path).items()
    }


def state(
    known: list[np.ndarray],
    few: list[np.ndarray],
    impostors: Impostors | None,
    comparison: Comparison | None,
    rng: np.random.Generator,
) -> tuple[Gallery, float, tuple[float, float]]:
    """The gallery, its threshold, and the interval that an evaluation states of its FAR."""
    orders = [rng.permutation(len(each)) for each in known]
    cuts = [round(ENROLLED * len(each)) for each in known]
    parts = zip(known, orders, cuts, strict=True)
    train, test = zip(*((e[o[:c]], e[o[c:]]) for e, o, c in parts), strict=True)
    labels = np.repeat(np.arange(len(known)), cuts)
    names, files = [str(i) for i in range(len(known))], [str(i) for i in range(len(labels))]
    gallery = Gallery.enroll(
        names, np.concatenate(train), labels, files, files, comparison=comparison
    )
    owners = np.repeat(np.arange(len(few)), [len(each) for each in few])
    strangers = np.concatenate([np.zeros((0, known[0].shape[1]), np.float32), *few])
    untouched = owners % 2 == 1
    assert not few or len(few) >= FEWEST_STRANGERS
    threshold = choose_threshold(gallery, strangers[~untouched], impostors=impostors)
    truth = np.repeat(np.arange(len(known)), [len(each) for each in test])
    trial = Trial.of(gallery.scores, np.concatenate(test), truth, strangers)
    shown = measure_open_set(trial, threshold, Strangers(strangers, owners, untouched))
    assert shown is not None
    return gallery, threshold.value, shown.far_ci95


def report(title: str, rows: list[tuple[float, float, float]]) -> None:
    realised, low, high = np.array(rows).T
    below, above = (realised < low).mean(), (realised > high).mean()
    spread = " ".join(f"{100 * value:.2f}" for value in np.quantile(realised, [0.1, 0.5, 0.9]))
    print(
        f"{title}: realised 10/50/90 % {spread} %, interval on average {100 * low.mean():.2f} to "
        f"{100 * high.mean():.2f} %, holds it {100 * (1 - below - above):.0f} % of {len(rows)} "
        f"times (below {100 * below:.0f} %, above {100 * above:.0f} %)",
        flush=True,
    )


def main(backbone: str, people: str, strangers: str, *tars: str) -> None:
    record, pipeline = frozen_pipeline(backbone, cache=True)
    comparison = Comparison.read(record.comparison) if record.comparison else None
    pipeline = replace(pipeline, mirrored=comparison is not None)
    known, others = (read_folder(Path(each), pipeline) for each in (people, strangers))
    called = {name.lower() for name in known}
    strange = [each for name, each in others.items() if name.lower() not in called]
    pools = {"folders": (list(known.values()), strange)}
    pools |= {
        Path(tar).stem: ([*read_tar(Path(tar), pipeline.embedder, pipeline.mirrored).values()], [])
        for tar in tars
    }
    for count in (10, 20):
        for given in (True, False):
            kind = "given strangers" if given else "each person in turn"
            for source, (first, second) in pools.items():
                if len(first) < count or len(second or first[count:]) <= STRANGERS:
                    print(f"{backbone}, {count} people of {source}: too few to draw from")
                    continue
                rng, rows = np.random.default_rng(0), []
                for _ in range(DRAWS):
                    drawn = [first[i] for i in rng.permutation(len(first))]
                    rest = [second[i] for i in rng.permutation(len(second))] or drawn[count:]
                    few = [each[:PHOTOS] for each in rest[:STRANGERS]] if given else []
                    gallery, value, bounds = state(
                        drawn[:count], few, record.impostors, comparison, rng
                    )
                    scores = gallery.match(np.concatenate(rest[STRANGERS:]))[1]
                    rows.append((float((scores >= value).mean()), *bounds))
                report(f"{backbone}, {count} people of {source}, {kind}", rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
