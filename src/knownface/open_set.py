"""Known people against strangers: the threshold, and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from knownface import metrics
from knownface.backbones.backbone import Impostors
from knownface.gallery import Gallery
from knownface.intervals import clustered_interval, dir_interval, wilson_interval
from knownface.portraits import Portraits
from knownface.recognizer import Threshold

FAR_TARGET = 0.01
FARS = (0.001, 0.01, 0.1)
FEWEST_STRANGERS = 4  # so many identities at least before they are halved for calibration
EACH_IN_TURN = "each person in turn as the stranger"


# ---------------------------------------------------------------- threshold
def calibrate(
    gallery: Gallery,
    strangers: np.ndarray | None,
    far_target: float = FAR_TARGET,
    use_people: bool = True,
    impostors: Impostors | None = None,
    raced: np.ndarray | None = None,
) -> Threshold:
    """Choose the threshold on training photos and on strangers set aside for it.

    strangers: their embeddings (m, d), or None; use_people: each enrolled person in turn also
        plays the stranger. The threshold is the highest of the empirical quantile, that of a
        normal fit, which is steadier where photos are few, and of what the backbone's measured
        `impostors` predict for a gallery of this size, because two or three people cannot stand
        for all strangers. raced: (k,) best similarities of people who were left out while the
        network was chosen.
    Networks that were trained on these very people push them apart, so that they no longer stand
    for strangers: then `use_people` is only right where there is nobody else.
    """
    scores, sources = [], []
    if strangers is not None and len(strangers):
        scores.append(gallery.match(strangers)[1])
        sources.append(f"{len(strangers)} photos of given strangers")
    if raced is not None and len(raced):
        scores.append(raced)
        sources.append(f"{len(raced)} photos of strangers and people left out of a trial training")
    if use_people or not scores:
        scores.append(leave_one_person_out(gallery, gallery.embeddings, gallery.labels))
        sources.append(f"{EACH_IN_TURN} ({len(gallery.embeddings)} training photos)")
    best = np.concatenate(scores).astype(np.float64)
    empirical = metrics.threshold_at_far(best, far_target)
    fitted = _normal_quantile(best, 1 - far_target)
    predicted = -1.0
    if impostors is not None:
        # A stranger is compared with every template: 1 - (1 - f)^p is about p f.
        predicted = impostors.threshold("templates", far_target / len(gallery.people))
    value = max(empirical, fitted, predicted)
    if impostors is not None and value == predicted:
        sources = [f"the backbone's own measurements on {impostors.people} other people"]
    return Threshold(min(value, 1.0), far_target, " and ".join(sources))


def leave_one_person_out(
    gallery: Gallery, embeddings: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Best similarity (n,) of each embedding with everybody but its own person."""
    scores = gallery.scores(embeddings)
    scores[np.arange(len(labels)), labels] = -1.0
    return np.asarray(scores.max(1))


def _normal_quantile(values: np.ndarray, share: float) -> float:
    return float(values.mean() + ndtri(share) * values.std())


def halve_strangers(strangers: Portraits | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows for calibration and rows left untouched, no identity in both; few are not halved."""
    if strangers is None or len(strangers) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    present = np.unique(strangers.labels)
    if len(present) < FEWEST_STRANGERS:
        return np.zeros(0, np.int64), np.arange(len(strangers))
    first = np.isin(strangers.labels, present[::2])
    return np.flatnonzero(first), np.flatnonzero(~first)


# ---------------------------------------------------------------- measurement
@dataclass(frozen=True)
class Strangers:
    """Photos of people who are not enrolled.

    embeddings: (m, d); identities: (m,) whose photo each is; untouched: (m,) bool, those that
        played no part in choosing the threshold.
    """

    embeddings: np.ndarray
    identities: np.ndarray
    untouched: np.ndarray

    @classmethod
    def among(
        cls,
        probes: Portraits,
        people: Sequence[str],
        others: Portraits | None,
        untouched: np.ndarray | None,
    ) -> Strangers:
        """Those of `probes` who are not among the enrolled `people`, and all `others`.

        untouched: rows of `others` that are; None for all.
        """
        enrolled = np.isin(probes.people, people)
        rows = np.flatnonzero(~enrolled[probes.labels])
        parts = [(probes.embeddings[rows], probes.labels[rows], np.ones(len(rows), bool))]
        if others is not None and len(others):
            fresh = np.ones(len(others), bool)
            if untouched is not None:
                fresh = np.isin(np.arange(len(others)), untouched)
            parts.append((others.embeddings, others.labels + len(probes.people), fresh))
        return cls(*map(np.concatenate, zip(*parts, strict=True)))

    def __len__(self) -> int:
        return len(self.identities)


@dataclass(frozen=True)
class OpenSet:
    """Known people against strangers.

    threshold: the one in force; dir and far: what it does on untouched photos, with 95 %
        intervals; far_trials: photos behind `far`. `far_ci95` allows for photos of one stranger
        that are accepted together, and starts at 0 where known people played the strangers: they
        may resemble each other more than strangers resemble them.
    dir_at_far: DIR where the threshold is set on the strangers themselves, by false-accept rate;
        `dir_at_far_ci95` allows for how few strangers that threshold rests on, and starts at 0
        where they are too few to say how high it has to be.
    curve: `far` and `dir`, both rising, at up to 200 thresholds: the ROC, and with 1 - dir the DET.
    strangers: stranger photos behind `dir_at_far` and `curve`.
    """

    far_target: float
    threshold: float
    threshold_source: str
    dir: float
    dir_ci95: tuple[float, float]
    far: float
    far_ci95: tuple[float, float]
    far_trials: int
    strangers: int
    strangers_source: str
    dir_at_far: dict[str, float]
    dir_at_far_ci95: dict[str, tuple[float, float]]
    curve: dict[str, list[float]]


def measure_open_set(
    gallery: Gallery,
    threshold: Threshold,
    probes: np.ndarray,
    truth: np.ndarray,
    strangers: Strangers,
) -> OpenSet | None:
    """Test a threshold on known probes (n, d) of people `truth` (n,), and on strangers.

    Where there are no strangers, each person in turn plays one; None where there is nobody else.
    """
    predicted, best = gallery.match(probes)
    correct = predicted == truth
    if len(strangers):
        scores, source = gallery.match(strangers.embeddings)[1], "given strangers"
        identities, untouched = strangers.identities, strangers.untouched
    elif len(gallery.people) > 1:
        scores, source = leave_one_person_out(gallery, probes, truth), EACH_IN_TURN
        identities, untouched = truth, np.ones(len(truth), bool)
    else:
        return None
    found = correct & (best >= threshold.value)
    tested = scores[untouched]
    low, high = clustered_interval(tested, identities[untouched], threshold.value)
    far, dir_ = metrics.open_set_curve(best, correct, scores)
    return OpenSet(
        far_target=threshold.far_target,
        threshold=threshold.value,
        threshold_source=threshold.source,
        dir=float(found.mean()),
        dir_ci95=wilson_interval(int(found.sum()), len(found)),
        far=float((tested >= threshold.value).mean()) if len(tested) else 0.0,
        far_ci95=(low if len(strangers) else 0.0, high),
        far_trials=len(tested),
        strangers=len(scores),
        strangers_source=source,
        dir_at_far={f"{far:g}": metrics.dir_at_far(best, correct, scores, far) for far in FARS},
        dir_at_far_ci95={
            f"{far:g}": dir_interval(best, correct, scores, identities, far) for far in FARS
        },
        curve={"far": far.tolist(), "dir": dir_.tolist()},
    )
