"""What people have said of single faces; it overrules what templates say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Cosine from which two pictures show the very same face: its photo once more, reduced or
# compressed. `benchmarks/corrections.py` measures it.
SAME_FACE = 0.85


class Enrolled(Protocol):
    """What is overruled: a gallery, as far as that matters here."""

    @property
    def embeddings(self) -> np.ndarray: ...

    @property
    def labels(self) -> np.ndarray: ...

    def scores(self, embeddings: np.ndarray) -> np.ndarray: ...

    def match(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True)
class Corrections:
    """Faces of which somebody has said who they are, or are not.

    said: (s, d) embeddings, unit length; whose: (s,) index into the gallery's people.
    refused: (r, d); of: (r,) the person who each is not, likewise.
    ignored: (i, d) templates of people who are never to be named.
    """

    said: np.ndarray
    whose: np.ndarray
    refused: np.ndarray
    of: np.ndarray
    ignored: np.ndarray

    @classmethod
    def none(cls, width: int) -> Corrections:
        nothing, nobody = np.zeros((0, width), np.float32), np.zeros(0, np.int64)
        return cls(nothing, nobody, nothing, nobody, nothing)

    def __len__(self) -> int:
        return len(self.said) + len(self.refused) + len(self.ignored)

    def match(
        self, gallery: Enrolled, embeddings: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best person (n,), the cosine (n,), and whether it is to be ignored (n,).

        A face that somebody has named, seen again, is who they said. A face that is not Ann keeps
        Ann's name from itself and from every face that is more like it than like any photo of
        Ann; then the next best person counts. What is more like somebody ignored is ignored.
        """
        best, similarity = gallery.match(embeddings)
        if not len(self):
            return best, similarity, np.zeros(len(embeddings), bool)
        best, similarity = best.copy(), similarity.copy()
        self._refuse(gallery, embeddings, best, similarity)
        ignored = np.zeros(len(embeddings), bool)
        if len(self.ignored):
            nearest = (embeddings @ self.ignored.T).max(1)
            ignored = (nearest > similarity) & (nearest >= threshold)
        if len(self.said):
            cosines = embeddings @ self.said.T
            nearest = cosines.argmax(1)
            rows = np.flatnonzero(cosines.max(1) >= SAME_FACE)
            if len(self.ignored):  # an ignored face may be the very same
                rows = rows[cosines.max(1)[rows] >= (embeddings[rows] @ self.ignored.T).max(1)]
            best[rows] = self.whose[nearest[rows]]
            similarity[rows] = np.maximum(similarity[rows], cosines[rows, nearest[rows]])
            ignored[rows] = False
        return best, similarity, ignored

    def _refuse(
        self, gallery: Enrolled, embeddings: np.ndarray, best: np.ndarray, similarity: np.ndarray
    ) -> None:
        """Give faces that are not their best person the next best one, in place."""
        for row in np.flatnonzero(np.isin(best, self.of)):
            scores = gallery.scores(embeddings[row : row + 1])[0]
            for person in np.argsort(-scores, kind="stable"):
                if not self._is_not(gallery, embeddings[row], int(person)):
                    best[row], similarity[row] = person, scores[person]
                    break
            else:  # everybody was refused
                best[row], similarity[row] = scores.argmax(), -1.0

    def _is_not(self, gallery: Enrolled, embedding: np.ndarray, person: int) -> bool:
        against = self.refused[self.of == person]
        if not len(against):
            return False
        refused = float((against @ embedding).max())
        own = gallery.embeddings[gallery.labels == person] @ embedding
        return refused >= SAME_FACE or refused > float(own.max())
