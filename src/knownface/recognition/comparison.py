"""How embeddings are compared with people: the templates, and what is done before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from knownface.stats.vectors import mean_templates
from knownface.stats.whitening import Whitening

Kind = Literal["means", "columns", "whitened"]


@dataclass(frozen=True)
class Matcher:
    """Templates (p, d) of unit length, and a whitening that embeddings pass before the cosine."""

    templates: np.ndarray
    whitening: Whitening | None = None

    @classmethod
    def fit(
        cls,
        kind: Kind,
        embeddings: np.ndarray,
        labels: np.ndarray,
        columns: np.ndarray | None = None,
    ) -> Matcher:
        """From embeddings (n, d) of people `labels` (n,), counted from 0.

        kind: with `means` of embeddings, with the `columns` (p, d) of a head that was trained on
            them, or with means of `whitened` ones. Raises ValueError where columns are missing.
        """
        people = int(labels.max()) + 1
        if kind == "means":
            return cls(mean_templates(embeddings, labels, people))
        if kind == "whitened":
            whitening = Whitening.fit(embeddings, labels)
            return cls(mean_templates(whitening(embeddings), labels, people), whitening)
        if columns is None:
            raise ValueError("to compare with columns, a head has to be trained")
        return cls(columns)

    def prepare(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings (n, d) as they are compared with the templates."""
        return self.whitening(embeddings) if self.whitening else embeddings
