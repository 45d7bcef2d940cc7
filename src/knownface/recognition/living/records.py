"""The values that a living gallery takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition
    from knownface.recognition.standing import Standing

State = Literal["known", "unknown", "ignored"]


@dataclass(frozen=True)
class SeenFace:
    """One face as it was seen, with all that is needed to enroll or to correct it.

    embedding: (d,) float32, unit length. box: x, y, width, height in the photo; size: its width and
        height. quality: 0 to 1. source: the photo's path or what stands for it; digest: of its
        content. portrait: a JPEG around the face; frame: where the face lies in it. score: how sure
        the detector is that it is a face, 0 to 1; landmarks: (5, 2) in the photo, see `Face`.
        taken: when, see `Photo`. small: (d,), of fewer pixels, where its network needs that.
    """

    embedding: np.ndarray = field(repr=False)
    box: tuple[float, float, float, float]
    size: tuple[int, int]
    quality: float
    source: str
    digest: str
    portrait: bytes = field(repr=False, default=b"")
    frame: np.ndarray | None = field(repr=False, default=None)
    score: float = 1.0
    landmarks: np.ndarray | None = field(repr=False, default=None)
    taken: float | None = None
    small: np.ndarray | None = field(repr=False, default=None)


@dataclass(frozen=True)
class SeenPhoto:
    """What recognising a photo gave, and each of its faces as it was seen, in the same order."""

    recognition: Recognition
    faces: tuple[SeenFace, ...] = field(repr=False)


@dataclass(frozen=True)
class Person:
    """One row of who is known.

    name: None for unknown and ignored people. added: Unix seconds; born: YYYY-MM-DD. featured: the
        face to show. quality: the mean of the faces', 0 to 1. alike: up to three people who look
        alike, and how much. seen: how many separate times, as far as that is remembered.
    """

    id: int
    name: str | None
    state: State
    photos: int
    added: float
    born: str | None
    featured: int | None
    quality: float
    alike: tuple[tuple[str, float], ...] = ()
    seen: int = 0
    first_seen: float | None = None
    last_seen: float | None = None

    def to_json(self) -> dict[str, Any]:
        said = asdict(self)
        said["alike"] = [{"name": name, "similarity": round(s, 4)} for name, s in self.alike]
        return said | {"quality": round(self.quality, 3)}


@dataclass(frozen=True)
class FaceRecord:
    """One enrolled face; said: somebody has said whose it is. See `SeenFace`."""

    id: int
    person: int | None
    box: tuple[float, float, float, float]
    size: str
    quality: float
    source: str
    digest: str
    added: float
    said: bool


@dataclass(frozen=True)
class Group:
    """Somebody, to be looked at; faces: ids of the best; photos: how many show them."""

    person: Person
    faces: tuple[int, ...]
    photos: int


@dataclass(frozen=True)
class Pair:
    """Ids of two who look like one person; similarity: the cosine of their templates.

    one: who has a name or, where neither has, more faces.
    """

    one: int
    other: int
    similarity: float


@dataclass(frozen=True)
class Sorted:
    """How far a pile of faces is sorted: groups and faces of whom something is said, and all.

    once: groups of a single face, among those that wait.
    """

    groups: int
    all_groups: int
    faces: int
    all_faces: int
    once: int


@dataclass(frozen=True)
class Entry:
    """One line of the history; undone: whether it was taken back; undoes: it can be."""

    id: int
    at: float
    actor: str
    verb: str
    text: str
    undone: bool
    undoes: bool


@dataclass(frozen=True)
class Sighting:
    """One face that was recognised, where a memory is switched on."""

    id: int
    at: float
    person: int | None
    name: str | None
    state: State | None
    similarity: float
    source: str
    reason: str | None


@dataclass(frozen=True)
class Cause:
    """Why a face was named wrongly.

    photo: the enrolled photo that did most for it; person: its name; similarity: of the face with
        the person; without: who would have won if that photo were not there, None for nobody.
    """

    photo: str
    face: int
    person: str
    similarity: float
    without: str | None

    def sentence(self) -> str:
        then = f"{self.without} would have won" if self.without else "nobody would have been named"
        if self.without == self.person:
            then = f"it would still have been named {self.person}: look at {self.person}'s photos"
        return (
            f"It was named {self.person} ({self.similarity:.2f}) mostly because of {self.photo}; "
            f"without that photo {then}"
        )


class Done(NamedTuple):
    """What was done, in one sentence; what to look at; and what a mistake came from."""

    text: str
    notes: Sequence[str] = ()
    cause: Cause | None = None


@dataclass(frozen=True)
class Change:
    """What a change did.

    text: in one sentence. warnings: what to look at. before, after: how many known faces are named
        and strangers accepted. cause: of the mistake that was corrected.
    """

    id: int
    verb: str
    text: str
    warnings: tuple[str, ...]
    before: Standing
    after: Standing
    cause: Cause | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def noting(self, more: Sequence[str]) -> Change:
        """With more to look at."""
        return replace(self, warnings=(*more, *self.warnings))

    def lines(self) -> list[str]:
        """For people to read."""
        lines = [f"{self.text} (change {self.id})", *self.warnings]
        if self.cause:
            lines.append(self.cause.sentence())
        return [*lines, self.after.compared_with(self.before)]


@dataclass(frozen=True)
class Receipt:
    """That somebody was forgotten: no name in it, and nothing biometric.

    erased: what is gone, in words; written_again: files that are there again without this person,
        and the report without pictures of anybody; remains: what is not, and what to do about it.
    searched: how many files, of how many bytes, were searched for what may be left, and how much
        was found.
    """

    at: float
    faces: int
    photos: int
    sightings: int
    erased: tuple[str, ...]
    remains: tuple[str, ...]
    searched: dict[str, int]
    written_again: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def after(self, written: Sequence[str]) -> Receipt:
        """The same when files were written again, which are not gone then."""
        gone = tuple(each for each in self.erased if each not in written)
        return replace(self, erased=gone, written_again=tuple(written))

    def lines(self) -> list[str]:
        files, size, found = (self.searched[key] for key in ("files", "bytes", "found"))
        proof = f"Searched {files} files ({size / 1e6:.1f} MB) for name and embeddings: "
        return [
            f"Forgotten: {self.faces} faces of {self.photos} photos, {self.sightings} sightings",
            *(f"Erased: {each}" for each in self.erased),
            *(f"Written again without this person: {each}" for each in self.written_again),
            proof + (f"{found} FOUND" if found else "nothing found"),
            *(f"Still there: {each}" for each in self.remains),
        ]
