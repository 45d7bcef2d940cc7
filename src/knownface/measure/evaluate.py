"""Testing a recogniser on photos that it has not seen: of its people, and of strangers."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from knownface.dataset.folder import FaceDataset
from knownface.dataset.portraits import Portraits, collect_portraits, expect_faces
from knownface.errors import KnownfaceError
from knownface.measure.confidence import measure_calibration
from knownface.measure.evaluation import CandidateScore, Evaluation, PersonScore, WrongAnswer
from knownface.measure.folds import Folds
from knownface.measure.gaps import measure_gaps
from knownface.measure.groups import Groups, Names, measure_groups
from knownface.measure.learning_curve import measure_learning_curve
from knownface.measure.look_alikes import find_look_alikes
from knownface.measure.open_set import Strangers, measure_open_set
from knownface.measure.trial import Trial
from knownface.measure.years import measure_years
from knownface.progress import Track, silent
from knownface.recognition.gallery import Gallery
from knownface.recognition.recognizer import Recognizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitRecord:
    """How photos were split: groups that stayed together, the seed, and what hides behind a split.

    random_split_accuracy: of a random split of the same size; None for a network that was fitted
        to these people, which has no other split to compare with.
    """

    groups: int
    seed: int
    random_split_accuracy: float | None

    def __post_init__(self) -> None:
        claimed = self.random_split_accuracy
        if self.groups < 1 or self.seed < 0 or not (claimed is None or 0 <= claimed <= 1):
            raise ValueError(f"not a split of photos: {self}")


@dataclass(frozen=True)
class TrainingRecord:
    """What a run knows of its recogniser besides the test; nothing where there was no run.

    candidates: those that were compared; where there are none, the test says how good the `chosen`
        network is. images_per_second: that it embeds. one_person: pairs of names that are probably
        one person, who does not play the stranger to himself.
    Raises ValueError where none of the candidates is the chosen one.
    """

    split: SplitRecord | None = None
    chosen: str = ""
    reason: str = ""
    candidates: list[CandidateScore] = field(default_factory=list)
    folds: Folds | None = None
    images_per_second: float | None = None
    one_person: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        names = [each.name for each in self.candidates]
        if names and self.chosen not in names:
            raise ValueError(f"{self.chosen!r} was chosen, and is not one of {names}")

    def scores(self, test: Trial, seconds: float) -> list[CandidateScore]:
        """Of all candidates; of the only one after its test, `seconds` after the start."""
        if self.candidates or not self.chosen or not len(test.truth):
            return self.candidates
        found = test.dir_at_far(0.01) if len(test.strangers) else None
        return [CandidateScore(self.chosen, test.accuracy, found, round(seconds, 2), "test")]


def evaluate(
    recognizer: Recognizer,
    probes: Portraits,
    strangers: Portraits | None = None,
    untouched_strangers: np.ndarray | None = None,
    training: TrainingRecord | None = None,
    started: float | None = None,
    groups: Groups | None = None,
) -> Evaluation:
    """Test a recogniser on photos of its people and on strangers.

    probes: people whose folder name is enrolled are known; others join the strangers. Photos that
        are enrolled are left out, by content.
    untouched_strangers: rows of `strangers` that played no part in choosing the threshold; all,
        where not given.
    training: what is known besides; started: when the work began, by `time.perf_counter()`.
    groups: who belongs to which, of people and strangers; each is then scored by itself.
    What no photo was tested on is None.
    """
    start = time.perf_counter() if started is None else started
    gallery, threshold = recognizer.gallery, recognizer.threshold
    training = training or TrainingRecord()
    fresh = _without_enrolled(gallery, probes)
    known, truth = _of_people(gallery, fresh)
    others = Strangers.among(fresh, gallery.people, strangers, untouched_strangers)
    same = gallery.pairs(training.one_person)
    trial = Trial.of(gallery.scores, known.embeddings, truth, others.embeddings, same)
    named = _named(gallery, truth, others, (probes, strangers) if strangers else (probes,))
    confusion, scored = _per_person(gallery.people, trial)
    split = {"train": len(gallery.photos), "validation": len(known)}
    seconds = time.perf_counter() - start
    photos = len(probes) + len(strangers or ())
    tested = len(known) > 0
    recalls = [each.recall for each in scored if each.support]
    return Evaluation(
        accuracy=trial.accuracy if tested else None,
        accuracy_ci95=trial.accuracy_ci95 if tested else None,
        balanced_accuracy=float(np.mean(recalls)) if tested else None,
        top5_accuracy=trial.top_k_accuracy(5) if tested else None,
        people=list(gallery.people),
        confusion_matrix=confusion.tolist(),
        per_person=scored,
        open_set=measure_open_set(trial, threshold, others),
        calibration=measure_calibration(gallery, trial),
        look_alikes=find_look_alikes(gallery, confusion),
        learning_curve=measure_learning_curve(gallery, known.embeddings, truth, others.embeddings),
        split=split | (asdict(training.split) if training.split else {}),
        errors=_wrong_answers(gallery, known, trial),
        notes=[asdict(note) for note in probes.notes],
        backbone=recognizer.about.backbone_name,
        recipe=recognizer.about.recipe,
        device=recognizer.embedder.device,
        folds=training.folds,
        candidates=training.scores(trial, seconds),
        chosen=training.chosen,
        reason=training.reason,
        seconds=seconds,
        images_per_second=training.images_per_second or round(photos / seconds, 1),
        groups=measure_groups(groups, trial, threshold, named),
        group_gaps=measure_gaps(groups, trial, threshold.value, named),
        by_years=measure_years(gallery, trial, threshold.value, known.taken),
    )


def _named(
    gallery: Gallery, truth: np.ndarray, strangers: Strangers, read: Sequence[Portraits]
) -> Names:
    """The names behind a trial; read: the photos whose people `strangers.identities` count."""
    known = np.array(gallery.people, np.str_)[truth]
    if len(strangers):
        names = np.array([name for each in read for name in each.people], np.str_)
        return Names(known, names[strangers.identities], strangers.untouched, True)
    others = known if len(gallery.people) > 1 else known[:0]
    return Names(known, others, np.ones(len(others), bool), False)


def _without_enrolled(gallery: Gallery, probes: Portraits) -> Portraits:
    enrolled = set(gallery.digests)
    fresh = np.array([digest not in enrolled for digest in probes.digests], bool)
    return probes.select(np.flatnonzero(fresh)) if len(fresh) else probes


def _of_people(gallery: Gallery, probes: Portraits) -> tuple[Portraits, np.ndarray]:
    """The photos of enrolled people, and whose they are: (n,) index into `gallery.people`."""
    index = {name: i for i, name in enumerate(gallery.people)}
    truth = np.array([index.get(probes.people[label], -1) for label in probes.labels], np.int64)
    known = np.flatnonzero(truth >= 0)
    return probes.select(known), truth[known]


def _per_person(people: Sequence[str], trial: Trial) -> tuple[np.ndarray, list[PersonScore]]:
    """The confusion matrix (p, p), whose rows are the true people, and how good each one is."""
    from sklearn.metrics import precision_recall_fscore_support

    answers, labels = (trial.truth, trial.predicted), range(len(people))
    confusion = np.zeros((len(people),) * 2, np.int64)
    np.add.at(confusion, answers, 1)
    if not len(trial.truth):
        return confusion, [PersonScore(name, 0.0, 0.0, 0.0, 0) for name in people]
    columns = precision_recall_fscore_support(*answers, labels=labels, zero_division=0.0)
    rows = zip(people, *columns, strict=True)
    scored = [PersonScore(n, float(p), float(r), float(f), int(s)) for n, p, r, f, s in rows]
    return confusion, scored


def _wrong_answers(gallery: Gallery, probes: Portraits, trial: Trial) -> list[WrongAnswer]:
    wrong = []
    for i in np.flatnonzero(~trial.correct):
        people = trial.truth[i], trial.predicted[i]
        names = gallery.people[people[0]], gallery.people[people[1]]
        nearest = {
            name: gallery.nearest_photos(probes.embeddings[i], person)
            for name, person in zip(names, people, strict=True)
        }
        wrong.append(WrongAnswer(probes.photos[i], *names, float(trial.best[i]), nearest))
    return wrong


def _compare_names(enrolled: Sequence[str], data: FaceDataset) -> None:
    """Refuse photos of nobody who is enrolled, before any is read, and say who else is there."""
    others = [name for name in data.people if name not in set(enrolled)]
    if len(others) == len(data.people):
        raise KnownfaceError(
            f"{data.root}: none of its people ({_some(others)}) is enrolled ({_some(enrolled)}); "
            "name the folders as in training"
        )
    if others:
        log.info("%s: not enrolled, so they count as strangers: %s", data.root, _some(others, 10))


def _some(names: Sequence[str], number: int = 3) -> str:
    return ", ".join(names[:number]) + ", ..." * (len(names) > number)


def read_and_evaluate(
    recognizer: Recognizer,
    people: FaceDataset,
    unknown: FaceDataset | None = None,
    track: Track = silent,
    groups: Groups | None = None,
) -> tuple[Evaluation, Portraits, Portraits | None]:
    """Test on a folder of people and, if given, of strangers; also gives what it read of both.

    Raises KnownfaceError where no photo of a known person is left to test on.
    """
    started = time.perf_counter()
    _compare_names(recognizer.people, people)
    if groups:
        groups.expect(people.people)
    pipeline = recognizer.pipeline(track)
    expect_faces(pipeline, people, unknown)
    known = collect_portraits(people, pipeline, track)
    others = collect_portraits(unknown, pipeline, track) if unknown else None
    result = evaluate(recognizer, known, others, started=started, groups=groups)
    if not result.tested:
        raise KnownfaceError(
            f"{people.root}: every usable photo in it is enrolled already, so that nothing is left "
            "to test on; use photos that training did not see (its own test, made before all "
            "photos were enrolled, is evaluation.json in the run folder)"
        )
    if enrolled := len(known) - len(_without_enrolled(recognizer.gallery, known)):
        log.warning(
            "%s: %d of %d photos are enrolled already and left out; if the others were there in "
            "training, it set them aside as wrong, and they are no fair test",
            people.root, enrolled, len(known),
        )  # fmt: skip
    return result, known, others
