"""What somebody says who looks through groups of unknown faces; grouping them again keeps it.

Said of a face means `said = 1`: it stays with its person, or with nobody, whatever it looks like.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from knownface.errors import KnownfaceError
from knownface.options import call
from knownface.recognition.living.changes import Recorder
from knownface.recognition.living.naming import find, shown


def is_known(database: sqlite3.Connection, person: int) -> bool:
    row = database.execute("SELECT state FROM people WHERE id = ?", (person,)).fetchone()
    return bool(row["state"] == "known")


def confirm(recorder: Recorder, person: int) -> None:
    """All faces that somebody has now are theirs because it was said."""
    for face in recorder.rows("faces", "person = ? AND NOT said", person):
        recorder.update("faces", face, said=1)


def confirm_unknown(recorder: Recorder, *people: int) -> None:
    """The same of those without a name; whoever has one has been looked at."""
    for person in people:
        if not is_known(recorder.database, person):
            confirm(recorder, person)


def not_a_face(recorder: Recorder, who: int) -> str:
    """What was found is no face: it is nobody's from now on, and nobody is left."""
    database, person = recorder.database, find(recorder.database, who)
    was = shown(database, person)
    if is_known(database, person):
        raise KnownfaceError(f"{was} is known; take single photos away instead")
    faces = recorder.rows("faces", "person = ?", person)
    for face in faces:
        recorder.update("faces", face, person=None, said=1)
    recorder.delete_where("constraints", "person = ? OR other = ?", person, person)
    recorder.delete("people", person)
    one = len(faces) == 1
    return f"{len(faces)} {'is no face' if one else 'are no faces'}: {was} is gone"


def chosen_of(recorder: Recorder, person: int, faces: Sequence[int]) -> tuple[list[int], list[int]]:
    """Those that were chosen and those that stay; KnownfaceError where either has none."""
    who = shown(recorder.database, person)
    own = recorder.rows("faces", "person = ?", person)
    chosen = list(dict.fromkeys(faces))
    wrong = sorted(set(chosen) - set(own))
    if not chosen or wrong:
        what = f"face {wrong[0]} is none of theirs" if wrong else "no face was chosen"
        look = call("people", ..., "faces", who if is_known(recorder.database, person) else person)
        raise KnownfaceError(f"{who}: {what}; the faces have numbers, see {look}")
    stay = [face for face in own if face not in set(chosen)]
    if not stay:
        raise KnownfaceError(f"these are all faces of {who}; rename or merge instead")
    return chosen, stay


def part(recorder: Recorder, who: str | int, faces: Sequence[int]) -> str:
    """Some faces are not who they were taken for; nobody says who they are."""
    database, person = recorder.database, find(recorder.database, who)
    chosen, stay = chosen_of(recorder, person, faces)
    new = recorder.insert("people", name=None, state="unknown", added=time.time())
    for face in (*chosen, *stay):
        recorder.delete_where("constraints", "face = ? AND person = ?", face, person)
    for face in chosen:
        recorder.update("faces", face, person=new, said=0)
        recorder.insert("constraints", kind="not", face=face, person=person)
        for featuring in recorder.rows("people", "featured = ?", face):
            recorder.update("people", featuring, featured=None)
    confirm(recorder, person)
    number, are = (f"{len(chosen)} faces", "are") if len(chosen) > 1 else ("1 face", "is")
    return f"{number} of {shown(database, person)} {are} somebody else: {shown(database, new)}"
