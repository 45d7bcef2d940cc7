"""Who a track is: one answer from all its pictures, given when it is sure, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np

from knownface.faces.face import Face
from knownface.faces.quality import nose_share
from knownface.recognition.answers import SMALLEST_FACE
from knownface.recognition.confidence import Confidence
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.result import ALREADY_NAMED, RecognizedFace
from knownface.recognition.tracks import Track, Tracker
from knownface.stats.vectors import unit_length

FULL = 112.0  # pixels of a face's shorter side from which more of them add nothing
# Pictures that a name needs: with three as many strangers are taken for known people, and a
# twentieth fewer pictures of known people have their name (benchmarks/video.py, crowd, on other
# people than are reported on).
PICTURES = 2
KEEPS = 0.1  # cosine below the threshold at which a name is lost, and by which another must lead
NOT_YET = "not sure yet"


class Identities:
    """The answers for one video; asked picture by picture, in order of their times."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer
        self._tracker = Tracker(recognizer.threshold.value)
        self._confidence = recognizer.confidence or Confidence.assumed(recognizer.threshold)
        self._people: WeakKeyDictionary[Track, int] = WeakKeyDictionary()

    def answers(
        self, seconds: float, faces: Sequence[Face], embeddings: np.ndarray
    ) -> tuple[RecognizedFace, ...]:
        """Every face of a picture, with the answer of its track: embeddings (k, d), unit length."""
        weights = np.array([trust(face) for face in faces])
        tracks = self._tracker.update(seconds, faces, embeddings, weights)
        scores = {track: self._scores(track) for track in tracks if track}
        refused = self._decide(scores)
        return tuple(
            self._answer(face, track, scores[track], track in refused) if track
            else self._alone(face, embedding)
            for face, track, embedding in zip(faces, tracks, embeddings, strict=True)
        )  # fmt: skip

    def _scores(self, track: Track) -> np.ndarray:
        """How similar a track is to each person, -1 to those who it was said not to be: (p,)."""
        gallery, mean = self._recognizer.gallery, unit_length(track.sum[None])
        scores = np.asarray(gallery.scores(mean)[0])
        corrections = gallery.corrections
        return corrections.allowed(gallery, mean[0], scores) if corrections else scores

    def _decide(self, scores: dict[Track, np.ndarray]) -> set[Track]:
        """Settle who each track is; who would have a name that another one has is returned."""
        threshold = self._recognizer.threshold.value
        claims: dict[int, list[tuple[float, Track]]] = {}
        for track, given in scores.items():
            best, now = int(given.argmax()), self._people.get(track)
            if now is not None and given[now] >= max(threshold, given[best]) - KEEPS:
                claims.setdefault(now, []).append((given[now] + KEEPS, track))
            elif given[best] >= threshold and track.seen >= PICTURES:
                claims.setdefault(best, []).append((given[best], track))
            self._people.pop(track, None)
        refused = set()
        for person, rivals in claims.items():
            first = max(rivals, key=lambda rival: rival[0])[1]
            self._people[first] = person
            refused |= {track for _, track in rivals if track is not first}
        return refused

    def _answer(
        self, face: Face, track: Track, scores: np.ndarray, refused: bool
    ) -> RecognizedFace:
        person = self._people.get(track)
        best = int(scores.argmax()) if person is None else person
        similarity, nearest = float(scores[best]), self._recognizer.people[best]
        confidence = float(self._confidence(scores[best]))
        name = None if person is None else nearest
        reason = None if name else "unknown"
        if refused:
            reason = ALREADY_NAMED
        elif not name and track.seen < PICTURES:
            reason = NOT_YET
        elif not name and self._too_poor(face, track):
            reason = "too poor"
        return RecognizedFace(face.box, name, similarity, reason, nearest, confidence, track.number)

    def _too_poor(self, face: Face, track: Track) -> bool:
        """Whether all pictures of a track together show too little."""
        if min(face.box[2:]) < SMALLEST_FACE:
            return True
        return bool(self._recognizer.too_poor(unit_length(track.sum[None]))[0])

    def _alone(self, face: Face, embedding: np.ndarray) -> RecognizedFace:
        """A face of which too little is seen for a track."""
        best, similarity = self._recognizer.gallery.match(embedding[None])
        nearest = self._recognizer.people[int(best[0])]
        confidence = float(self._confidence(similarity)[0])
        return RecognizedFace(face.box, None, float(similarity[0]), "too poor", nearest, confidence)


def trust(face: Face) -> float:
    """How much a picture of a face counts, 0 to 1: how sure it is one, how large, how frontal."""
    size = min(min(face.box[2:]) / FULL, 1.0)
    return max(face.score * size * frontal(face), 1e-3)


def frontal(face: Face) -> float:
    """1 for a face that looks into the camera, less for a profile, by its nose and eyes."""
    share = nose_share(face)
    if np.isnan(share):
        return 1.0
    return float(np.clip(1.5 - 2 * abs(share - 0.5) * 1.5, 0.1, 1.0))
