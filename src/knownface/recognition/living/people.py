"""Who is who: names, merging, splitting, and what may never be merged."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Sequence

import numpy as np

from knownface.errors import KnownfaceError
from knownface.options import call
from knownface.recognition.living.changes import Recorder
from knownface.recognition.living.naming import checked_name, find, look_up, person_called, shown
from knownface.recognition.living.reviewing import (
    chosen_of,
    confirm,
    confirm_unknown,
    is_known,
)
from knownface.visible import counted


def rename(recorder: Recorder, who: str | int, to: str) -> str:
    database = recorder.database
    person, text = find(database, who), checked_name(to)
    before = shown(database, person)
    taken = database.execute(
        "SELECT id FROM people WHERE name = ? AND id != ? UNION ALL "
        "SELECT person FROM aliases WHERE name = ? AND person != ?", (text, person, text, person)
    ).fetchone()  # fmt: skip
    if taken:
        other = shown(database, taken[0])
        also = "" if other == text else f" (merged into {other}, or its name before)"
        raise KnownfaceError(
            f"somebody is called {text} already{also}; if {before} is the same person, merge them: "
            + call("people", ..., "merge", before, other)
        )
    if before == text:
        raise KnownfaceError(f"{text} is the name already")
    recorder.delete_where("aliases", "name = ?", text)
    had = database.execute("SELECT name FROM people WHERE id = ?", (person,)).fetchone()[0]
    recorder.update("people", person, name=text, state="known")
    if had:
        recorder.insert("aliases", name=had, person=person)
    return f"{before} is now called {text}"


def name(recorder: Recorder, who: int, called: str) -> str:
    """Somebody unknown, or ignored until now, gets a name, and so do their faces."""
    database, person = recorder.database, find(recorder.database, who)
    was, text = shown(database, person, True), checked_name(called)
    if database.execute("SELECT name FROM people WHERE id = ?", (person,)).fetchone()[0]:
        raise KnownfaceError(f"{was} has a name already; rename them")
    faces = len(recorder.rows("faces", "person = ?", person))
    known = look_up(database, text)
    confirm(recorder, person)
    if known is None:
        known = person
        recorder.update("people", person, name=text, state="known")
    if known != person:
        _join(recorder, person, known)
    return f"{was} is {shown(database, known)} ({faces} face{'s' * (faces != 1)})"


def ignore(recorder: Recorder, who: int) -> str:
    database, person = recorder.database, find(recorder.database, who)
    was = shown(database, person, True)
    if is_known(database, person):
        raise KnownfaceError(f"{was} is known; forget or rename them instead")
    confirm(recorder, person)
    recorder.update("people", person, state="ignored")
    return f"{was} is ignored from now on"


def merge(recorder: Recorder, who: str | int, into: str | int) -> str:
    database = recorder.database
    person, target = find(database, who), find(database, into)
    if is_known(database, person) and not is_known(database, target):
        person, target = target, person  # a name is kept
    names = shown(database, person, True), shown(database, target)
    if person == target:
        raise KnownfaceError(f"{names[0]} and {names[1]} are one person already")
    lead = ", and the name leads there" if is_known(database, person) else ""
    refuse_contradiction(database, person, target)
    confirm_unknown(recorder, person, target)
    faces = len(recorder.rows("faces", "person = ?", person))
    _join(recorder, person, target)
    moved = f"{faces} face{'s' * (faces != 1)} moved"
    return f"{names[0]} is {names[1]}: {moved}{lead}"


def _join(recorder: Recorder, person: int, target: int) -> None:
    """All that is somebody's becomes the target's."""
    database = recorder.database
    refuse_contradiction(database, person, target)
    for face in recorder.rows("faces", "person = ?", person):
        recorder.update("faces", face, person=target)
    for alias in recorder.rows("aliases", "person = ?", person):
        recorder.update("aliases", alias, person=target)
    for row in recorder.rows("constraints", "person = ? OR other = ?", person, person):
        _move_constraint(recorder, row, person, target)
    had, kept = (
        database.execute("SELECT * FROM people WHERE id = ?", (each,)).fetchone()
        for each in (person, target)
    )
    database.execute("UPDATE sightings SET person = ? WHERE person = ?", (target, person))
    recorder.delete("people", person)
    if had["name"]:
        recorder.insert("aliases", name=had["name"], person=target)
    anchors = [np.frombuffer(row["anchor"], "<f8") for row in (had, kept) if row["anchor"]]
    anchor = np.sum(anchors, axis=0).astype("<f8").tobytes() if anchors else None
    trained = max(had["trained"], kept["trained"])
    recorder.update("people", target, anchor=anchor, trained=trained)


def _move_constraint(recorder: Recorder, row: int, person: int, target: int) -> None:
    """What was said of somebody is said of the target."""
    found = recorder.database.execute("SELECT * FROM constraints WHERE id = ?", (row,)).fetchone()
    if found["kind"] == "not":
        there = recorder.rows("constraints", "face = ? AND person = ?", found["face"], target)
        values = {"person": target}
    else:
        pair = sorted({found["person"], found["other"]} - {person} | {target})
        there = recorder.rows("constraints", "person = ? AND other = ?", *pair)
        values = {"person": pair[0], "other": pair[1]}
    if there:
        recorder.delete("constraints", row)
    else:
        recorder.update("constraints", row, **values)


def refuse_contradiction(database: sqlite3.Connection, one: int, other: int) -> None:
    """KnownfaceError where somebody has said that two are not one person."""
    names = shown(database, one), shown(database, other)
    pair = sorted((one, other))
    if database.execute(
        "SELECT 1 FROM constraints WHERE person = ? AND other = ?", pair
    ).fetchone():
        raise KnownfaceError(
            f"{names[0]} and {names[1]} were said to be two people, so they are not merged; undo "
            f"that first, see {call('history', ...)}"
        )
    face = database.execute(
        "SELECT f.source, f.person FROM constraints c JOIN faces f ON f.id = c.face "
        "WHERE (c.person = ? AND f.person = ?) OR (c.person = ? AND f.person = ?)",
        (one, other, other, one),
    ).fetchone()
    if face:
        is_, not_ = names if face["person"] == one else names[::-1]
        raise KnownfaceError(
            f"{face['source']} is a photo of {is_}, and was said not to be {not_}, so that the two "
            f"are not merged; undo that first, see {call('history', ...)}"
        )


def split(recorder: Recorder, who: str | int, faces: Sequence[int], to: str) -> str:
    database, person = recorder.database, find(recorder.database, who)
    chosen, stay = chosen_of(recorder, person, faces)
    target, _ = person_called(recorder, to)
    if target == person:
        raise KnownfaceError(f"{to} is {shown(database, person)}; choose another name")
    for face in chosen:
        recorder.delete_where("constraints", "face = ? AND person = ?", face, target)
        recorder.update("faces", face, person=target, said=1)
    for face in stay:  # what was said of these still holds
        recorder.delete_where("constraints", "face = ? AND person = ?", face, person)
    _forget_featured(recorder, chosen)
    apart(recorder, person, target)
    return (
        f"{counted(len(chosen), 'face')} of {shown(database, person)} "
        f"{'is' if len(chosen) == 1 else 'are'} {shown(database, target)}"
    )


def apart(recorder: Recorder, one: int, other: int) -> None:
    """Two people from now on."""
    pair = sorted((one, other))
    if not recorder.rows("constraints", "person = ? AND other = ?", *pair):
        recorder.insert("constraints", kind="never-same", person=pair[0], other=pair[1])


def remove(recorder: Recorder, face: int) -> str:
    database = recorder.database
    row = database.execute("SELECT person, source FROM faces WHERE id = ?", (face,)).fetchone()
    if row is None:
        raise KnownfaceError(f"face {face} is not there any more; look again")
    if row["person"] is not None:
        keep_one(database, row["person"], face)
    recorder.delete_where("constraints", "face = ?", face)
    _forget_featured(recorder, [face])
    recorder.delete("faces", face)
    whose = "nobody" if row["person"] is None else shown(database, row["person"])
    return f"{row['source']} is no photo of {whose} any more"


def keep_one(database: sqlite3.Connection, person: int, face: int) -> None:
    """KnownfaceError where a face is the only one of somebody known."""
    others = database.execute(
        "SELECT 1 FROM faces WHERE person = ? AND id != ?", (person, face)
    ).fetchone()
    if others is None:
        who = shown(database, person)
        raise KnownfaceError(
            f"it is the only photo of {who}; enroll another one first, or forget {who}"
        )


def _forget_featured(recorder: Recorder, faces: Sequence[int]) -> None:
    for face in faces:
        for person in recorder.rows("people", "featured = ?", face):
            recorder.update("people", person, featured=None)


def feature(recorder: Recorder, who: str | int, face: int) -> str:
    person = find(recorder.database, who)
    if face not in recorder.rows("faces", "person = ?", person):
        raise KnownfaceError(f"face {face} is none of {shown(recorder.database, person)}'s")
    recorder.update("people", person, featured=face)
    return f"{shown(recorder.database, person)} is shown with face {face}"


def born(recorder: Recorder, who: str | int, date: str | None) -> str:
    person = find(recorder.database, who)
    try:
        day = datetime.date.fromisoformat(date) if date else None
        if day and day > datetime.date.today():
            raise ValueError
    except ValueError:
        raise KnownfaceError(f"{date!r:.40} is no birth date; write it as 1990-12-31") from None
    recorder.update("people", person, born=day and day.isoformat())
    who = shown(recorder.database, person)
    return f"{who} was born on {day.isoformat()}" if day else f"{who} has no birth date"


def never_same(recorder: Recorder, one: str | int, other: str | int) -> str:
    database = recorder.database
    pair = find(database, one), find(database, other)
    names = shown(database, pair[0], True), shown(database, pair[1])
    if pair[0] == pair[1]:
        raise KnownfaceError(f"{names[0]} and {names[1]} are one person; split them first")
    if recorder.rows("constraints", "person = ? AND other = ?", *sorted(pair)):
        raise KnownfaceError(f"{names[0]} and {names[1]} are two people already")
    confirm_unknown(recorder, *pair)
    apart(recorder, *pair)
    return f"{names[0]} and {names[1]} are two people, and stay so"


def undo(recorder: Recorder, change: int | None) -> str:
    database = recorder.database
    condition = "undone IS NULL AND verb NOT IN ('undo', 'forget') AND id != ?"
    still = f"{condition} AND EXISTS (SELECT 1 FROM steps WHERE change = history.id)"
    last = database.execute(f"SELECT max(id) FROM history WHERE {still}", (recorder.change,))
    wanted = last.fetchone()[0] if change is None else change
    found = database.execute(
        f"SELECT text FROM history WHERE {condition} AND id = ?", (recorder.change, wanted)
    ).fetchone()
    if found is None:
        what = "there is nothing to undo" if change is None else f"change {change} cannot be undone"
        raise KnownfaceError(f"{what}; see {call('history', ...)}")
    if not database.execute("SELECT 1 FROM steps WHERE change = ?", (wanted,)).fetchone():
        raise KnownfaceError(
            f"change {wanted} cannot be undone any more: what it needs was erased or trained again"
        )
    recorder.undo(wanted)
    database.execute("UPDATE history SET undone = ? WHERE id = ?", (recorder.change, wanted))
    return f"Undone: {found['text']}"
