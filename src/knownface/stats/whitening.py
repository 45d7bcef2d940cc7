"""Embeddings in which one person's photos differ equally much in every direction.

What light, pose or too few pixels do to all people alike then counts for less. This is within-class
covariance normalisation (Hatch, Kajarekar and Stolcke, 2006), as speaker recognition has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from knownface.stats.vectors import sums_of, unit_length

SMALLEST = 1e-9  # variance that still counts; of a unit-length embedding it is about 1e-3


@dataclass(frozen=True)
class Whitening:
    """`(embedding - centre) @ matrix`, then unit length; centre (d,), matrix (d, d), float32."""

    centre: np.ndarray
    matrix: np.ndarray

    @classmethod
    def fit(
        cls, embeddings: np.ndarray, labels: np.ndarray, shrinkage: float | None = None
    ) -> Whitening:
        """From unit-length embeddings (n, d) of people `labels` (n,), counted from 0.

        The covariance is drawn towards a multiple of the identity, by a share `shrinkage` or, where
        that is None, as much as so few photos ask for (Ledoit and Wolf, 2004); the centre is the
        mean of the people's means. Where nobody has two photos that differ, embeddings are only
        centred.
        """
        from sklearn.covariance import empirical_covariance, ledoit_wolf, shrunk_covariance

        people = int(labels.max()) + 1
        means = sums_of(embeddings, labels, people)
        means /= np.bincount(labels, minlength=people)[:, None]
        differences = embeddings - means[labels]
        if shrinkage is None:
            within, _ = ledoit_wolf(differences, assume_centered=True)
        else:
            within = empirical_covariance(differences, assume_centered=True)
            within = shrunk_covariance(within, shrinkage)
        variances, directions = np.linalg.eigh(within)
        matrix = directions / np.sqrt(np.maximum(variances, SMALLEST)) @ directions.T
        return cls(means.mean(0).astype(np.float32), matrix.astype(np.float32))

    def __call__(self, embeddings: np.ndarray) -> np.ndarray:
        """Unit-length embeddings (n, d) as unit-length ones in the new space (n, d)."""
        return unit_length((embeddings - self.centre) @ self.matrix)
