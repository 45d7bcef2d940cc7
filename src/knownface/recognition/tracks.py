"""Faces of a video become tracks: which face of this picture is which of the last ones?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from knownface.faces.face import Face
from knownface.recognition.motion import Box, Motion, overlaps
from knownface.stats.vectors import unit_length

# How long a track waits for its face to be seen again: in seconds, and in pictures where these are
# rarer than that.
PATIENCE, PICTURES_MISSED = 2.0, 2.5
# Detector's score from which a face begins a track, and is trusted to look like somebody; weaker
# ones only continue tracks, where one was expected (ByteTrack: Zhang et al., 2022).
STRONG = 0.75
TOUCHING, COVERING = 0.1, 0.3  # overlap that a likely face needs, and one of which nothing is known
# Cosines between a face and a track, in thresholds of the recogniser: below the first it is
# somebody else, whatever its place; from the second it need only be where the track may have gone
# to, and from the third it may have jumped anywhere. In clips made from stills, of two faces of one
# person that follow each other 1 % are below 0.5 and 5 % below 1, and of two people's 99 % below
# 0.65 (benchmarks/video.py, on people and strangers that are not reported on).
OTHER, LIKELY, SAME = 0.3, 0.7, 1.1
REACH = 3.0  # standard deviations of a track's place
# So many pictures in a row that are so unlike all before (in thresholds) are somebody else, who
# came into the track's place, after a cut perhaps, and shall not keep the name.
STRANGE, UNLIKE = 3, 0.5


@dataclass(eq=False)
class Track:
    """One face over time.

    number: from 1, in the order of their first pictures. seconds: when it was seen last.
    box: where it was then. seen: in how many pictures. sum: (d,) weighted sum of its embeddings.
    weight: of all of them. latest: (d,) the last embedding that could be trusted; trusted: when.
    strange: the last pictures that did not look like the others, and their weights.
    """

    number: int
    motion: Motion = field(repr=False)
    seconds: float
    box: Box
    seen: int = 1
    sum: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    weight: float = 0.0
    latest: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False)
    trusted: float = 0.0
    strange: list[tuple[np.ndarray, float]] = field(default_factory=list, repr=False)

    def add(self, embedding: np.ndarray, weight: float) -> None:
        """Take in how the face looked: unit-length (d,)."""
        self.sum = weight * embedding + (self.sum if len(self.sum) else 0.0)
        self.weight += weight

    def looks(self, embedding: np.ndarray, weight: float, least: float) -> bool:
        """Take in a picture that can be trusted; whether the track is still the same face.

        least: cosine to the mean below which it may be somebody else, if others follow.
        """
        self.latest, self.trusted = embedding, self.seconds
        if self.weight and float(embedding @ unit_length(self.sum[None])[0]) < least:
            self.strange.append((embedding, weight))
            return len(self.strange) < STRANGE
        self.strange.clear()  # bad pictures of the same face
        self.add(embedding, weight)
        return True


class Tracker:
    """Gives faces of one picture after another to tracks.

    threshold: cosine from which two faces are one person, the recogniser's own.
    A track ends when its face was not seen for `patience`; so many are kept, and no more.
    """

    def __init__(self, threshold: float) -> None:
        self.tracks: list[Track] = []
        self._threshold = threshold
        self._now = 0.0
        self._count = 0

    def update(
        self, seconds: float, faces: Sequence[Face], embeddings: np.ndarray, weights: np.ndarray
    ) -> list[Track | None]:
        """The track of each face at a time; None for a weak one that continues none.

        embeddings: (k, d) unit length; weights: (k,) how far each can be trusted.
        """
        gap, self._now = seconds - self._now, seconds
        self.tracks = [t for t in self.tracks if seconds - t.seconds <= patience(gap)]
        for each in self.tracks:
            each.motion.predict(gap)
        boxes: list[Box] = [face.box for face in faces]
        strong = np.array([face.score >= STRONG for face in faces], bool)
        given = self._assigned(boxes, embeddings, strong, gap)
        answer: list[Track | None] = []
        for i, box in enumerate(boxes):
            track: Track | None = given.get(i)
            if track is None and not strong[i]:
                answer.append(None)
                continue
            if track is None:
                track = self._begin(box)
            else:
                self._continue(track, box, gap)
            least = UNLIKE * self._threshold
            if strong[i] and not track.looks(embeddings[i], float(weights[i]), least):
                track = self._part(track)
            answer.append(track)
        return answer

    def _begin(self, box: Box) -> Track:
        self._count += 1
        track = Track(self._count, Motion(box), self._now, box)
        self.tracks.append(track)
        return track

    def _part(self, track: Track) -> Track:
        """Who came into the place of a track, as a track of their own; the other one ends."""
        new = self._begin(track.box)
        new.motion, new.seen = track.motion, len(track.strange)
        for embedding, weight in track.strange:
            new.looks(embedding, weight, -1.0)
        self.tracks.remove(track)
        return new

    def _continue(self, track: Track, box: Box, gap: float) -> None:
        away = self._now - track.seconds
        if away > 1.5 * gap:
            track.motion.resume(track.box, box, away)
        else:
            track.motion.correct(box)
        track.seconds, track.box = self._now, box
        track.seen += 1

    def _assigned(
        self, boxes: list[Box], embeddings: np.ndarray, strong: np.ndarray, gap: float
    ) -> dict[int, Track]:
        """Which track each face continues: strong faces first, then weak, then the left over."""
        tracks = self.tracks
        if not tracks or not boxes:
            return {}
        expected = overlaps(boxes, [track.motion.box for track in tracks])
        before = overlaps(boxes, [track.box for track in tracks])
        alike = self._alike(embeddings)
        missed = np.array([self._now - track.trusted > 1.5 * gap for track in tracks])
        needed = np.where(missed, LIKELY, OTHER) * self._threshold
        near = (expected >= TOUCHING) & (alike >= needed)
        away = np.stack([track.motion.away(boxes) for track in tracks], axis=1)
        near |= (away <= REACH) & (alike >= LIKELY * self._threshold)
        again = (before >= COVERING) & (alike >= needed)
        jumped = alike >= SAME * self._threshold
        given: dict[int, Track] = {}
        for fits, affinity, which in (
            (near | jumped, expected + np.maximum(alike, 0), strong),
            (expected >= COVERING, expected, ~strong),
            (again, before, strong),
        ):
            taken = [track in given.values() for track in tracks]
            open_ = which & ~np.isin(np.arange(len(boxes)), list(given))
            allowed = fits & open_[:, None] & ~np.array(taken)[None]
            for i, j in _best(affinity, allowed):
                given[i] = tracks[j]
        return given

    def _alike(self, embeddings: np.ndarray) -> np.ndarray:
        """Cosine of each face (k, d) with each track, its mean or its latest: (k, tracks)."""
        means = unit_length(np.stack([track.sum for track in self.tracks]))
        latest = np.stack([track.latest for track in self.tracks])
        return np.asarray(np.maximum(embeddings @ means.T, embeddings @ latest.T))


def patience(gap: float) -> float:
    """How long a track waits, in seconds, where pictures are `gap` apart."""
    return max(PATIENCE, PICTURES_MISSED * gap)


def _best(affinity: np.ndarray, allowed: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of the highest affinity in all, of those allowed: (n, m) both."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.where(allowed, -1.0 - affinity, 0.0))
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(i, j) for i, j in pairs if allowed[i, j]]
