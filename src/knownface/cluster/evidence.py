"""What the cosine between two groups of faces says for their being one person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from scipy.stats import norm

from knownface.networks.record import Impostors

# Measured with MobileFaceNet on people of CFP, CelebA and Glint360K, from whom nothing is reported
# (benchmarks/group.py, --choose): within wide bounds each of them changes little.
COHESION = 0.5  # mean cosine of two photos of one person
SHAPE = 2.5  # of the gamma distribution of one minus the cosine of two means of one person
FURTHER = 1.15  # how much further apart these are than photos drawn at random: people have modes
MODES = 16.0  # a mean of ever more photos comes no closer than that of so many independent ones
WIDER = 1.1  # the tail of strangers, beyond the rates that were measured
# Two groups of so many faces are two people unless it is ten times as likely that they are one: to
# part what was put together wrongly takes more than the one key that puts two groups together.
SEVERAL, SURER = 4, 10.0
FAVOURED = 10.0  # times as many faces: a group of more still is not more likely to be joined


@dataclass(frozen=True)
class Evidence:
    """How similar strangers are: a normal distribution that has their tail.

    The cosine between the means of two groups of strangers is distributed as that between two of
    their photos, whatever the sizes (measured: from 1 and 1 to 100 and 100 photos, quantiles at
    1 % 0.25 to 0.30, at 0.01 % 0.40 to 0.46), so that one measurement of a network serves all.
    """

    centre: float
    spread: float

    @classmethod
    def of(cls, impostors: Impostors) -> Evidence:
        """As a network's record has it: the line through its measured tail."""
        rates, thresholds = np.array(impostors.pairs).T
        spread, centre = np.polyfit(norm.isf(rates), thresholds, 1)
        return cls(float(centre), float(spread) * WIDER)

    @classmethod
    def of_pile(cls, embeddings: np.ndarray) -> Evidence:
        """Where nobody has measured the network: from pairs in the pile (n, d) itself.

        Most pairs show two people where there are many; the lower half of them always does.
        """
        rng = np.random.default_rng(0)
        one, other = rng.integers(len(embeddings), size=(2, 100_000))
        cosines = (embeddings[one] * embeddings[other]).sum(1)[one != other]
        low, middle = np.quantile(cosines, norm.cdf([-1, 0])) if len(cosines) else (-0.1, 0.0)
        # The tail of MobileFaceNet's is wider than its middle by an eighth.
        return cls(float(middle), float(middle - low) * 9 / 8 * WIDER)

    @property
    def least(self) -> float:
        """A cosine that one pair of strangers in a hundred reaches: below it nothing is said."""
        return float(self.centre + self.spread * norm.isf(0.01))

    def log_ratio(
        self, cosines: np.ndarray, reach: np.ndarray, other_reach: np.ndarray
    ) -> np.ndarray:
        """Logarithm of the likelihood of cosines if one person is shown, over that if two are.

        reach: see `reach_of`, of the groups on either side; all broadcast.
        """
        apart = np.maximum(1 - cosines, 1e-3)
        expected = FURTHER * (1 - COHESION * reach * other_reach)
        same = (
            (SHAPE - 1) * np.log(apart) - SHAPE * apart / expected
            - SHAPE * np.log(expected / SHAPE) - gammaln(SHAPE)
        )  # fmt: skip
        return np.asarray(same - norm.logpdf(cosines, self.centre, self.spread))


def reach_of(sizes: np.ndarray) -> np.ndarray:
    """How much closer the mean of so many faces is to what it is a mean of than one of them.

    Of n independent photos with a mean cosine g, the mean has the length sqrt(g + (1 - g) / n).
    """
    independent = sizes / (1 + (sizes - 1) / MODES)
    return np.asarray(1 / np.sqrt(COHESION + (1 - COHESION) / independent))


def newcomers(groups: int, faces: int) -> float:
    """Theta of the Chinese restaurant process that seats so many faces at so many tables.

    The next face belongs to a group of n with odds of n to theta against somebody new. Where all
    are alone it is unbounded, and taken as three times the faces.
    """
    low, high = 1e-3, 3.0 * faces
    if groups >= faces:
        return high
    for _ in range(60):
        middle = (low * high) ** 0.5
        expected = middle * np.log1p(faces / middle)
        low, high = (middle, high) if expected < groups else (low, middle)
    return high
