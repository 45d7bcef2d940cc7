"""Who was there from when to when, of answers that are made up; and what sums them up."""

from __future__ import annotations

import pytest

from knownface.recognition.appearances import Appearances, TrackEvent
from knownface.recognition.result import Recognition, RecognizedFace
from knownface.recognition.summary import Summary
from knownface.recognition.tracks import PATIENCE


def answer(seconds: float, *faces: tuple[int, str | None, float], path: str = "a") -> Recognition:
    """Faces: the track, the name, and how large."""
    shown = tuple(
        RecognizedFace(
            (0, 0, high, high), name, 0.7, None if name else "unknown", "Ann", 0.9, track
        )
        for track, name, high in faces
    )
    return Recognition(path, shown, seconds=seconds)


def followed(*answers: Recognition) -> list[TrackEvent]:
    seen = Appearances()
    return [event for each in answers for event in seen.add(each)] + list(seen.finish())


def test_a_track_comes_is_named_and_goes() -> None:
    events = followed(
        answer(0.0, (1, None, 20)), answer(1.0, (1, "Ann", 30)), answer(2.0, (1, "Ann", 25)),
        answer(2.5),
    )  # fmt: skip
    assert [(e.kind, e.seconds) for e in events] == [("came", 0), ("named", 1), ("went", 2)]
    gone = events[-1].appearance
    assert (gone.begin, gone.end, gone.pictures, gone.named, gone.best) == (0, 2, 3, 1, 1)
    line = events[-1].to_json()
    assert line["event"] == "went"
    assert (line["from"], line["to"], line["name"]) == (0, 2, "Ann")
    assert line["best"] == {"seconds": 1.0, "box": [0, 0, 30, 30]}


def test_who_is_not_seen_for_long_has_gone() -> None:
    times = [i / 5 for i in range(30)]
    answers = [answer(t, *([(1, "Ann", 20)] if t < 1 else [])) for t in times]
    seen = Appearances()
    gone = [(t, e) for t, each in zip(times, answers, strict=True) for e in seen.add(each)][-1]
    assert gone[1].kind == "went"
    assert gone[0] == pytest.approx(0.8 + PATIENCE, abs=0.3)
    assert not list(seen.finish())


def test_a_name_that_is_taken_back_is_an_event() -> None:
    kinds = [e.kind for e in followed(answer(0, (1, "Ann", 9)), answer(1, (1, None, 9)))]
    assert kinds == ["named", "came", "unnamed", "went"]


def test_a_single_picture_is_too_brief_and_no_stranger() -> None:
    events = followed(answer(0, (1, None, 20)))
    assert [(e.kind, e.appearance.reason) for e in events] == [("went", "too brief")]
    summary = Summary()
    assert list(summary.add(answer(0, (1, None, 20), (2, None, 20)))) == []
    assert list(summary.add(answer(1, (2, None, 20))))
    list(summary.finish())
    assert summary.sources["a"].strangers == 1


def test_the_summary_adds_up_the_times_of_a_person() -> None:
    summary = Summary()
    for each in (
        answer(0, (1, "Ann", 20)), answer(1, (1, "Ann", 20)), answer(5),
        answer(8, (2, "Ann", 50)), answer(10, (2, "Ann", 40)),
        answer(0, (1, "Bob", 20), path="b"), answer(1, (1, "Bob", 20), path="b"),
    ):  # fmt: skip
        list(summary.add(each))
    list(summary.finish())
    ann = summary.sources["a"].people["Ann"]
    assert (ann.begin, ann.end, ann.seconds, ann.appearances) == (0, 10, 3, 2)
    assert ann.best.best == 8
    document = summary.to_json()
    assert [each["source"] for each in document] == ["a", "b"]
    assert document[1]["people"][0]["name"] == "Bob"
