"""What is said at the end of videos: who was there, when, how long, and the best picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from knownface.recognition.appearances import Appearance, Appearances, TrackEvent
from knownface.recognition.result import Recognition


@dataclass(frozen=True)
class Presence:
    """One person in one source.

    begin, end: from the first picture to the last one; seconds: how long they were seen in all.
    best: the appearance in which the face was largest.
    """

    name: str
    begin: float
    end: float
    seconds: float
    appearances: int
    best: Appearance

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "from": round(self.begin, 3),
            "to": round(self.end, 3),
            "seconds": round(self.seconds, 3),
            "appearances": self.appearances,
            "best": self.best.to_json()["best"],
            "similarity": round(self.best.similarity, 4),
        }


@dataclass
class Watched:
    """One source. strangers: tracks without a name that are seen in two pictures and more."""

    source: str
    seconds: float = 0.0
    pictures: int = 0
    people: dict[str, Presence] = field(default_factory=dict)
    strangers: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "seconds": round(self.seconds, 3),
            "pictures": self.pictures,
            "people": [each.to_json() for each in self.people.values()],
            "strangers": self.strangers,
        }


class Summary:
    """Grows with the people who are known, not with the time or the strangers."""

    def __init__(self) -> None:
        self.sources: dict[str, Watched] = {}
        self.failed: list[str] = []
        self._now = ""
        self._seen = Appearances()

    def add(self, recognition: Recognition) -> Iterator[TrackEvent]:
        """Take in an answer of a video; what happened with it."""
        if recognition.path != self._now:
            yield from self.finish()
            self._now = recognition.path
        if recognition.error or recognition.seconds is None:
            self.failed.append(recognition.path)
            return
        watched = self.sources.setdefault(recognition.path, Watched(recognition.path))
        watched.seconds = recognition.seconds
        watched.pictures += 1
        yield from map(self._counted, self._seen.add(recognition))

    def finish(self) -> Iterator[TrackEvent]:
        """The source is over."""
        yield from map(self._counted, self._seen.finish())

    def to_json(self) -> list[dict[str, Any]]:
        return [each.to_json() for each in self.sources.values()]

    def _counted(self, event: TrackEvent) -> TrackEvent:
        seen = event.appearance
        if event.kind == "went" and (watched := self.sources.get(seen.source)):
            if seen.name:
                watched.people[seen.name] = _with(watched.people.get(seen.name), seen, seen.name)
            else:
                watched.strangers += seen.pictures > 1
        return event


def _with(before: Presence | None, seen: Appearance, name: str) -> Presence:
    lasted = seen.end - seen.begin
    if before is None:
        return Presence(name, seen.begin, seen.end, lasted, 1, seen)
    return replace(
        before,
        begin=min(before.begin, seen.begin),
        end=max(before.end, seen.end),
        seconds=before.seconds + lasted,
        appearances=before.appearances + 1,
        best=max(before.best, seen, key=lambda each: each.box[3]),
    )
