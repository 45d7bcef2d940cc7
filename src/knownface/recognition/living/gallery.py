"""Who is known, as one file that several processes read and change: each change is all or nothing.

What somebody has said, of a face or of two people, stays said: through merging, grouping again and
training again. Only what contradicts it, said later, or `undo`, takes it back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from knownface.recognition.artifact import GALLERY, TEMPLATES, artifact_folder
from knownface.recognition.comparison import Comparison
from knownface.recognition.living import (
    correcting,
    enrolling,
    forgetting,
    groups,
    looking,
    memory,
    naming,
    people,
    reviewing,
    shared,
)
from knownface.recognition.living.changes import Recorder
from knownface.recognition.living.groups import MOST_PAIRS
from knownface.recognition.living.reading import (
    Known,
    checked,
    meta,
    number,
    people_in,
    refresh_templates,
)
from knownface.recognition.living.records import (
    Change,
    Done,
    Entry,
    FaceRecord,
    Group,
    Pair,
    Person,
    Receipt,
    SeenFace,
    SeenPhoto,
    Sighting,
    Sorted,
    State,
)
from knownface.recognition.record import Artifact, tell_people
from knownface.recognition.standing import MOST_TEMPLATES, Standing

Who = str | int  # a name, also one that somebody had before, or an id
Work = Callable[[Recorder, Known], Done]
See = Callable[[Sequence[SeenFace]], Sequence[SeenFace]]


class LivingGallery:
    """The `gallery.sqlite` of a recogniser's folder; safe from any thread and any process.

    folder: a recognizer folder, or the run folder around it. Each method opens the file for itself
    and is one transaction. actor: who changes something, for the history. seen: adds to faces, as
    they are enrolled, what only the network can say of them: `Recognizer.with_small`.
    Raises KnownfaceError, in each method, where that cannot be done; then nothing was changed.
    """

    def __init__(self, folder: str | Path, seen: See | None = None) -> None:
        self.folder = artifact_folder(Path(folder))
        self._seen = seen
        self.path = self.folder / GALLERY
        self._last: Known | None = None

    def __repr__(self) -> str:
        return f"LivingGallery({str(self.folder)!r})"

    # ------------------------------------------------------------ looking
    @property
    def number(self) -> int:
        """How many changes there were: as long as it stays, nothing has changed."""
        return shared.changes_of(self.path)

    def read(self) -> Known:
        """Everything that recognising needs, at one moment."""
        with shared.reading(self.path) as database:
            return checked(self.path, database, Comparison.beside(self.path))

    def people(self, state: State = "known") -> list[Person]:
        """By name; unknown and ignored ones the last seen first."""
        with shared.reading(self.path) as database:
            return looking.people(database, state)

    def names(self) -> list[str]:
        """Of known people, and nothing else of them: at once, whatever is remembered."""
        with shared.reading(self.path) as database:
            return looking.names(database)

    def count(self, state: State = "known") -> int:
        """How many people there are."""
        with shared.reading(self.path) as database:
            return looking.count(database, state)

    def person(self, who: Who) -> Person:
        with shared.reading(self.path) as database:
            return looking.person(database, naming.find(database, who))

    def faces(self, who: Who) -> list[FaceRecord]:
        """The enrolled faces of somebody, the best first."""
        with shared.reading(self.path) as database:
            return looking.faces(database, naming.find(database, who))

    def settled(self, name: str) -> dict[str, bool]:
        """Photos that are not to be added to somebody again, by digest.

        True: they are enrolled. False: somebody took them away, or said that it is somebody else,
        or that a face in them is nobody.
        """
        with shared.reading(self.path) as database:
            return looking.settled(database, naming.look_up(database, name))

    def embeddings_of(self, name: str) -> np.ndarray:
        """Of the faces (n, d) that somebody has; none where nobody has that name."""
        with shared.reading(self.path) as database:
            return looking.embeddings_of(database, naming.look_up(database, name))

    def portrait(self, face: int) -> bytes | None:
        """A JPEG of an enrolled face, where one was kept."""
        with shared.reading(self.path) as database:
            return looking.portrait(database, face)

    def groups(self, limit: int, skip: int = 0, once: bool = False) -> list[Group]:
        """Unknown people with several faces, the most first; once: those with a single one."""
        with shared.reading(self.path) as database:
            return groups.largest(database, once, limit, skip)

    def groups_of(self, ids: Sequence[int]) -> list[Group]:
        """Those people who are still there, in that order."""
        with shared.reading(self.path) as database:
            return groups.groups_of(database, ids)

    def unlike_first(self, who: Who, limit: int) -> list[int]:
        """Ids of somebody's faces, those least like the others first."""
        with shared.reading(self.path) as database:
            return groups.unlike_first(database, naming.find(database, who), limit)

    def pairs(self, limit: int = MOST_PAIRS, who: int | None = None) -> list[Pair]:
        """Two who may be one person, the likeliest first; who: with whom somebody may be one."""
        threshold = self._threshold()
        with shared.reading(self.path) as database:
            return groups.pairs(database, threshold, limit, who)

    def sorted(self) -> Sorted:
        """How many groups and faces somebody has said something of, of how many."""
        with shared.reading(self.path) as database:
            return groups.how_sorted(database)

    def history(self, limit: int = 50, before: int | None = None) -> list[Entry]:
        """Changes, the last first; before: only those before that change."""
        with shared.reading(self.path) as database:
            return looking.history(database, limit, before)

    def sightings(self, limit: int = 50, before: int | None = None) -> list[Sighting]:
        """Who was recognised, the last first, where a memory is switched on."""
        with shared.reading(self.path) as database:
            return looking.sightings(database, limit, before)

    def standing(self) -> Standing:
        """How many known faces are named and strangers accepted, of the photos kept aside."""
        return self.read().standing(self._threshold())

    # ------------------------------------------------------------ changing
    def enroll(self, name: str, faces: Sequence[SeenFace], actor: str = "shell") -> Change:
        """Add photos of somebody; a name that nobody has is a newcomer's."""
        threshold = self._threshold()
        seen = self._seen(faces) if self._seen else faces
        return self._change(
            "enroll", actor, lambda r, known: enrolling.enroll(r, known, name, seen, threshold)
        )

    def correct(
        self,
        face: SeenFace,
        is_: str | None = None,
        not_: Who | None = None,
        nobody: bool = False,
        actor: str = "shell",
    ) -> Change:
        """Say who a face is, who it is not, or that it is nobody: for good, until said otherwise.

        A face that is somebody joins their photos. One that is nobody is never named, nor what is
        more like it than like anybody known.
        """
        (seen,) = self._seen([face]) if self._seen else [face]
        said = correcting.Said(seen, is_, not_, nobody)
        threshold = self._threshold()
        return self._change(
            "correct", actor, lambda r, known: correcting.correct(r, known, said, threshold)
        )

    def rename(self, who: Who, to: str, actor: str = "shell") -> Change:
        return self._change("rename", actor, lambda r, _: Done(people.rename(r, who, to)))

    def name(self, who: int, name: str, actor: str = "shell") -> Change:
        """Give somebody unknown a name; if somebody has it, these faces are theirs."""
        return self._change("name", actor, lambda r, _: Done(people.name(r, who, name)))

    def ignore(self, who: int, actor: str = "shell") -> Change:
        """Never name somebody unknown, nor count them, from now on."""
        return self._change("ignore", actor, lambda r, _: Done(people.ignore(r, who)))

    def not_a_face(self, who: int, actor: str = "shell") -> Change:
        """What was taken for somebody unknown is no face: never grouped nor shown again."""
        return self._change("not-a-face", actor, lambda r, _: Done(reviewing.not_a_face(r, who)))

    def part(self, who: Who, faces: Sequence[int], actor: str = "shell") -> Change:
        """Some faces are not somebody, and become a new unknown person; the others surely are."""
        return self._change("part", actor, lambda r, _: Done(reviewing.part(r, who, faces)))

    def merge(self, who: Who, into: Who, actor: str = "shell") -> Change:
        """Two are one person; refused where somebody has said that they are not."""
        return self._change("merge", actor, lambda r, _: Done(people.merge(r, who, into)))

    def split(self, who: Who, faces: Sequence[int], to: str, actor: str = "shell") -> Change:
        """Some faces of somebody are another person, new or known: the two never merge again."""
        return self._change("split", actor, lambda r, _: Done(people.split(r, who, faces, to)))

    def remove(self, face: int, actor: str = "shell") -> Change:
        """Take one photo away; not the last one."""
        return self._change("remove", actor, lambda r, _: Done(people.remove(r, face)))

    def feature(self, who: Who, face: int, actor: str = "shell") -> Change:
        """The face to show for somebody."""
        return self._change("feature", actor, lambda r, _: Done(people.feature(r, who, face)))

    def born(self, who: Who, date: str | None, actor: str = "shell") -> Change:
        """A birth date, YYYY-MM-DD, or none."""
        return self._change("born", actor, lambda r, _: Done(people.born(r, who, date)))

    def never_same(self, one: Who, other: Who, actor: str = "shell") -> Change:
        """Two people who are never to be merged."""
        return self._change(
            "never-same", actor, lambda r, _: Done(people.never_same(r, one, other))
        )

    def undo(self, change: int | None = None, actor: str = "shell") -> Change:
        """Take back a change, by default the last one that was not taken back."""
        return self._change("undo", actor, lambda r, _: Done(people.undo(r, change)))

    def forget(self, who: Who, actor: str = "shell") -> Receipt:
        """Erase every trace of somebody here, and prove it; this cannot be undone."""
        self._last = None
        return forgetting.forget(self.folder, self.path, who, actor, self._threshold())

    # ------------------------------------------------------------ memory
    def remember(self, seen: SeenPhoto, source: str, at: float | None = None) -> None:
        """Note who was recognised; faces of nobody known are grouped, to be named later."""
        with shared.changing(self.path) as database:
            memory.remember(database, seen, source, at, self._threshold())

    def expire(self, days: float) -> int:
        """Erase what was remembered before so many days; gives how many sightings went."""
        with shared.changing(self.path) as database:
            return memory.expire(database, days)

    # ------------------------------------------------------------ inside
    def _change(self, verb: str, actor: str, work: Work) -> Change:
        threshold = self._threshold()
        with shared.changing(self.path) as database:
            before = self._now(database)
            recorder = Recorder(database, verb, actor)
            done = work(recorder, before)
            refresh_templates(database, recorder.people)
            recorder.finish(done.text)
            after = checked(self.path, database, before.gallery.comparison)
        if len(after.ids) <= MOST_TEMPLATES:
            self._last = replace(after, number=after.number + 1)  # which this change adds
        exported = (self.folder / TEMPLATES).is_file()
        if exported or before.gallery.people != after.gallery.people:
            tell_people(self.folder, partial(people_in, self.path))
        return Change(
            recorder.change, verb, done.text, tuple(done.notes), before.standing(threshold),
            after.standing(threshold), done.cause,
        )  # fmt: skip

    def _now(self, database: sqlite3.Connection) -> Known:
        """What is known, read only where that is not as the last change here left it."""
        last = self._last
        if last is not None and (last.number, last.id) == (number(database), meta(database, "id")):
            return last
        return checked(self.path, database, Comparison.beside(self.path))

    def _threshold(self) -> float:
        return float(Artifact.read(self.folder).decision.threshold.value)
