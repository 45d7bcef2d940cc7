"""How good a recogniser is on people who have grown older since their enrolled photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from knownface.files.values import Count, Interval, Rate, Share
from knownface.measure.trial import Trial
from knownface.recognition.gallery import Gallery

YEAR = 365.25 * 24 * 3600.0  # seconds
FROM = (0.0, 1.0, 3.0, 10.0)  # years at which a row of the table begins; the last has no end


@dataclass(frozen=True)
class YearsScore:
    """Photos of known people, taken so many years before or after an enrolled one of them.

    at_least, below: years between a photo and the nearest enrolled one of the same person, of those
        that have a date; below is None of the last row.
    people, photos: that were tested. Intervals are for other people: they allow for photos of one
        person that go wrong together.
    """

    at_least: Rate
    below: Rate | None
    people: Count
    photos: Count
    accuracy: Share
    accuracy_ci95: Interval
    dir: Share
    dir_ci95: Interval

    @property
    def name(self) -> str:
        """Such as `1 to 3 years`."""
        if not self.at_least:
            return "under 1 year"
        end = f"{self.at_least:g} to {self.below:g}" if self.below else f"over {self.at_least:g}"
        return f"{end} years"


def measure_years(
    gallery: Gallery, trial: Trial, threshold: float, taken: Sequence[float | None]
) -> list[YearsScore]:
    """A row for each span of years that photos fall into; none where they have no dates.

    taken: (n,) when the photos of the trial were, see `Photo`.
    """
    apart = years_apart(gallery, trial.truth, taken)
    rows = []
    for low, high in pairwise((*FROM, np.inf)):
        here = (low <= apart) & (apart < high)
        if here.any():
            rows.append(YearsScore(
                low, high if np.isfinite(high) else None, len(np.unique(trial.truth[here])),
                int(here.sum()), **trial.of_some(here, trial.truth, threshold),
            ))  # fmt: skip
    return rows


def years_apart(gallery: Gallery, truth: np.ndarray, taken: Sequence[float | None]) -> np.ndarray:
    """Years (n,) between photos and the nearest enrolled one of their person; NaN where unknown.

    The nearest, because it is the one that is most like them: of somebody with photos from all
    years, none is far away, however long ago the middle one was.
    """
    dates, enrolled = np.array(taken, np.float64), np.array(gallery.taken, np.float64)
    apart = np.full(len(dates), np.nan)
    dated = np.flatnonzero(np.isfinite(enrolled))
    dated = dated[np.argsort(gallery.labels[dated], kind="stable")]
    whose, enrolled = gallery.labels[dated], enrolled[dated]
    for i in np.flatnonzero(np.isfinite(dates)):
        first, end = np.searchsorted(whose, (truth[i], truth[i] + 1))
        if first < end:
            apart[i] = np.abs(enrolled[first:end] - dates[i]).min() / YEAR
    return apart
