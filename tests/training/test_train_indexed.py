"""Training on an index gives what its folder gives, and what else takes a folder takes it too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import knownface as shell

import knownface
from knownface.errors import KnownfaceError
from knownface.faces.detectors import load_detector
from knownface.recognition.recognizer import Recognizer

FAST: dict[str, Any] = {"backbone": "mini", "recipe": "frozen"}


class Blind:
    """A detector that must not be asked."""

    def __init__(self) -> None:
        detector = load_detector()
        self.name, self.file = detector.name, detector.file

    def find_faces(self, picture: object) -> list[object]:
        raise AssertionError("faces are looked for")


@pytest.fixture(scope="module", autouse=True)
def nobody_to_fetch_from() -> Iterator[None]:
    """On an empty machine the detector is MTCNN, at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", "http://127.0.0.1:9")
        yield


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Invented people and strangers, indices of both, and a run of each; not to be changed."""
    place = tmp_path_factory.mktemp("trained")
    knownface.demo(place / "demo", people=3, photos=5, strangers=4, seed=2)
    for name in ("people", "strangers"):
        (place / "demo" / name).rename(place / name)
        knownface.index(place / name, out=place / f"{name}.index", backbone="mini", workers=1)
    with pytest.MonkeyPatch.context() as patch:  # crops that one of them makes are not the other's
        patch.setenv("XDG_CACHE_HOME", str(place / "one"))
        folders = {"strangers": place / "strangers"}
        knownface.train(place / "people", out=place / "folder", **FAST, **folders)
        patch.setenv("XDG_CACHE_HOME", str(place / "other"))
        patch.setattr("knownface.faces.crops.load_detector", lambda *_: Blind())
        folders = {"strangers": place / "strangers.index"}
        knownface.train(place / "people.index", out=place / "indexed", **FAST, **folders)
    return place


def measured(run: Path) -> dict[str, Any]:
    """What is in an evaluation besides how long it took."""
    found = json.loads((run / "evaluation.json").read_text())
    for each in (found, *found["candidates"]):
        for name in ("seconds", "images_per_second"):
            each.pop(name, None)
    return found


def test_a_run_of_an_index_is_that_of_its_folder(place: Path) -> None:
    indexed, folder = place / "indexed", place / "folder"
    assert measured(indexed) == measured(folder)
    splits = [json.loads((run / "split.json").read_text()) for run in (indexed, folder)]
    assert splits[0] == splits[1]
    one, other = (Recognizer.load(run) for run in (indexed, folder))
    assert one.threshold == other.threshold
    for name in ("people", "photos", "digests"):
        assert getattr(one.gallery, name) == getattr(other.gallery, name)
    np.testing.assert_array_equal(one.gallery.embeddings, other.gallery.embeddings)
    np.testing.assert_array_equal(one.gallery.templates, other.gallery.templates)
    assert json.loads((indexed / "config.json").read_text())["data"] == str(place / "people.index")


def test_what_reads_a_run_s_photos_again_reads_the_index(place: Path, tmp_path: Path) -> None:
    made = knownface.export(place / "indexed", out=tmp_path / "export")
    assert made.evaluation.tested == measured(place / "folder")["split"]["validation"]


def test_an_index_is_checked_compared_and_evaluated_as_its_folder(
    place: Path, tmp_path: Path
) -> None:
    known, options = place / "people.index", ("--backbone", "mini")
    found, expected = (
        json.loads(shell("check", data, *options, "--json", "--out", tmp_path / "p.html").stdout)
        for data in (known, place / "people")
    )
    assert found["problems"] == expected["problems"]
    done = shell("check", known, *options, "--out", tmp_path / "p.html", "--fix", tmp_path / "good")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "good").glob("*/*.jpg"))) >= 10
    left_out = []
    for data, strangers in ((known, "strangers.index"), (place / "people", "strangers")):
        done = shell("evaluate", place / "folder", data, "--strangers", place / strangers)
        said = [line for line in done.stderr.splitlines() if "enrolled already" in line]
        left_out.append((done.returncode, said))
    assert left_out[0] == left_out[1]
    assert len(left_out[0][1]) == 1
    compared = knownface.compare(
        known, backbones=["mini"], recipes=["frozen"], out=tmp_path / "compared",
        strangers=place / "strangers.index",
    )  # fmt: skip
    assert compared.rows[0].evaluation is not None
    assert compared.rows[0].evaluation.accuracy == measured(place / "folder")["accuracy"]


def test_strangers_found_in_another_way_are_refused_before_anybody_is_read(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "strangers.index"
    knownface.index(place / "strangers", out=other, backbone="mini", faces="cropped", workers=1)
    monkeypatch.setattr("knownface.faces.crops.FaceCropper.crop_photos", None)
    with pytest.raises(KnownfaceError, match="its faces come from ready crops"):
        knownface.train(place / "people", strangers=other, out=tmp_path / "run", **FAST)
    with pytest.raises(KnownfaceError, match="its faces come from ready crops"):
        knownface.evaluate(place / "folder", place / "people", strangers=other)


def test_what_was_said_of_a_run_goes_on_with_an_index(place: Path, tmp_path: Path) -> None:
    known, out = place / "people.index", tmp_path / "again"
    done = shell(
        "train", known, "--gallery", place / "indexed", "--out", out, "--backbone", "mini",
        "--recipe", "frozen", "--split", place / "folder" / "split.json", "--folds", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert measured(out)["accuracy"] == measured(place / "folder")["accuracy"]
