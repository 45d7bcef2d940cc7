"""Who was seen in a video, from when to when: what the pictures' answers amount to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from knownface.recognition.motion import Box
from knownface.recognition.result import Recognition, RecognizedFace
from knownface.recognition.tracks import patience

TOO_BRIEF = "too brief"  # of a track that only one picture shows


@dataclass(frozen=True)
class Appearance:
    """One track: a face from when it came until it went, and the one answer to who it was.

    begin, end, best: in seconds of the video; best is when the face was largest, at `box`.
    pictures: in how many of those looked at. name, similarity, confidence, nearest, reason: the
    last answer, as in `RecognizedFace`; named: when the name was sure, or None.
    """

    source: str
    track: int
    begin: float
    end: float
    pictures: int
    name: str | None
    similarity: float
    confidence: float
    nearest: str | None
    reason: str | None
    best: float
    box: Box
    named: float | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it, rounded."""
        return {
            "source": self.source,
            "track": self.track,
            "name": self.name,
            "similarity": round(self.similarity, 4),
            "confidence": round(self.confidence, 4),
            "nearest": self.nearest,
            "reason": self.reason,
            "from": round(self.begin, 3),
            "to": round(self.end, 3),
            "pictures": self.pictures,
            "named": None if self.named is None else round(self.named, 3),
            "best": {"seconds": round(self.best, 3), "box": [round(v, 1) for v in self.box]},
        }


@dataclass(frozen=True)
class TrackEvent:
    """Something that happened to a track: it came, got a name, lost it, or went."""

    kind: Literal["came", "named", "unnamed", "went"]
    seconds: float
    appearance: Appearance

    def to_json(self) -> dict[str, Any]:
        """A line of `knownface recognize clip.mp4 --json`."""
        return {"event": self.kind, "seconds": round(self.seconds, 3)} | self.appearance.to_json()


class Appearances:
    """Follows the answers of one video, picture by picture; remembers only who is there."""

    def __init__(self) -> None:
        self._there: dict[int, Appearance] = {}
        self._now = 0.0

    def add(self, recognition: Recognition) -> Iterator[TrackEvent]:
        """What happened between the last picture and this one."""
        now = recognition.seconds
        if now is None:
            return
        waits, self._now = patience(now - self._now), now
        for track, gone in list(self._there.items()):
            if now - gone.end > waits:
                del self._there[track]
                yield _went(gone)
        for face in recognition.faces:
            if face.track is not None:
                yield from self._seen(recognition.path, face.track, face, now)

    def finish(self) -> Iterator[TrackEvent]:
        """The video is over, and everybody goes."""
        self._now = 0.0
        while self._there:
            yield _went(self._there.pop(next(iter(self._there))))

    def _seen(
        self, source: str, track: int, face: RecognizedFace, now: float
    ) -> Iterator[TrackEvent]:
        answer = {
            key: getattr(face, key)
            for key in ("name", "similarity", "confidence", "nearest", "reason")
        }
        before = self._there.get(track)
        if before is None:
            here = Appearance(source, track, now, now, 1, **answer, best=now, box=face.box)
        else:
            here = replace(before, end=now, pictures=before.pictures + 1, **answer)
            if face.box[3] > before.box[3]:
                here = replace(here, best=now, box=face.box)
        changed = (before.name if before else None) != face.name
        if changed:
            here = replace(here, named=now if face.name else None)
        self._there[track] = here
        if here.pictures == 2:
            yield TrackEvent("came", here.begin, here)
        if changed:
            yield TrackEvent("named" if face.name else "unnamed", now, here)


def _went(gone: Appearance) -> TrackEvent:
    if gone.pictures < 2 and not gone.name:
        gone = replace(gone, reason=TOO_BRIEF)
    return TrackEvent("went", gone.end, gone)
