"""Testing a recogniser on photos that it has not seen: of its people, and of strangers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from knownface.dataset.folder import scan
from knownface.dataset.portraits import Portraits, collect_portraits
from knownface.errors import KnownfaceError
from knownface.measure.confidence import measure_calibration
from knownface.measure.evaluation import Evaluation, PersonScore, WrongAnswer
from knownface.measure.learning_curve import measure_learning_curve
from knownface.measure.look_alikes import find_look_alikes
from knownface.measure.open_set import Strangers, measure_open_set
from knownface.progress import Track, silent
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer
from knownface.stats import metrics
from knownface.stats.intervals import wilson_interval
from knownface.stats.vectors import mean_templates


def evaluate(
    recognizer: Recognizer,
    probes: Portraits,
    strangers: Portraits | None = None,
    untouched_strangers: np.ndarray | None = None,
) -> Evaluation:
    """Test a recogniser on photos of its people and on strangers.

    probes: people whose folder name is enrolled are known; others join the strangers. Photos that
        are enrolled are left out, by content, with a note.
    untouched_strangers: rows of `strangers` that played no part in choosing the threshold; all,
        where not given.
    Raises KnownfaceError where no photo of a known person is left.
    """
    gallery = recognizer.gallery
    probes = _without_enrolled(gallery, probes)
    index = {name: i for i, name in enumerate(gallery.people)}
    truth = np.array([index.get(probes.people[label], -1) for label in probes.labels], np.int64)
    known = np.flatnonzero(truth >= 0)
    if not len(known):
        raise KnownfaceError(
            f"{probes.root}: no photo left to test on; name folders like the enrolled people "
            f"({', '.join(gallery.people[:3])}, ...) and use photos that were not enrolled"
        )
    embeddings, truth = probes.embeddings[known], truth[known]
    scores = gallery.scores(embeddings)
    predicted, best = gallery.match(embeddings)
    correct, people = predicted == truth, len(gallery.people)
    confusion = confusion_matrix(truth, predicted, labels=range(people))
    scored = _per_person(gallery.people, truth, predicted)
    others = Strangers.among(probes, gallery.people, strangers, untouched_strangers)
    return Evaluation(
        accuracy=float(correct.mean()),
        accuracy_ci95=wilson_interval(int(correct.sum()), len(correct)),
        balanced_accuracy=float(np.mean([each.recall for each in scored if each.support])),
        top5_accuracy=metrics.top_k_accuracy(scores, truth, min(5, people)),
        people=list(gallery.people),
        confusion_matrix=confusion.tolist(),
        per_person=scored,
        open_set=measure_open_set(gallery, recognizer.threshold, embeddings, truth, others),
        calibration=measure_calibration(gallery, scores, truth),
        look_alikes=find_look_alikes(gallery, confusion),
        learning_curve=measure_learning_curve(gallery, embeddings, truth, others.embeddings),
        split={"train": len(gallery.photos), "validation": len(known)},
        errors=_wrong_answers(gallery, probes, known, truth, predicted, best),
        notes=[asdict(note) for note in probes.notes],
        backbone=recognizer.about.backbone_name,
        recipe=recognizer.about.recipe,
        device=recognizer.embedder.device,
    )


def _without_enrolled(gallery: Gallery, probes: Portraits) -> Portraits:
    enrolled = set(gallery.digests)
    fresh = np.array([digest not in enrolled for digest in probes.digests], bool)
    return probes.select(np.flatnonzero(fresh)) if len(fresh) else probes


def _per_person(
    people: Sequence[str], truth: np.ndarray, predicted: np.ndarray
) -> list[PersonScore]:
    columns = precision_recall_fscore_support(
        truth, predicted, labels=range(len(people)), zero_division=0.0
    )
    rows = zip(people, *columns, strict=True)
    return [PersonScore(n, float(p), float(r), float(f), int(s)) for n, p, r, f, s in rows]


def _wrong_answers(
    gallery: Gallery,
    probes: Portraits,
    known: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    best: np.ndarray,
) -> list[WrongAnswer]:
    wrong = []
    for i in np.flatnonzero(predicted != truth):
        row, embedding = known[i], probes.embeddings[known[i]]
        names = gallery.people[truth[i]], gallery.people[predicted[i]]
        nearest = {
            name: gallery.nearest_photos(embedding, person)
            for name, person in zip(names, (truth[i], predicted[i]), strict=True)
        }
        wrong.append(WrongAnswer(probes.photos[row], *names, float(best[i]), nearest))
    return wrong


def random_split_accuracy(
    portraits: Portraits, validation: int, seed: int, repeats: int = 5
) -> float:
    """What a random split of the same size would have claimed, with mean templates."""
    rng = np.random.default_rng(seed)
    shares = []
    for _ in range(repeats):
        order = rng.permutation(len(portraits))
        test, train = order[:validation], order[validation:]
        present, labels = np.unique(portraits.labels[train], return_inverse=True)
        templates = mean_templates(portraits.embeddings[train], labels, len(present))
        predicted = present[(portraits.embeddings[test] @ templates.T).argmax(1)]
        shares.append((predicted == portraits.labels[test]).mean())
    return float(np.mean(shares))


def evaluate_folder(
    recognizer: Recognizer, data: Path, strangers: Path | None = None, track: Track = silent
) -> Evaluation:
    """Test a recogniser on a folder of people and, if given, a folder of strangers."""
    return read_and_evaluate(recognizer, data, strangers, track)[0]


def read_and_evaluate(
    recognizer: Recognizer, data: Path, strangers: Path | None = None, track: Track = silent
) -> tuple[Evaluation, Portraits, Portraits | None]:
    """`evaluate_folder`, and what it read of people and strangers, for an explanation."""
    start = time.perf_counter()
    folders = [scan(data)] + ([scan(strangers, loose=True)] if strangers else [])
    pipeline = recognizer.pipeline(track)
    portraits = [collect_portraits(each, pipeline, track) for each in folders]
    people, others = portraits[0], portraits[1] if strangers else None
    result = evaluate(recognizer, people, others)
    seconds = time.perf_counter() - start
    photos = sum(map(len, portraits))
    result = replace(result, seconds=seconds, images_per_second=round(photos / seconds, 1))
    return result, people, others
