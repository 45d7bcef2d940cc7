"""How much a similarity means, by how similar its two sides are to faces that are nobody's.

A face that resembles many people, because it is blurred or ordinary, needs a higher similarity with
somebody to be them. This is symmetric score normalisation, S-norm, of speaker recognition (Kenny,
"Bayesian speaker verification with heavy-tailed priors", 2010), its cohort known by the mean and
the covariance of its people alone: they give the moments of all similarities, and nobody's face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Directions that are kept of the covariance. All 128 gain nothing more, and say more of who the
# people were (docs/comparison.md).
RANK = 16
LEAST = 1e-3  # standard deviation that still counts; of such similarities it is about 0.1


@dataclass(frozen=True)
class Cohort:
    """The mean (d,) and the covariance (d, d) of many people's templates, float32."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, templates: np.ndarray) -> Cohort:
        """Of unit-length templates (people, d).

        But for the RANK directions in which people differ most, they are taken to differ equally.
        """
        variances, directions = np.linalg.eigh(np.cov(templates.T, bias=True))
        variances[:-RANK] = variances[:-RANK].mean() if len(variances) > RANK else 0.0
        covariance = directions * variances @ directions.T
        return cls(templates.mean(0).astype(np.float32), covariance.astype(np.float32))

    def moments(self, vectors: np.ndarray) -> np.ndarray:
        """Mean and standard deviation (n, 2) of the similarities of vectors (n, d) with it."""
        variance = ((vectors @ self.covariance) * vectors).sum(1)
        spread = np.sqrt(np.maximum(variance, LEAST**2))
        return np.stack([vectors @ self.mean, spread], axis=1)


def normalised(scores: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Scores of two sides, each in standard deviations of its own side's, averaged.

    one, other: (..., 2) moments that broadcast to the scores.
    """
    by_one = (scores - one[..., 0]) / one[..., 1]
    by_other = (scores - other[..., 0]) / other[..., 1]
    return np.asarray((by_one + by_other) / 2)
