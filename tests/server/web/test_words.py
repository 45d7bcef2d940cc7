"""How faces, places and times are said."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from knownface.options import call, naming_calls
from knownface.recognition.result import ALREADY_NAMED, RecognizedFace
from knownface.server.web import words


def face(name: str | None, confidence: float = 0.9, reason: str | None = None) -> RecognizedFace:
    return RecognizedFace((0, 0, 9, 9), name, 0.5, reason, "Ann", confidence, detail="blurred")


@pytest.mark.parametrize(
    ("shown", "answer", "sureness", "remark"),
    [
        (face("Ann", 0.96), "Ann", "sure", ""),
        (face("Ann", 0.8), "Ann", "fairly sure", ""),
        (face("Ann", 0.5), "Ann", "not sure", ""),
        (face(None, reason="unknown"), "Unknown", "", "Most like Ann, but not enough."),
        (face(None, reason="too poor"), "Too little to see", "", "The face is blurred."),
        (face(None, reason="ignored"), "Somebody you ignore", "", ""),
        (
            face(None, reason=ALREADY_NAMED), "Somebody else", "",
            "Looks like Ann, but nobody is in a photo twice.",
        ),
    ],
)  # fmt: skip
def test_a_face(shown: RecognizedFace, answer: str, sureness: str, remark: str) -> None:
    assert (words.answer(shown), words.sureness(shown), words.remark(shown)) == (
        answer, sureness, remark,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 40, 20, 20), "on the left"),
        ((40, 0, 20, 20), "in the middle, at the top"),
        ((80, 80, 20, 20), "on the right, at the bottom"),
    ],
)
def test_a_place(box: tuple[float, ...], place: str) -> None:
    assert words.place(box, (100, 100)) == place


def test_moments_and_days() -> None:
    now = datetime(2026, 3, 10, 12, 0).timestamp()
    assert words.moment(now - 5, now) == "just now"
    assert words.moment(now - 3600, now) == "today, 11:00"
    assert words.moment(now - 86400, now) == "yesterday, 12:00"
    assert words.moment(now - 3 * 86400, now) == "Saturday, 12:00"
    assert words.day(date(2026, 1, 2), date(2026, 3, 10)) == "2 January"
    assert words.day(date(2025, 1, 2), date(2026, 3, 10)) == "2 January 2025"
    assert words.age("2000-03-11", date(2026, 3, 10)) == "25 years old"
    assert words.age(None, date(2026, 3, 10)) == ""
    assert (words.days(30.0), words.days(1.0), words.days(0.5)) == ("30 days", "1 day", "12 hours")


def test_numbers_and_lists() -> None:
    assert [words.times(n) for n in (1, 2, 4)] == ["once", "twice", "4 times"]
    assert words.in_a_row(["Ann"]) == "Ann"
    assert words.in_a_row(["Ann", "Bob", "Cy"]) == "Ann, Bob and Cy"
    assert words.counted(2, "person", "people") == "2 people"


def test_sentences_speak_of_screens() -> None:
    with naming_calls(words.on_screen):
        assert call("people", ..., "merge", "Ann", "Bob") == "merge them on the screen People"
        assert call("undo", ..., change=7) == "change 7 on the screen History"
        assert call("history", ...) == "the screen History"
    assert call("history", ...) == "history(...)"
