"""How a face, a place and a time are said to people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Protocol

from knownface.measure.numbers import percent
from knownface.recognition.result import ALREADY_NAMED, RecognizedFace
from knownface.visible import counted

SURE, FAIRLY_SURE = 0.95, 0.75  # confidences


class Dated(Protocol):
    """Something that happened; at: Unix seconds."""

    at: float


def sureness(face: RecognizedFace) -> str:
    """What the confidence of a face's name means; nothing where it has none."""
    if not face.name:
        return ""
    if face.confidence >= SURE:
        return "sure"
    return "fairly sure" if face.confidence >= FAIRLY_SURE else "not sure"


def answer(face: RecognizedFace) -> str:
    """The name, or why there is none, as a heading."""
    if face.name:
        return face.name
    return {
        "too poor": "Too little to see",
        "ignored": "Somebody you ignore",
        ALREADY_NAMED: "Somebody else",
    }.get(str(face.reason), "Unknown")


def remark(face: RecognizedFace) -> str:
    """What there is to say besides, in a sentence; nothing where the name says it all."""
    if face.reason == "too poor":
        return f"The face is {face.detail}." if face.detail else "The face shows too little."
    if face.reason == ALREADY_NAMED:
        return f"Looks like {face.nearest}, but nobody is in a photo twice."
    if face.reason == "unknown" and face.nearest:
        return f"Most like {face.nearest}, but not enough."
    return ""


def in_a_row(words: Sequence[str]) -> str:
    """`Ann, Bob and Carl`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def place(box: Sequence[float], size: tuple[int, int]) -> str:
    """Where in the photo a face is; box: x, y, w, h in pixels of a photo of that width and height.

    The middle third is the middle; above and below are said only where they are not the middle.
    """
    x, y = (box[0] + box[2] / 2) / size[0], (box[1] + box[3] / 2) / size[1]
    across = "on the left" if x < 1 / 3 else "on the right" if x > 2 / 3 else "in the middle"
    down = "at the top" if y < 1 / 3 else "at the bottom" if y > 2 / 3 else ""
    return ", ".join(filter(None, (across, down)))


def times(count: int) -> str:
    """`once`, `twice`, `4 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def moment(at: float, now: float) -> str:
    """When something was, as one would say it now; both in Unix seconds, in local time."""
    then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    if 0 <= now - at < 60:
        return "just now"
    return f"{day(then.date(), today.date())}, {then:%H:%M}"


def day(then: date, today: date) -> str:
    """A date as one would say it today."""
    away = (today - then).days
    if away in (0, 1):
        return "today" if away == 0 else "yesterday"
    if 1 < away < 7:
        return f"{then:%A}"
    return f"{then.day} {then:%B}" + (f" {then.year}" if then.year != today.year else "")


def age(born: str | None, today: date) -> str:
    """`34 years old`, or nothing where the birth date (YYYY-MM-DD) is unknown or to come."""
    if not born:
        return ""
    then = date.fromisoformat(born)
    years = today.year - then.year - ((today.month, today.day) < (then.month, then.day))
    return f"{counted(years, 'year')} old" if years >= 0 else ""


def exact(at: float) -> str:
    """Date and time, in local time, to the second."""
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M:%S}"


def clock(at: float) -> str:
    """`14:03`, in local time."""
    return f"{datetime.fromtimestamp(at):%H:%M}"


def by_day(entries: Iterable[Dated]) -> list[tuple[date, list[Dated]]]:
    """What has a time `at`, in order, parted by local day."""
    days = groupby(entries, lambda each: datetime.fromtimestamp(each.at).date())
    return [(then, list(those)) for then, those in days]


def days(count: float) -> str:
    """`30 days`, or hours where it is less than one."""
    if count < 1:
        return counted(max(1, round(24 * count)), "hour")
    return "1 day" if count == 1 else f"{count:g} days"


def sentence(error: Exception) -> str:
    """What an error says, as a sentence of its own; a file's name stays as it is."""
    first, space, rest = str(error).partition(" ")
    return (first.capitalize() if first.isalpha() and first.islower() else first) + space + rest


def rate(share: float) -> str:
    """`86.2 %`, never broken before its sign."""
    return percent(share).replace(" ", "\u00a0")


def on_screen(verb: str, *given: object, **options: object) -> str:
    """Where a person does on these screens what a call of a verb does: for `naming_calls`."""
    if verb == "undo":
        return f"change {options['change']} on the screen History"
    what = given[1] if len(given) > 1 else ""
    return {
        "correct": "say so on the screen Recognise",
        "history": "the screen History",
        "people": "merge them on the screen People" if what == "merge" else "the screen People",
    }.get(verb, verb)
