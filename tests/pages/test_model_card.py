"""The model card: numbers first, honest about what was not tested, and plain text from names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from invented import UNTESTED, invented

from knownface.measure.evaluation import Evaluation, PersonScore
from knownface.measure.gaps import GroupGap
from knownface.measure.groups import GroupScore
from knownface.pages.model_card import write_model_card
from knownface.recognition.about import About

ABOUT = About(
    backbone={"name": "mini", "network": "a small network", "trained_on": "faces of many"},
    weights={"file": "mini.npz", "sha256": "ab12"},
    recipe="frozen",
    licence="Apache-2.0",
    detector="yunet",
    versions={"knownface": "0.1.0", "python": "3.11"},
)


def card(folder: Path, evaluation: Evaluation, about: About = ABOUT) -> str:
    write_model_card(folder / "model_card.md", evaluation, about)
    return (folder / "model_card.md").read_text(encoding="utf-8")


def a_group(name: str, found: float, interval: tuple[float, float]) -> GroupScore:
    return GroupScore("age", name, 12, 60, found, interval, found, interval, 3, 9, 0.0, (0.0, 0.4))


def test_numbers_come_first_with_intervals_and_samples(tmp_path: Path) -> None:
    text = card(tmp_path, invented(5)[0])
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == [
        "What people live with", "The weakest", "By group", "What it is", "The data",
        "What it is for", "Limits", "What it must not be used for", "How long what is kept",
    ]  # fmt: skip
    dir_row = "| Named rightly (DIR) | 81.0 % | 75.0 % to 86.0 % | 40 photos of known people |"
    far_row = "| 1.2 % | 0.4 % to 3.0 % | 180 photos of 15 people (given strangers) |"
    assert dir_row in text
    assert far_row in text
    for fact in ("a small network", "faces of many", "Apache-2.0", "mini.npz", "ab12", "yunet"):
        assert fact in text
    assert "The network is as its makers trained it" in text


def test_the_licence_of_the_file_and_the_training_data_are_apart(tmp_path: Path) -> None:
    facts = {"training_data": "faces of the web", "disputed": "nobody was asked"}
    text = card(tmp_path, invented(3)[0], replace(ABOUT, backbone=ABOUT.backbone | facts))
    assert "| licence of the weight file, as its makers state it | Apache-2.0 |" in text
    assert "| training data of the network, as far as its makers say | faces of the web |" in text
    assert "| what is disputed about those data | nobody was asked |" in text
    older = card(tmp_path, invented(3)[0])  # of a recogniser that does not say
    assert "| training data of the network, as far as its makers say | unknown |" in older
    assert "| what is disputed about those data | unknown |" in older


def test_the_weakest_are_named_with_their_photos(tmp_path: Path) -> None:
    evaluation = invented(9)[0]
    photos = evaluation.per_person[0].support
    recalls = [0.9, 0.1, 0.8, 0.7, 0.2, 0.6, 0.5, 0.4, 0.3]
    scores = [
        PersonScore(each.name, 1.0, recall, 1.0, photos)
        for each, recall in zip(evaluation.per_person, recalls, strict=True)
    ]
    text = card(tmp_path, replace(evaluation, per_person=scores))
    rows = re.findall(r"^\| (Person \d) \| ([\d.]+) % \| (\d+) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == ["Person 1", "Person 4", "Person 8", "Person 7", "Person 6"]
    assert rows[0] == ("Person 1", "10.0", str(photos))


def test_what_was_not_tested_is_said(tmp_path: Path) -> None:
    untested = replace(
        invented(3)[0], accuracy=None, accuracy_ci95=None, balanced_accuracy=None,
        top5_accuracy=None, open_set=UNTESTED, calibration=None, look_alikes=[], folds=None,
        confusion_matrix=np.zeros((3, 3), int).tolist(), errors=[], learning_curve=[],
        per_person=[PersonScore(f"Person {i}", 0.0, 0.0, 0.0, 0) for i in range(3)],
    )  # fmt: skip
    text = card(tmp_path, untested, About())
    assert "**Enrolled, but not tested.**" in text
    assert "Nothing was tested" in text
    assert "No stranger was tested" in text
    assert "| Named rightly (DIR) | not tested | unknown |" in text
    assert "Nobody was tested" in text
    assert "Nothing had to be said against" not in text
    assert "**Not tested.** No groups were given" in text


def test_groups_are_compared_and_show_what_each_would_need(tmp_path: Path) -> None:
    adult, child = a_group("adult", 0.9, (0.8, 0.95)), a_group("child", 0.5, (0.3, 0.7))
    child = replace(child, own_threshold=0.31, dir_at_own_threshold=0.75,
                    dir_at_own_threshold_ci95=(0.0, 0.9))  # fmt: skip
    gap = GroupGap("age", "dir", "child", "adult", 0.4, (0.1, 0.6))
    text = card(tmp_path, replace(invented(5)[0], groups=[adult, child], group_gaps=[gap]))
    assert "- By age, child fares worst: 50.0 % of its known faces are named rightly" in text
    assert (
        "| age | child | 12, 60 | 50.0 % (30.0 % to 70.0 %) | 50.0 % (30.0 % to 70.0 %) | 3, 9 | "
        "0.0 % (0.0 % to 40.0 %) | 0.310 | 75.0 % (0.0 % to 90.0 %) |"
    ) in text
    assert "| 0.0 % (0.0 % to 40.0 %) | not tested | not tested |" in text


def test_a_network_fitted_to_the_people_still_knows_them(tmp_path: Path) -> None:
    evaluation = replace(invented(3)[0], chosen="all layers", candidates=[])
    assert "The network was fitted to the photos" in card(tmp_path, evaluation)
    beside = replace(ABOUT, backbone=ABOUT.backbone | {"small_faces": True})
    taught = card(tmp_path, invented(3)[0], beside)
    assert "changed neither of the two networks. Who is forgotten" in taught
    assert "| beside it | the same network as knownface has taught it faces" in taught
    later = replace(evaluation, chosen="", recipe="best")
    assert "the card of its training says" in card(tmp_path, later)


def test_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    evil = "<img src=x>|[a](http://b) **x**\n# H `c` \x1b[2J _d_"
    evaluation = invented(2)[0]
    changed = replace(
        evaluation,
        people=[evil, "Tom_Cruise"],
        per_person=[
            replace(each, name=name)
            for each, name in zip(evaluation.per_person, (evil, "Tom_Cruise"), strict=True)
        ],
    )
    text = card(tmp_path, changed)
    assert r"\<img src=x\>\|\[a\](http://b) \*\*x\*\*" in text
    assert "\x1b" not in text
    assert "\n# H" not in text
    assert r"\`c\`" in text
    assert r"\_d\_" in text
    assert "| Tom_Cruise |" in text
