"""Measure how the embeddings of a frozen network are best compared: the `comparison` of its record.

    python tools/measure_comparison.py mobilefacenet OUT.npz FOLDER_OR_TAR... [--without FILE]

Each argument holds aligned crops as `identity/photo.jpg`. Every crop is seen as it is and mirrored,
with 40, 28, 20 and 14 pixels, and with 20 and 14 and noise of 6 grey levels. What is learned is the
whitening (Ledoit-Wolf shrinkage is too weak for people from other cameras: fixed shares), the mean
and covariance of the people's templates, a plane that parts clear faces from those that show
little, and, on people who took no part in any of it (in halves, each in turn), which score accepts
as many strangers as which cosine of the network's own embeddings.

--without: a file with a line `collection/identity` for each person to be left out.

Prints what the halves gain by each other (DIR at FAR 1 %; see `judged`), and what is lost of
anybody's privacy: whether a photo of somebody tells if they took part.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from aligned_crops import files, pixels

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.embed.views import SIZES, reduced
from knownface.measure.trial import Trial
from knownface.networks.zoo import get_backbone
from knownface.recognition.comparison import Comparison, Matcher, Templates
from knownface.recognition.spaces import Space
from knownface.stats.cohort import Cohort
from knownface.stats.metrics import threshold_at_far
from knownface.stats.vectors import mean_templates, unit_length
from knownface.stats.whitening import Whitening

CLEAR, SMALL = 0.6, 0.1  # shrinkage; chosen on CFP and CelebA, each half judged by the other
NOISE = 6.0  # grey levels
FARS = (0.01, 0.001)  # at which scores and cosines are matched
PHOTOS = 10  # of a template
GALLERY, ASKED, FEW, DRAWS = 20, 6, (1, 3, 5, 8), 10  # by which halves judge each other
Views = dict[str, np.ndarray]


def views_of(embedder: Embedder, crops: np.ndarray, rng: np.random.Generator) -> Views:
    """Embeddings (n, d) of crops (n, size, size, 3), by how they were seen."""

    def seen(change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        parts = np.array_split(crops, len(crops) // 512 + 1)
        return np.concatenate([embedder.embed(np.stack([*map(change, some)])) for some in parts])

    def noisy(crop: np.ndarray, size: int) -> np.ndarray:
        small = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
        grain = np.clip(small + rng.normal(0, NOISE, small.shape), 0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(grain, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC))

    found = {"clean": embedder.embed(crops)}
    found |= {f"{n}": seen(lambda crop, n=n: reduced(crop, n)) for n in (40, 28, 20, 14)}  # type: ignore[misc]
    found |= {f"noisy {n}": seen(lambda crop, n=n: noisy(crop, n)) for n in (20, 14)}  # type: ignore[misc]
    found["both"] = unit_length(found["clean"] + seen(lambda crop: crop[:, ::-1]))
    found["enrolled"] = unit_length(found["both"] + sum(found[f"{n}"] for n in SIZES))
    return found


def gate(views: Views) -> tuple[np.ndarray, float]:
    """(d,), bias: above 0 for faces that show little."""
    from sklearn.linear_model import LogisticRegression

    clear, little = (
        np.concatenate([views[name] for name in names])
        for names in (("both", "clean", "40"), ("20", "14", "noisy 20", "noisy 14"))
    )
    plane = LogisticRegression(C=10, max_iter=1000).fit(
        np.concatenate([clear, little]), np.repeat([0, 1], [len(clear), len(little)])
    )
    return plane.coef_[0].astype(np.float32), float(plane.intercept_[0])


def learn(views: Views, labels: np.ndarray) -> Comparison:
    """Everything but the scale, which is 1 and 0: of views of people `labels` (n,)."""
    people = int(labels.max()) + 1
    clear = Whitening.fit(views["both"], labels, CLEAR)
    pooled = [name for name in views if name not in ("both", "enrolled")]
    small = Whitening.fit(
        np.concatenate([views[name] for name in pooled]), np.tile(labels, len(pooled)), SMALL
    )
    spaces = [
        Space(white, Cohort.of(mean_templates(white(views[name]), labels, people)), (1.0, 0.0))
        for white, name in ((clear, "both"), (small, "noisy 20"))
    ]
    return Comparison(*spaces, *gate(views))


def impostors(
    views: Views, labels: np.ndarray, collections: np.ndarray, known: Comparison
) -> dict[str, np.ndarray]:
    """Scores of photos with templates of ten photos of others, of the same collection."""
    found: dict[str, list[np.ndarray]] = {"plain": [], "clear": [], "small": []}
    for collection in np.unique(collections):
        rows = np.flatnonzero(collections == collection)
        order = np.concatenate([rows[labels[rows] == p][:PHOTOS] for p in np.unique(labels[rows])])
        counts = np.bincount(labels[order])
        order = order[counts[labels[order]] == PHOTOS]
        people, index = np.unique(labels[order], return_inverse=True)
        both, enrolled = (
            mean_templates(views[name][order], index, len(people)) for name in ("both", "enrolled")
        )
        other = labels[rows][:, None] != people
        clean, noisy = views["both"][rows], views["noisy 20"][rows]
        found["plain"].append((views["clean"][rows] @ both.T)[other])
        for name, space, templates, probes in (
            ("clear", known.clear, both, clean), ("small", known.small, enrolled, noisy),
        ):  # fmt: skip
            scores = space.scores(space.place(templates), space.place(probes))
            found[name].append(scores[other])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def scaled(space: Space, score: np.ndarray, cosine: np.ndarray) -> Space:
    """Scores (2,) and cosines (2,) at FARS are brought together."""
    slope = float((cosine[1] - cosine[0]) / (score[1] - score[0]))
    return Space(space.whitening, space.cohort, (slope, float(cosine[0] - slope * score[0])))


def unscaled(known: Comparison) -> Comparison:
    """With scores far from the limits of a cosine, so that none is cut off."""
    tiny = (1e-3, 0.0)
    spaces = [Space(s.whitening, s.cohort, tiny) for s in (known.clear, known.small)]
    return Comparison(*spaces, known.gate, known.bias)


def told_apart(cohort: Cohort, inside: np.ndarray, outside: np.ndarray) -> float:
    """How well a photo tells whether its person took part: area under the curve, 0.5 is chance.

    By how probable the photo is under the cohort's normal distribution, its templates (n, d).
    """
    from sklearn.metrics import roc_auc_score

    inverse = np.linalg.inv(cohort.covariance + 1e-5 * np.eye(len(cohort.mean)))
    parts = [
        -(((some - cohort.mean) @ inverse) * (some - cohort.mean)).sum(1)
        for some in (inside, outside)
    ]
    truth = np.repeat([1, 0], [len(inside), len(outside)])
    return float(roc_auc_score(truth, np.concatenate(parts)))


def judged(
    views: Views, labels: np.ndarray, known: Comparison, asked: str, enrolled: str
) -> list[list[float]]:
    """DIR at FAR 1 % with 1, 3, 5 and 8 photos of each of 20 people, against all others.

    Rows: the cosine of single views, the cosine of both views, and as `known` compares; means of
    ten draws from people `labels` (n,). asked, enrolled: how photos are seen.
    """
    found = []
    for way in ("cosine", "mirrored", "compared"):
        single = way == "cosine" and asked == "both"
        probes, photos = (views["clean" if single else name] for name in (asked, enrolled))
        rates = np.zeros((DRAWS, len(FEW)))
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            counts = np.bincount(labels)
            people = rng.permutation(np.flatnonzero(counts >= ASKED + max(FEW)))[:GALLERY]
            rows = [rng.permutation(np.flatnonzero(labels == person)) for person in people]
            test = np.concatenate([each[:ASKED] for each in rows])
            others = np.flatnonzero(~np.isin(labels, people))
            for column, few in enumerate(FEW):
                train = np.concatenate([each[ASKED : ASKED + few] for each in rows])
                matcher = Matcher.of_means(
                    photos[train], np.repeat(np.arange(len(people)), few),
                    views["enrolled"][train] if way == "compared" else None,
                    known if way == "compared" else None,
                )  # fmt: skip
                truth = np.repeat(np.arange(len(people)), ASKED)
                trial = Trial.of(matcher.scores, probes[test], truth, probes[others])
                rates[draw, column] = trial.dir_at_far(FARS[0])
        found.append(rates.mean(0).tolist())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("backbone")
    parser.add_argument("out", type=Path)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--without", type=Path)
    arguments = parser.parse_args()
    left_out = set(arguments.without.read_text().split()) if arguments.without else set()
    names, crops = [], []
    for source in arguments.sources:
        for person, data in files(source):
            if (name := f"{source.stem}/{person}") not in left_out:
                names.append(name)
                crops.append(pixels(data))
    people, labels = np.unique(names, return_inverse=True)
    collections = np.array([name.split("/")[0] for name in names])
    rng = np.random.default_rng(0)
    embedder = backbone_embedder(get_backbone(arguments.backbone), precision="float32")
    views = views_of(embedder, np.stack(crops), rng)
    print(f"{len(people)} people, {len(names)} crops")

    half = rng.permutation(len(people)) < len(people) // 2
    scores: dict[str, list[np.ndarray]] = {"plain": [], "clear": [], "small": []}
    for inside in (half[labels], ~half[labels]):
        mine = {name: each[inside] for name, each in views.items()}
        others = {name: each[~inside] for name, each in views.items()}
        known = unscaled(learn(mine, np.unique(labels[inside], return_inverse=True)[1]))
        for collection in np.unique(collections):
            rows = collections[~inside] == collection
            some = {name: each[rows] for name, each in others.items()}
            index = np.unique(labels[~inside][rows], return_inverse=True)[1]
            if (np.bincount(index) >= ASKED + max(FEW)).sum() < GALLERY:
                continue
            for case in (("both", "both"), ("noisy 20", "both"), ("noisy 14", "both")):
                table = np.round(judged(some, index, known, *case), 3).tolist()
                print(f"{collection}, asked and enrolled {case}: {table}", flush=True)
        for name, each in impostors(others, labels[~inside], collections[~inside], known).items():
            scores[name].append(each)
        auc = told_apart(
            known.clear.cohort, *(known.clear.place(v["clean"]).vectors for v in (mine, others))
        )
        print(f"Whether somebody took part can be told from a photo with an area of {auc:.3f}")
    at = {
        name: np.mean([[threshold_at_far(s, far) for far in FARS] for s in parts], 0)
        for name, parts in scores.items()
    }
    known = learn(views, labels)
    spaces = [
        scaled(space, 1000 * at[name], at["plain"])
        for name, space in (("clear", known.clear), ("small", known.small))
    ]
    known = Comparison(*spaces, known.gate, known.bias)
    known.write(arguments.out)
    print(f"Cosines at {FARS}: {at['plain'].round(3)}; {arguments.out.stat().st_size:,} bytes")
    shares = {name: float(known.is_small(each).mean()) for name, each in views.items()}
    print("Taken for small:", ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    again = Templates(unit_length(views["both"][:2]), None, Comparison.read(arguments.out))
    print("Read again:", again.scores(views["both"][:2]).round(3).tolist())


if __name__ == "__main__":
    main()
