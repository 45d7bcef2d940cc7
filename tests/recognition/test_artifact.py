"""A recogniser's record: read as it was saved, and nothing else passes for one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from knownface.errors import KnownfaceError
from knownface.recognition.recognizer import Recognizer

Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def folder(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = tmp_path_factory.mktemp("artifact") / "recognizer"
    shutil.copytree(run_folder / "recognizer", copied)
    return copied


@pytest.fixture(scope="module")
def document(run_folder: Path) -> dict[str, Any]:
    found = json.loads((run_folder / "recognizer" / "recognizer.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def refusal(folder: Path, content: str | bytes) -> str:
    """What is said of a recogniser with this record; nothing where it loads."""
    record = folder / "recognizer.json"
    record.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = ""
    try:
        Recognizer.load(folder)
    except KnownfaceError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1
    assert not said or said.startswith(str(folder))
    return said


def changed(document: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    other = deepcopy(document)
    inner: Any = other
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return other


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("people",), ["Ann", "Ann"], "people must be different names"),
        (("people",), "Ann", "people must be a list, not 'Ann'"),
        (("gallery",), "0", "gallery.sqlite: not a usable recognizer (it is not the gallery of"),
        (("people", 0), 7, "people[0] must be text, not 7"),
        (("people", 0), "\ud800", "people[0] must be text"),
        (("faces",), "evil", "faces must be 'detect' or 'cropped', not 'evil'"),
        (("threshold",), None, "threshold must be an object, not None"),
        (("threshold", "value"), float("nan"), "threshold.value must be a finite number, not nan"),
        (("threshold", "value"), float("-inf"), "threshold.value must be a finite number"),
        (("threshold", "value"), 400.0, "threshold.value must be from -1 to 1, not 400.0"),
        (("threshold", "value"), 10**400, "threshold.value must be a finite number, not 1000000"),
        (("threshold", "far_target"), "1 %", "threshold.far_target must be a finite number"),
        (("confidence", "slope"), -1.0, "no rising curve"),
        (("confidence", "midpoint"), [], "confidence.midpoint must be a finite number, not []"),
        (("crop", "kind"), "round", "crop.kind must be 'five_point' or 'box', not 'round'"),
        (("crop", "size"), 112.0, "crop.size must be a whole number, not 112.0"),
        (("crop", "size"), 2**40, "crop.size must be from 1 to 1024"),
        (("crop", "size"), 96, "not the network, or not the crops"),
        (("crop", "margin"), -1, "crop.margin must be from 0 to 10"),
        (("backbone",), [], "backbone must be an object"),
        (("backbone", "name"), 7, "backbone must be an object whose name is text"),
        (("weights", "sha256"), 7, "weights.sha256 must be text, not 7"),
        (("versions", "numpy"), {}, "versions.numpy must be text"),
        (("recipe",), None, "recipe must be text, not None"),
        (("detector",), "evil", "detector must be null or yunet or mtcnn, not 'evil'"),
        (("files",), [], "files must be an object, not []"),
        (("files",), {}, "files lacks 'gallery.sqlite'"),
        (("files", "embedder.onnx"), "0", "files.embedder.onnx must be a SHA-256 in hexadecimal"),
        (("evil",), 1, "the document has no 'evil'"),
        (("format_version",), "3", "format version 3, and this knownface reads 3"),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_it(
    place: Place, value: Any, words: str, folder: Path, document: dict[str, Any]
) -> None:
    assert words in refusal(folder, json.dumps(changed(document, place, value)))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b"[" * 100_000],
    ids=lambda content: repr(content[:4]),
)
def test_what_is_no_record_is_one_sentence(content: bytes, folder: Path) -> None:
    assert "recognizer.json: not a usable recognizer (" in refusal(folder, content)


def places(inside: Any, place: Place = ()) -> Iterator[Place]:
    pairs: Any = inside.items() if isinstance(inside, dict) else []
    pairs = list(enumerate(inside))[:1] if isinstance(inside, list) else pairs
    for key, value in pairs:
        yield (*place, key)
        yield from places(value, (*place, key))


OPTIONAL = ("confidence", "exported", "files", "format_version", "gallery", "recognizability")


def test_no_value_anywhere_is_a_fault(folder: Path, document: dict[str, Any]) -> None:
    """48 of 113 folders ended as `a fault in knownface`."""
    assert refusal(folder, json.dumps(document)) == ""
    kept = Recognizer.load(folder)  # so that its network is compiled once
    for place in places(document):
        for value in (None, "evil", float("nan"), 10**400, []):
            refusal(folder, json.dumps(changed(document, place, value)))
        nested = json.dumps(changed(document, place, "@")).replace('"@"', "[" * 3000 + "]" * 3000)
        assert refusal(folder, nested)
        less = deepcopy(document)
        inner: Any = less
        for key in place[:-1]:
            inner = inner[key]
        del inner[place[-1]]
        said = refusal(folder, json.dumps(less))
        if len(place) == 1 and place[0] not in OPTIONAL:
            assert f"lacks {place[0]!r}" in said
    assert kept.people
