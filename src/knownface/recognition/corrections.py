"""What people have said of single faces; it overrules what templates say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from knownface.faces.detectors.candidates import overlaps
from knownface.recognition.comparison import Templates

# Cosine from which two pictures show the very same face. Of copies of 265 photos, 99 % of those
# compressed again and 94 % of those of half the size reach it, of 15,367 pairs of photos of one
# person 0.2 %, and of 299,454 pairs of two people none (benchmarks/corrections.py, MobileFaceNet).
SAME_FACE = 0.85
SAME_BOX = 0.3  # overlap from which two boxes in one photo are of one face; heads seldom reach 0.1


class Enrolled(Protocol):
    """What is overruled: a gallery, as far as that matters here."""

    @property
    def embeddings(self) -> np.ndarray: ...

    @property
    def labels(self) -> np.ndarray: ...

    def scores(self, embeddings: np.ndarray) -> np.ndarray: ...

    def match(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def against(self, templates: np.ndarray) -> Templates: ...


@dataclass(frozen=True)
class Said:
    """What was said of one face of a photo.

    box: x, y, width, height there. is_: index into the gallery's people, None for nobody of them;
    nobody: it is to be ignored. not_: people who it is not.
    """

    box: tuple[float, float, float, float]
    is_: int | None = None
    nobody: bool = False
    not_: tuple[int, ...] = ()


@dataclass(frozen=True)
class Corrections:
    """Faces of which somebody has said who they are, or are not.

    said: (s, d) embeddings, unit length; whose: (s,) index into the gallery's people.
    refused: (r, d); of: (r,) the person who each is not, likewise.
    ignored: (i, d) templates of people who are never to be named.
    photos: what was said of the faces of a photo, by the digest of its content.
    """

    said: np.ndarray
    whose: np.ndarray
    refused: np.ndarray
    of: np.ndarray
    ignored: np.ndarray
    photos: Mapping[str, Sequence[Said]] = field(default_factory=dict)

    @property
    def anything(self) -> bool:
        """Whether anything was said."""
        return any(map(len, (self.said, self.refused, self.ignored, self.photos)))

    def match(
        self,
        gallery: Enrolled,
        embeddings: np.ndarray,
        threshold: float,
        digest: str = "",
        boxes: Sequence[tuple[float, float, float, float]] = (),
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best person (n,), the similarity (n,), and whether it is to be ignored (n,).

        A face that somebody has named, seen again, is who they said: in the same photo, whatever
        the network, and in a copy of it. A face that is not Ann keeps Ann's name from itself and
        from every face that is more like it than like any photo of Ann; then the next best person
        counts. What is more like somebody ignored is ignored.
        digest, boxes: of the photo and its n faces, where these are known.
        """
        best, similarity = (each.copy() for each in gallery.match(embeddings))
        self._same_faces(embeddings, best, similarity)
        spoken = [self._said_of(digest, box) for box in boxes] or [None] * len(embeddings)
        for row, each in enumerate(spoken):
            never = () if each is None else each.not_
            if best[row] in self.of or best[row] in never:
                scores = self.allowed(
                    gallery, embeddings[row], gallery.scores(embeddings[[row]])[0]
                )
                scores[list(never)] = -1.0
                if scores[best[row]] == -1.0:
                    best[row], similarity[row] = scores.argmax(), scores.max()
        ignored = np.zeros(len(embeddings), bool)
        if len(self.ignored):
            nearest = gallery.against(self.ignored).scores(embeddings).max(1)
            ignored = (nearest > similarity) & (nearest >= threshold)
        for row, each in enumerate(spoken):
            if each is not None and (each.nobody or each.is_ is not None):
                ignored[row] = each.nobody
            if each is not None and each.is_ is not None:  # the enrolled photo itself
                best[row], similarity[row] = each.is_, 1.0
        return best, similarity, ignored

    def _said_of(self, digest: str, box: tuple[float, float, float, float]) -> Said | None:
        said = self.photos.get(digest, ())
        if not said:
            return None
        shared = overlaps(np.array([each.box for each in said]), np.array(box))
        best = int(shared.argmax())
        return said[best] if shared[best] >= SAME_BOX else None

    def allowed(self, gallery: Enrolled, embedding: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Similarities (p,) of a face with everybody, -1 with those who it is not."""
        scores = scores.copy()
        for person in np.unique(self.of):
            refused = float((self.refused[self.of == person] @ embedding).max())
            own = gallery.embeddings[gallery.labels == person] @ embedding
            if refused > float(own.max(initial=-1.0)):
                scores[person] = -1.0
        return scores

    def _same_faces(self, embeddings: np.ndarray, best: np.ndarray, similarity: np.ndarray) -> None:
        """Faces that somebody has named, seen again, are who they said: in place."""
        if not len(self.said):
            return
        cosines = embeddings @ self.said.T
        nearest, how = cosines.argmax(1), cosines.max(1)
        again = how >= SAME_FACE
        best[again] = self.whose[nearest[again]]
        similarity[again] = np.maximum(similarity[again], how[again])
