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
from knownface.recognition.threshold import Threshold


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
    known = np.array(["Ann", "Ann", "Bob", "Bob", "Cat"])
    untouched = np.array([True, True, False])
    return trial, Names(known, np.array(["Zoe"] * 3), untouched, True)


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


def a_trial_at(threshold: float) -> tuple[Trial, Threshold, Names]:
    trial, tested = a_trial()
    return trial, Threshold(threshold, 0.5, "a test"), tested


def test_what_each_group_would_need_by_itself() -> None:
    """Of Zoe's two photos that are untouched, 0.6 and 0.1, half may be accepted."""
    members = {"age": {"Ann": "child", "Zoe": "child", "Bob": "adult"}}
    adult, child, others = measure_groups(Groups(Path("x"), members), *a_trial_at(0.85))
    assert child.own_threshold == pytest.approx(0.1)
    assert (child.dir, child.dir_at_own_threshold) == (0.5, 1.0)
    assert (adult.own_threshold, adult.dir_at_own_threshold) == (None, None)
    assert (others.own_threshold, others.dir_at_own_threshold_ci95) == (None, None)


@pytest.mark.parametrize(("strangers", "known"), [(9, False), (10, True)])
def test_a_group_s_own_threshold_needs_ten_strangers(strangers: int, known: bool) -> None:
    rng = np.random.default_rng(0)
    scores = np.tile([0.9, 0.0], (60, 1))
    trial = Trial(scores, np.zeros(60, int), 0.1 * rng.random(strangers * 40))
    people = np.array([f"Person {i % 20}" for i in range(60)])
    others = np.repeat([f"Stranger {i}" for i in range(strangers)], 40)
    everybody = Groups(Path("x"), {"age": dict.fromkeys([*people, *others], "child")})
    names = Names(people, others, np.ones(len(others), bool), True)
    (score,) = measure_groups(everybody, trial, Threshold(0.5, 0.01, "a test"), names)
    assert score.dir_at_own_threshold == 1.0
    assert score.dir_at_own_threshold_ci95 is not None
    assert (score.dir_at_own_threshold_ci95[0] > 0) == known


def test_one_person_says_little_of_a_group() -> None:
    """Fifty photos of one person narrow nothing; one photo each of fifty people do."""
    many = Trial(np.tile([0.9, 0.1], (50, 1)), np.zeros(50, int), np.zeros(0))
    one = Groups(Path("x"), {"age": {"Ann": "child"}})
    at, nobody = Threshold(0.5, 0.01, "a test"), (np.zeros(0, str), np.zeros(0, bool), True)
    (score,) = measure_groups(one, many, at, Names(np.array(["Ann"] * 50), *nobody))
    assert score.dir == 1.0
    assert score.dir_ci95 is not None
    assert score.dir_ci95[0] < 0.2
    names = [f"Person {i}" for i in range(50)]
    fifty = Groups(Path("x"), {"age": dict.fromkeys(names, "child")})
    (score,) = measure_groups(fifty, many, at, Names(np.array(names), *nobody))
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
    assert [(gap.by, gap.rate) for gap in result.group_gaps] == [("sex", "dir")]
    again = Evaluation.load(out / "evaluation.json")
    assert (again.groups, again.group_gaps) == (result.groups, result.group_gaps)
    assert "| sex | f | 1, 3 |" in (out / "model_card.md").read_text()
