"""Who is known: templates per person, and the embeddings that they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from knownface.recognition.comparison import BLOCK, Comparison, Matcher, Templates
from knownface.recognition.corrections import Corrections
from knownface.stats.vectors import check_directions, mean_templates, sums_of, unit_length

# People from which on a search is asked whom to compare with: of fewer, comparing with everybody is
# as quick, and exact (benchmarks/shared_gallery.py).
SEARCHED = 100_000


class Search(Protocol):
    """Knows, of very many people, whom a face may be, without comparing it with everybody."""

    def __call__(self, embeddings: np.ndarray) -> list[np.ndarray]:
        """For each of n embeddings (n, d), rows of the gallery's templates, at least one."""
        ...


@dataclass(frozen=True)
class Gallery:
    """A value: every change gives a new gallery.

    people: names, sorted; row i of `templates` is that of people[i].
    templates: (p, d) float32 or, of very many people, float16; unit length.
    embeddings: (n, d) likewise, one per enrolled photo.
    labels: (n,) index into `people`.
    photos: n paths as the user gave them, relative to the data folder.
    digests: n file digests, so that an enrolled photo is never tested on.
    contract: which network, on which crops, made the embeddings: `Embedder.contract`.
    corrections: what somebody has said of single faces; only `named` heeds it.
    taken: when each photo was taken, see `Photo`, or None; none given stands for none known.
    small: (n, d) the photos with fewer pixels, see `embed/views.py`, for faces that show little;
        None: as they are. comparison: how embeddings are compared with templates, which then have
        to be means; None for the plain cosine.
    search: of a gallery that is shared, what finds people among very many.
    Raises ValueError where these do not belong together.
    """

    people: tuple[str, ...]
    templates: np.ndarray
    embeddings: np.ndarray
    labels: np.ndarray
    photos: tuple[str, ...]
    digests: tuple[str, ...]
    contract: str = ""
    corrections: Corrections | None = None
    taken: tuple[float | None, ...] = ()
    small: np.ndarray | None = None
    comparison: Comparison | None = None
    search: Search | None = None

    def __repr__(self) -> str:
        return f"Gallery({len(self.people)} people, {len(self.photos)} photos)"

    def __post_init__(self) -> None:
        if not self.taken:
            object.__setattr__(self, "taken", (None,) * len(self.photos))
        for name in ("templates", "embeddings", "small"):
            if getattr(self, name) is not None:
                check_directions(name, getattr(self, name))
        if self.labels.ndim != 1 or self.labels.dtype.kind != "i":
            raise ValueError("labels must be whole numbers, one per photo")
        people, photos = len(self.people), len(self.photos)
        if len(self.templates) != people or len(set(self.people)) != people:
            raise ValueError(f"{people} names for {len(self.templates)} templates, or names twice")
        per_photo = (self.embeddings, self.labels, self.digests, self.taken)
        if any(len(each) != photos for each in per_photo):
            raise ValueError("embeddings, labels, photos, digests and dates differ in number")
        width = self.embeddings.shape[1]
        if self.templates.shape[1] != width or (
            self.comparison is not None and len(self.comparison.gate) != width
        ):
            raise ValueError("templates and embeddings are of different networks")
        if self.small is not None and self.small.shape != self.embeddings.shape:
            raise ValueError("of small faces there must be as many embeddings")
        if not np.array_equal(np.unique(self.labels), np.arange(people)):
            raise ValueError("labels must name each of the people, and nobody else")

    @classmethod
    def enroll(
        cls,
        people: Sequence[str],
        embeddings: np.ndarray,
        labels: np.ndarray,
        photos: Sequence[str],
        digests: Sequence[str],
        templates: np.ndarray | None = None,
        contract: str = "",
        taken: Sequence[float | None] = (),
        small: np.ndarray | None = None,
        comparison: Comparison | None = None,
    ) -> Gallery:
        """A gallery of mean templates, or of given ones (p, d); every person needs a photo."""
        if templates is None:
            templates = mean_templates(embeddings, labels, len(people))
        return cls(
            tuple(people),
            np.asarray(templates, np.float32),
            np.asarray(embeddings, np.float32),
            np.asarray(labels, np.int64),
            tuple(photos),
            tuple(digests),
            contract,
            taken=tuple(taken),
            small=None if small is None else np.asarray(small, np.float32),
            comparison=comparison,
        )

    def with_photos(
        self,
        embeddings: np.ndarray,
        labels: np.ndarray,
        photos: Sequence[str],
        digests: Sequence[str],
        taken: Sequence[float | None] = (),
        small: np.ndarray | None = None,
    ) -> Gallery:
        """Enroll more photos of the same people: embeddings (n, d), labels (n,) into `people`.

        Templates become what `enroll` would have made of all photos together. A template that is no
        mean, such as the column of a head, moves as a mean of its own photos would.
        """
        if self.small is not None:
            small = np.concatenate([self.small, embeddings if small is None else small])
        sums = sums_of(self.embeddings, self.labels, len(self.people))
        sums = self.templates * np.linalg.norm(sums, axis=1, keepdims=True)
        sums += sums_of(embeddings, labels, len(self.people))
        return Gallery.enroll(
            self.people,
            np.concatenate([self.embeddings, embeddings]),
            np.concatenate([self.labels, labels]),
            (*self.photos, *photos),
            (*self.digests, *digests),
            unit_length(sums),
            self.contract,
            (*self.taken, *(taken or (None,) * len(photos))),
            small,
            self.comparison,
        )

    def only(self, rows: np.ndarray) -> Gallery:
        """As it was before all photos but those in `rows` were enrolled: `with_photos` undone.

        Everybody needs a photo among them; with ValueError otherwise.
        """
        others = np.setdiff1d(np.arange(len(self.labels)), rows)
        kept, more = (
            sums_of(self.embeddings[some], self.labels[some], len(self.people))
            for some in (rows, others)
        )
        # |template| of the sum is what gives the template before its length: a quadratic equation.
        along = (self.templates * more).sum(1)
        root = along**2 - (more**2).sum(1) + (kept**2).sum(1)
        sums = self.templates * (along + np.sqrt(np.maximum(root, 0)))[:, None] - more
        return Gallery.enroll(
            self.people,
            self.embeddings[rows],
            self.labels[rows],
            [self.photos[i] for i in rows],
            [self.digests[i] for i in rows],
            unit_length(sums),
            self.contract,
            [self.taken[i] for i in rows],
            None if self.small is None else self.small[rows],
            self.comparison,
        )

    def seen_by(
        self, embeddings: np.ndarray, contract: str, small: np.ndarray | None = None
    ) -> Gallery:
        """The same photos as the network sees them in another format or precision.

        embeddings, small: (n, d) of that; contract: its own. Templates move as the means of their
        photos do, so that means stay means; those of a head stay where they were among the photos,
        which is right for what differs little. So is comparing as before.
        """
        people = len(self.people)
        moved = mean_templates(embeddings, self.labels, people).astype(np.float64)
        moved -= mean_templates(self.embeddings, self.labels, people)
        templates = unit_length(self.templates + moved)
        return Gallery.enroll(
            self.people, embeddings, self.labels, self.photos, self.digests, templates, contract,
            self.taken, small, self.comparison,
        )  # fmt: skip

    @cached_property
    def ready(self) -> Templates:
        """The templates as they are compared."""
        sums = self._small_sums
        small = None if sums is None else unit_length(sums).astype(np.float32)
        return Templates(self.templates, small, self.comparison)

    @cached_property
    def _small_sums(self) -> np.ndarray | None:
        if self.small is None or self.comparison is None:
            return None
        return sums_of(self.small, self.labels, len(self.people))

    def scores(self, embeddings: np.ndarray) -> np.ndarray:
        """Similarity of unit-length embeddings (n, d) with everybody: (n, p)."""
        return self.ready.scores(embeddings)

    def against(self, templates: np.ndarray) -> Templates:
        """Other templates (k, d), to be compared in the same way."""
        return Templates(templates, None, self.comparison)

    def of_photos(self, rows: np.ndarray) -> Templates:
        """The means of some photos alone, everybody having one among them: rows, or (n,) bool."""
        small = None if self.small is None else self.small[rows]
        embeddings, labels = self.embeddings[rows], self.labels[rows]
        return Matcher.of_means(embeddings, labels, small, self.comparison).templates

    def pairs(self, names: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
        """Indices of pairs of people; pairs of which one is not enrolled are left out."""
        index = {name: i for i, name in enumerate(self.people)}
        return [(index[a], index[b]) for a, b in names if a in index and b in index]

    def match(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best person's index (n,) and similarity (n,); -1, -1 where nobody is enrolled."""
        if not self.people:
            return np.full(len(embeddings), -1), np.full(len(embeddings), -1.0, np.float32)
        if self.search is not None and len(self.people) >= SEARCHED:
            return self._found(self.search(embeddings), embeddings)
        best = np.zeros(len(embeddings), np.int64)
        highest = np.full(len(embeddings), -np.inf, np.float32)
        for start in range(0, len(self.people), BLOCK):
            scores = self.ready.scores(embeddings, slice(start, start + BLOCK))
            here = scores.argmax(1)
            found = scores[np.arange(len(scores)), here]
            better = found > highest
            best[better], highest[better] = here[better] + start, found[better]
        return best, highest

    def _found(
        self, candidates: list[np.ndarray], embeddings: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best among those whom each face may be; they are compared exactly."""
        best = np.zeros(len(embeddings), np.int64)
        highest = np.zeros(len(embeddings), np.float32)
        for i, rows in enumerate(candidates):
            scores = self.ready.scores(embeddings[[i]], rows)[0]
            best[i], highest[i] = rows[scores.argmax()], scores.max()
        return best, highest

    def named(
        self,
        embeddings: np.ndarray,
        threshold: float,
        digest: str = "",
        boxes: Sequence[tuple[float, float, float, float]] = (),
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`match` as corrected by hand, and whether each face is one to be ignored (n,).

        digest, boxes: of the photo and its n faces, where these are known.
        """
        if self.corrections is None:
            return *self.match(embeddings), np.zeros(len(embeddings), bool)
        return self.corrections.match(self, embeddings, threshold, digest, boxes)

    def nearest_photos(self, embedding: np.ndarray, person: int, count: int = 3) -> list[str]:
        """The enrolled photos of one person that are most like an embedding (d,)."""
        rows = np.flatnonzero(self.labels == person)
        order = np.argsort(-(self.embeddings[rows] @ embedding), kind="stable")[:count]
        return [self.photos[rows[i]] for i in order]

    def scores_without_itself(self) -> tuple[np.ndarray, np.ndarray]:
        """Similarity of enrolled photos with mean templates (m, p), and whose they are (m,).

        A photo takes no part in its own person's template; people with one photo are left out as
        photos, not as templates. Templates of a tuned head cannot do without a photo: means stand
        for them.
        """
        sums = sums_of(self.embeddings, self.labels, len(self.people))
        rows = np.flatnonzero(np.bincount(self.labels)[self.labels] > 1)
        means = replace(self, templates=unit_length(sums).astype(np.float32))
        return means.without_itself(rows, sums), self.labels[rows]

    def without_itself(self, rows: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """Similarity (m, p) of enrolled photos with everybody, their own person without them.

        rows: (m,) of photos whose person has others; sums: (p, d), that the templates are the
        directions of.
        """
        photos, labels = self.embeddings[rows].astype(np.float32), self.labels[rows]
        scores = self.scores(photos).astype(np.float64)
        small = None
        if self.small is not None and self._small_sums is not None:
            small = unit_length(self._small_sums[labels] - self.small[rows])
        own = Templates(unit_length(sums[labels] - photos), small, self.comparison)
        scores[np.arange(len(photos)), labels] = own.paired(photos)
        return scores
