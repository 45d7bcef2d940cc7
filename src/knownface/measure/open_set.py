"""Known people against strangers: the threshold, and what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from knownface.dataset.portraits import Portraits
from knownface.files.values import Count, Interval, Share
from knownface.measure.trial import Trial
from knownface.recognition.threshold import EACH_IN_TURN, Threshold
from knownface.stats.intervals import clustered_interval, wilson_interval

FARS = (0.001, 0.01, 0.1)
GIVEN = "given strangers"


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
        intervals; None where no photo of a known person, or of a stranger, was tested.
        far_trials and far_people: photos behind `far`, and of how many people. `far_ci95` allows
        for photos of one stranger that are accepted together, and starts at 0 where known people
        played the strangers: they may resemble each other more than strangers resemble them.
    dir_at_far: DIR where the threshold is set on the strangers themselves, by false-accept rate;
        `dir_at_far_ci95` allows for how few strangers that threshold rests on, and starts at 0
        where they are too few to say how high it has to be. Empty without known people and
        strangers, like the curve.
    curve: `far` and `dir`, both rising, at up to 200 thresholds: the ROC, and with 1 - dir the DET.
    strangers: stranger photos behind `dir_at_far` and `curve`.
    """

    far_target: Share
    threshold: float
    threshold_source: str
    dir: Share | None
    dir_ci95: Interval | None
    far: Share | None
    far_ci95: Interval | None
    far_trials: Count
    far_people: Count
    strangers: Count
    strangers_source: str
    dir_at_far: dict[str, Share]
    dir_at_far_ci95: dict[str, Interval]
    curve: dict[str, list[Share]]


def measure_open_set(trial: Trial, threshold: Threshold, strangers: Strangers) -> OpenSet:
    """Test a threshold on known people and on strangers.

    trial: of all probes and of these strangers. Where there are none, each person in turn plays
    one; one person alone has none.
    """
    given = len(strangers) > 0
    identities = strangers.identities if given else trial.truth[: len(trial.strangers)]
    untouched = strangers.untouched if given else np.ones(len(identities), bool)
    tested = replace(trial, strangers=trial.strangers[untouched])
    found, accepted = tested.at(threshold.value)
    low, high = clustered_interval(tested.strangers, identities[untouched], threshold.value)
    known, both = len(trial.truth), len(trial.truth) > 0 < len(trial.strangers)
    fars, dirs = trial.open_set_curve() if both else (np.zeros(0),) * 2
    return OpenSet(
        far_target=threshold.far_target,
        threshold=threshold.value,
        threshold_source=threshold.source,
        dir=found,
        dir_ci95=None if found is None else wilson_interval(round(found * known), known),
        far=accepted,
        far_ci95=None if accepted is None else (low if given else 0.0, high),
        far_trials=len(tested.strangers),
        far_people=len(np.unique(identities[untouched])),
        strangers=len(trial.strangers),
        strangers_source=GIVEN if given else EACH_IN_TURN,
        dir_at_far={f"{far:g}": trial.dir_at_far(far) for far in FARS if both},
        dir_at_far_ci95={
            f"{far:g}": trial.dir_at_far_ci95(far, identities) for far in FARS if both
        },
        curve={"far": fars.tolist(), "dir": dirs.tolist()},
    )
