"""How often the race's rule is right, on candidates that cost nothing.

    python benchmarks/race_rule.py PEOPLE STRANGERS --draws 120

As `race.py`, but every crop is embedded once, by the frozen network, and compared by cosine; the
candidates are what can be made of embeddings at once: whitened, compared with the columns of a
logistic regression, with these mixed half and half with means, centred, and with an eighth of the
embedding left away. Some are better than frozen and some are worse, as networks that are trained
are, and draws can be many.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from race import Draw, Photos
from race_records import Record, table
from recipes import changed
from sklearn.linear_model import LogisticRegression

from knownface.embed.embedder import Embedder
from knownface.measure.trial import Trial
from knownface.networks.load import choose_backbone
from knownface.networks.to_onnx import export_onnx
from knownface.progress import silent
from knownface.stats.vectors import mean_templates, unit_length
from knownface.stats.whitening import Whitening
from knownface.training.config import TrainingConfig
from knownface.training.judging import Judged, probability_better
from knownface.training.network import load_network
from knownface.training.race import SURE
from knownface.training.rounds import parted

CONDITIONS = ("clean", "20px", "14px")
BINS = (0.0, 0.2, 0.5, 0.7, 0.8, 0.9, 1.01)  # of probabilities
Prepare = Callable[[np.ndarray], np.ndarray]


def candidates(
    embeddings: np.ndarray, labels: np.ndarray
) -> Iterator[tuple[str, np.ndarray, Prepare]]:
    """Name, templates (p, d), and what embeddings pass before they are compared with them."""
    people, left = int(labels.max()) + 1, embeddings.shape[1] * 7 // 8
    means = mean_templates(embeddings, labels, people)
    centre = means.mean(0)
    fitted = LogisticRegression(C=10.0, max_iter=300).fit(embeddings, labels)
    columns = unit_length(fitted.coef_.astype(np.float32))
    yield "frozen", means, unit_length
    white, centred, fewer = (
        Whitening.fit(embeddings, labels),
        lambda vectors: unit_length(vectors - centre),
        lambda vectors: unit_length(vectors[:, :left]),
    )
    yield "whitened", mean_templates(white(embeddings), labels, people), white
    yield "columns", columns, unit_length
    yield "mixed", unit_length((means + columns) / 2), unit_length
    yield "centred", mean_templates(centred(embeddings), labels, people), centred
    yield "fewer", mean_templates(fewer(embeddings), labels, people), fewer


def record_of(draw: Draw, number: int) -> Record | None:
    labels, given = draw.train.labels, draw.given
    rounds = parted(labels, np.arange(len(labels)), len(given.labels), number)
    judged: dict[tuple[str, str], list[Judged]] = {}
    for part in rounds:
        people = np.unique(labels[part.learned])
        known = np.searchsorted(people, labels[part.learned])
        strangers = np.concatenate([given.crops, draw.train.crops[part.left_out]])
        others = np.concatenate([given.labels + labels.max() + 1, labels[part.left_out]])
        for name, templates, prepare in candidates(draw.train.crops[part.learned], known):
            truth = labels[part.judged]
            scores = np.full((len(truth), labels.max() + 1), -1.0)
            scores[:, people] = prepare(draw.train.crops[part.judged]) @ templates.T
            best = (prepare(strangers) @ templates.T).max(1)
            each = Judged(Trial(scores, truth, best), others.astype(np.int64))
            judged.setdefault((name, "means"), []).append(each)
    ends = {}
    for name, templates, prepare in candidates(draw.train.crops, labels):
        scores, best = (prepare(x.crops) @ templates.T for x in (draw.test, draw.others))
        trial = Trial(scores, draw.test.labels, best.max(1))
        ends[name, "means"] = Judged(trial, draw.others.labels)
    seconds = {(where, name): 0.0 for where in ("0", "1", "2", "3", "end") for name, _ in ends}
    return Record(judged, ends, seconds) if rounds else None


def calibration(records: list[Record]) -> Iterator[str]:
    """Of candidates with such a probability: how many, and the share that was better in the end."""
    found = []
    for record in records:
        frozen = Judged.pooled(record.rounds[record.frozen])
        for name, parts in record.rounds.items():
            if name != record.frozen:
                gain = record.ends[name].score - record.ends[record.frozen].score
                found.append((probability_better(Judged.pooled(parts), frozen), gain))
    sure, gains = np.array(found).T
    yield "| probability | candidates | better in the end |"
    yield "|---|---|---|"
    for low, high in pairwise(BINS):
        those = (sure >= low) & (sure < high)
        if those.any():
            yield f"| {low} to {min(high, 1.0)} | {those.sum()} | {(gains[those] > 0).mean():.2f} |"
    large = gains >= 0.05
    if large.any():
        share = (sure[large] >= SURE).mean()
        yield f"\nOf {large.sum()} that end 0.05 better, {share:.2f} are surely better in the race."


def embedded(photos: Photos, embedder: Embedder, condition: str) -> Photos:
    rng = np.random.default_rng(5)
    parts = [
        embedder.embed(np.stack([changed(crop, condition, rng) for crop in some]))
        for some in np.array_split(photos.crops, len(photos.crops) // 256 + 1)
    ]
    return Photos(np.concatenate(parts), photos.labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("people", type=Path)
    parser.add_argument("strangers", type=Path)
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--draws", type=int, default=120)
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--faces", default="find", choices=("find", "cropped"))
    arguments = parser.parse_args()
    folders = (arguments.people, arguments.strangers)
    photos = [
        Photos.read(each, arguments.faces == "cropped", arguments.backbone) for each in folders
    ]
    found, wanted = choose_backbone(arguments.backbone, None, silent)
    model, _ = load_network(found, wanted, TrainingConfig(""), silent)
    with tempfile.TemporaryDirectory() as work:
        export_onnx(model, Path(work) / "frozen.onnx")
        embedder = Embedder(Path(work) / "frozen.onnx")
        seen = {c: [embedded(each, embedder, c) for each in photos] for c in CONDITIONS}
    for condition, (people, strangers) in seen.items():
        numbers = range(arguments.first, arguments.first + arguments.draws)
        draws = ((Draw.number(number, people, strangers), number) for number in numbers)
        records = [record for each in draws if (record := record_of(*each))]
        print(f"\n{condition}, {len(records)} draws\n", *table(records), sep="\n")
        print("", *calibration(records), sep="\n", flush=True)


if __name__ == "__main__":
    main()
