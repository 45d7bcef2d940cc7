"""Known people against strangers: the threshold, and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knownface.dataset.portraits import Portraits
from knownface.files.values import Count, Interval, Share
from knownface.recognition.gallery import Gallery
from knownface.recognition.threshold import Threshold, leave_one_person_out
from knownface.stats import metrics
from knownface.stats.intervals import clustered_interval, dir_interval, wilson_interval

FAR_TARGET = 0.01
FARS = (0.001, 0.01, 0.1)
FEWEST_STRANGERS = 4  # so many identities at least before they are halved for calibration
EACH_IN_TURN = "each person in turn as the stranger"


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

    far_target: Share
    threshold: float
    threshold_source: str
    dir: Share
    dir_ci95: Interval
    far: Share
    far_ci95: Interval
    far_trials: Count
    strangers: Count
    strangers_source: str
    dir_at_far: dict[str, Share]
    dir_at_far_ci95: dict[str, Interval]
    curve: dict[str, list[Share]]


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
