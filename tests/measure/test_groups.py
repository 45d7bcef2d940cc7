"""Groups of people: reading who belongs to which, and what is measured of each."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import knownface
from knownface.errors import KnownfaceError
from knownface.measure.evaluation import Evaluation
from knownface.measure.groups import NOT_SAID, Groups, Names, measure_groups
from knownface.measure.trial import Trial


def written(folder: Path, text: str) -> Path:
    path = folder / "groups.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", [
    "person,age,hair\nAnn,child,\nBjo\u0308rn,adult,dark\n",
    "\ufeffPerson;age;hair\r\nAnn; child;\r\n\r\nBj\u00f6rn;adult;dark\r\n",
])  # fmt: skip
def test_what_spreadsheets_write_is_read(tmp_path: Path, text: str) -> None:
    found = Groups.read(written(tmp_path, text)).members
    assert found == {"age": {"Ann": "child", "Bj\u00f6rn": "adult"}, "hair": {"Bj\u00f6rn": "dark"}}


@pytest.mark.parametrize(("text", "sentence"), [
    ("", "its first line must be person"),
    ("name,age\n", "its first line must be person"),
    ("person\nAnn\n", "its first line must be person"),
    ("person,age,age\n", "different names"),
    ("person,age,\n", "different names"),
    ("person,age\nAnn\n", "line 2 has 1 cells instead of 2"),
    ("person,age\nAnn,child\nAnn,adult\n", "line 3 names Ann again"),
])  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(KnownfaceError, match=sentence):
        Groups.read(written(tmp_path, text))


def test_a_file_that_cannot_be_read_or_names_nobody(tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match="cannot be read"):
        Groups.read(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("person,age\nBj\u00f6rn,adult\n".encode("latin-1"))
    with pytest.raises(KnownfaceError, match="not UTF-8"):
        Groups.read(tmp_path / "latin.csv")
    groups = Groups.read(written(tmp_path, "person,age\nAnn,child\n"))
    groups.expect(["Ann", "Bob"])
    with pytest.raises(KnownfaceError, match="names none of the people"):
        groups.expect(["Bob"])


def a_trial() -> tuple[Trial, Names]:
    """Ann is named in 2 of 2, Bob in 1 of 2, Cat (of no group) in 1 of 1; 1 of 2 Zoes is taken."""
    scores = np.array([
        [0.9, 0.1, 0.0], [0.8, 0.1, 0.0], [0.1, 0.7, 0.0], [0.6, 0.2, 0.0], [0.0, 0.1, 0.9],
    ])  # fmt: skip
    trial = Trial(scores, np.array([0, 0, 1, 1, 2]), np.array([0.6, 0.1, 0.9]))
    known = ["Ann", "Ann", "Bob", "Bob", "Cat"]
    untouched = np.array([True, True, False])
    return trial, Names(known, ["Zoe", "Zoe", "Zoe"], untouched, True)


def test_each_group_is_scored_by_itself() -> None:
    members = {"age": {"Ann": "child", "Zoe": "child", "Bob": "adult"}}
    scores = measure_groups(Groups(Path("x"), members), *a_trial_at(0.5))
    adult, child, others = scores
    assert [each.group for each in scores] == ["adult", "child", NOT_SAID]
    assert (adult.people, adult.photos, adult.accuracy, adult.dir) == (1, 2, 0.5, 0.5)
    assert (adult.strangers, adult.far, adult.far_ci95) == (0, None, None)
    assert (child.dir, child.strangers, child.stranger_photos, child.far) == (1.0, 1, 2, 0.5)
    assert (others.people, others.dir) == (1, 1.0)
    assert measure_groups(None, *a_trial_at(0.5)) == []


def a_trial_at(threshold: float) -> tuple[Trial, float, Names]:
    trial, tested = a_trial()
    return trial, threshold, tested


def test_one_person_says_little_of_a_group() -> None:
    """Fifty photos of one person narrow nothing; one photo each of fifty people do."""
    many = Trial(np.tile([0.9, 0.1], (50, 1)), np.zeros(50, int), np.zeros(0))
    nobody = np.zeros(0, bool)
    one = Groups(Path("x"), {"age": {"Ann": "child"}})
    (score,) = measure_groups(one, many, 0.5, Names(["Ann"] * 50, [], nobody, True))
    assert score.dir == 1.0
    assert score.dir_ci95 is not None
    assert score.dir_ci95[0] < 0.2
    names = [f"Person {i}" for i in range(50)]
    fifty = Groups(Path("x"), {"age": dict.fromkeys(names, "child")})
    (score,) = measure_groups(fifty, many, 0.5, Names(names, [], nobody, True))
    assert score.dir_ci95 is not None
    assert score.dir_ci95[0] > 0.9


def test_the_verb_tests_groups_by_the_names_of_folders(
    run_folder: Path, strangers: Path, shared: Path, tmp_path: Path
) -> None:
    table = written(tmp_path, "person,sex\nTom_Cruise,m\nMegan_Fox,f\nRihanna,f\nNobody,m\n")
    for name in ("Tom_Cruise", "Megan_Fox", "Hugh_Jackman"):
        (tmp_path / "new" / name).mkdir(parents=True)
        for photo in sorted((shared / "data" / "people" / name).iterdir())[-3:]:
            shutil.copy(photo, tmp_path / "new" / name)
    out = tmp_path / "tested"
    result = knownface.evaluate(
        run_folder, tmp_path / "new", strangers=strangers, groups=table, out=out
    )
    found = {each.group: each for each in result.groups}
    people = {name: (each.people, each.photos) for name, each in found.items()}
    assert people == {"f": (1, 3), "m": (1, 3), NOT_SAID: (1, 3)}
    assert (found["f"].strangers, found["f"].stranger_photos) == (1, 4)
    assert found["m"].far is None
    assert found[NOT_SAID].strangers == 4
    assert Evaluation.load(out / "evaluation.json").groups == result.groups
    assert "| sex | f | 1, 3 |" in (out / "model_card.md").read_text()
