"""An evaluation is saved and loaded as it is, and nothing else passes for one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from invented import UNTESTED, invented

from knownface.errors import KnownfaceError
from knownface.measure.evaluation import Evaluation


def test_a_run_is_loaded_as_it_was_measured(run_folder: Path, tmp_path: Path) -> None:
    file = run_folder / "evaluation.json"
    evaluation = Evaluation.load(file)
    evaluation.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()
    assert evaluation.open_set is not None
    assert isinstance(evaluation.open_set.dir_at_far_ci95["0.01"], tuple)


@pytest.mark.parametrize("people", [2, 20])
def test_what_is_saved_is_loaded_exactly(people: int, tmp_path: Path) -> None:
    evaluation = invented(people)[0]
    for each in (
        evaluation,
        replace(evaluation, calibration=None, folds=None, candidates=[]),
        replace(evaluation, open_set=UNTESTED),
    ):
        each.save(tmp_path / "evaluation.json")
        assert Evaluation.load(tmp_path / "evaluation.json") == each


def test_what_runs_without_a_race_leave_out_has_its_default(tmp_path: Path) -> None:
    document = invented(3)[0].to_json()
    for key in ("folds", "candidates", "chosen", "reason", "seconds", "images_per_second"):
        del document[key]
    (tmp_path / "evaluation.json").write_text(json.dumps(document))
    found = Evaluation.load(tmp_path / "evaluation.json")
    assert (found.folds, found.candidates, found.seconds) == (None, [], 0.0)


def at(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    """A change of one value of a document."""

    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("accuracy"), "the document lacks 'accuracy'"),
        (at("precision", to=1.0), "the document has no 'precision'"),
        (at("accuracy", to="high"), "accuracy must be a finite number, not 'high'"),
        (at("accuracy", to=True), "accuracy must be a finite number, not True"),
        (at("accuracy", to=math.nan), "accuracy must be a finite number, not nan"),
        (at("seconds", to=math.inf), "seconds must be a finite number, not inf"),
        (at("seconds", to=-1.0), "seconds must be 0 or more, not -1.0"),
        (at("balanced_accuracy", to=1.2), "balanced_accuracy must be from 0 to 1, not 1.2"),
        (at("accuracy_ci95", to=[0.1]), "accuracy_ci95 must be a list of 2"),
        (at("accuracy_ci95", to=[0.9, 0.1]), "accuracy_ci95 must be two rising shares"),
        (at("accuracy_ci95", 1, to=None), r"accuracy_ci95\[1\] must be a finite number, not None"),
        (at("people", 0, to=7), r"people\[0\] must be text, not 7"),
        (at("people", 0, to="Person 1"), "people must be different names"),
        (at("people", to=[]), "people must be different names, and some"),
        (at("people", 0, to="Somebody"), "per_person must list the people"),
        (at("confusion_matrix", 0, to=[8, 0]), "confusion_matrix must have 3 rows and columns"),
        (at("confusion_matrix", 0, 0, to=-8), r"confusion_matrix\[0\]\[0\] must be 0 or more"),
        (at("confusion_matrix", 0, 0, to=1.5), r"confusion_matrix\[0\]\[0\] must be a whole"),
        (at("per_person", 1, "support", to=9), "per_person must list the people and their photos"),
        (at("per_person", 1, "f1", to=2), r"per_person\[1\].f1 must be from 0 to 1, not 2"),
        (at("accuracy", to=0.1), "accuracy must be that of confusion_matrix"),
        (at("errors", to=[]), "errors must be the photos that went wrong"),
        (at("open_set", to=[]), "open_set must be an object"),
        (at("open_set", "far", to=-0.1), "open_set.far must be from 0 to 1"),
        (at("open_set", "threshold", to="0.4"), "open_set.threshold must be a finite number"),
        (at("open_set", "dir_at_far", to={}), "dir_at_far and its intervals"),
        (at("open_set", "dir_at_far_ci95", "0.01", to=0.5), "dir_at_far_ci95.0.01 must be a list"),
        (at("open_set", "curve", "far", to=[0.1]), "open_set.curve must have far and dir"),
        (at("open_set", "curve", to={"far": []}), "open_set.curve must have far and dir"),
        (at("calibration", "temperature", to=0.0), "calibration.temperature must be above 0"),
        (at("calibration", "reliability", 0, to=1), r"calibration.reliability\[0\] must be an ob"),
        (at("learning_curve", 0, "dir", to="x"), r"learning_curve\[0\].dir must be a finite"),
        (at("split", "train", to="many"), "split.train must be a finite number"),
        (at("notes", 0, "photo", to=None), r"notes\[0\].photo must be text, not None"),
        (at("errors", 0, "nearest", to=["a"]), r"errors\[0\].nearest must be an object"),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_it(
    change: Callable[[dict[str, Any]], None], words: str, tmp_path: Path
) -> None:
    document = json.loads(json.dumps(invented(3)[0].to_json()))
    change(document)
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(document))
    with pytest.raises(KnownfaceError, match=words) as refusal:
        Evaluation.load(path)
    assert str(refusal.value).startswith(f"{path}: not a usable evaluation (")
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_document_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_bytes(content)
    with pytest.raises(KnownfaceError, match="not a usable evaluation") as refusal:
        Evaluation.load(tmp_path / "evaluation.json")
    assert len(str(refusal.value).splitlines()) == 1
    for missing in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(KnownfaceError, match="not a usable evaluation"):
            Evaluation.load(missing)
