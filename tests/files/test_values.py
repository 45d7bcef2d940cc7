"""Values from JSON: what is understood, and how the rest is refused."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from knownface.files import values
from knownface.files.values import Count, Interval, Must, Share, from_json, read_json

Even = Annotated[int, Must("even", lambda number: number % 2 == 0)]


@dataclass(frozen=True)
class Part:
    share: Share
    interval: Interval | None = None


@dataclass(frozen=True)
class Whole:
    parts: list[Part]
    counts: dict[str, Count]
    named: float = field(default=0.5, metadata={"key": "0.01"})
    number: Even | str | None = None
    anything: Any = None


def test_a_value_comes_back_from_its_json() -> None:
    whole = Whole([Part(0.25, (0.0, 1.0)), Part(1.0)], {"a": 3}, 0.1, 4, {"x": [1, None]})
    document = asdict(whole) | {"0.01": 0.1}
    del document["named"]
    document["parts"][0]["interval"] = [0, 1]  # JSON has neither tuples nor, always, 1.0
    found = from_json(Whole, document)
    assert found == whole
    assert type(found.parts[0].interval[0]) is float
    assert from_json(Whole, {"parts": [], "counts": {}}) == Whole([], {})
    assert from_json(Whole, {"parts": [], "counts": {}, "number": "odd"}).number == "odd"


def test_rounding_does_not_make_a_share_wrong() -> None:
    assert from_json(Part, {"share": 1.0000001}).share == 1.0000001
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, not 1.001"):
        from_json(Part, {"share": 1.001})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "the document must be an object, not []"),
        ({"parts": []}, "the document lacks 'counts'"),
        ({"parts": [], "counts": {}, "named": 1.0}, "the document has no 'named'"),
        ({"parts": [{}], "counts": {}}, "parts[0] lacks 'share'"),
        ({"parts": {}, "counts": {}}, "parts must be a list, not {}"),
        ({"parts": [], "counts": {"a": 1.0}}, "counts.a must be a whole number, not 1.0"),
        ({"parts": [], "counts": {"a": True}}, "counts.a must be a whole number, not True"),
        ({"parts": [], "counts": {"a": -1}}, "counts.a must be 0 or more, not -1"),
        ({"parts": [], "counts": {}, "0.01": "1"}, "0.01 must be a finite number, not '1'"),
        ({"parts": [], "counts": {}, "number": 3}, "number must be text, not 3"),
        ({"parts": "x" * 99, "counts": {}}, f"parts must be a list, not '{'x' * 36}..."),
    ],
)
def test_what_is_wrong_is_named(document: object, words: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole sentence is compared
        from_json(Whole, document)
    assert str(refusal.value) == words


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (float, 10**400, "must be a finite number"),
        (float, 2**60, "must be a finite number"),
        (int, 2**60, "must be a whole number"),
        (str, "\udcff", "must be text"),
        (dict[str, int], {"\ud800": 1}, "a key of"),
        (Any, {"a": [1, float("nan")]}, r"a\[1\] must be a finite number"),
        (Literal["one", "two"], "three", "must be 'one' or 'two', not 'three'"),
        (Literal["one", "two"], ["one"], "must be 'one' or 'two'"),
    ],
)
def test_what_cannot_be_used_is_refused(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_json(kind, value)


def test_a_literal_is_one_of_its_words() -> None:
    assert from_json(Literal["one", "two"], "two") == "two"


def test_a_document_is_read_from_regular_files_of_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    assert read_json(path) == {"a": 1}
    monkeypatch.setattr(values, "LARGEST_DOCUMENT", 5)
    with pytest.raises(ValueError, match="8 bytes, and 5 are the most"):
        read_json(path)
    path.unlink()
    os.mkfifo(path)  # who reads it waits for ever
    with pytest.raises(ValueError, match="not a regular file"):
        read_json(path)
