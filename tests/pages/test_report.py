"""The report of a run: what it says, with and without faces and strangers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from invented import LEARNING_CURVE, UNTESTED, invented

from knownface.measure.evaluation import WrongAnswer
from knownface.measure.gaps import GroupGap
from knownface.measure.groups import GroupScore
from knownface.measure.years import YearsScore
from knownface.pages.report import write_report


def test_a_page_needs_nothing_else_and_explains_every_part(tmp_path: Path) -> None:
    write_report(tmp_path, *invented(20, 50))  # 1,000 tested photos
    page = (tmp_path / "report.html").read_text()
    assert len(page.encode()) < 5_000_000
    assert "src=" not in page.replace("src=data", "")
    assert "http" not in page.replace("http-equiv", "")
    for heading in (
        "The people it knows", "Who is taken for whom", "Wrong answers", "Person by person",
        "Look-alikes", "Strangers", "Strangers who were named", "Confidence",
        "How many photos are enough", "Map of the faces", "What was tried", "Photos left out",
    ):  # fmt: skip
        assert f">{heading}</h2>" in page
    assert page.count("image/jpeg;base64") == 1  # every face once, in one sheet
    assert (tmp_path / "confusion_matrix.png").is_file()


def test_a_page_without_strangers_and_faces(tmp_path: Path) -> None:
    evaluation = replace(
        invented(3)[0], open_set=UNTESTED, calibration=None, look_alikes=[], folds=None,
        learning_curve=LEARNING_CURVE[:1], candidates=[], notes=[],
    )  # fmt: skip
    write_report(tmp_path, evaluation)
    page = (tmp_path / "report.html").read_text()
    for heading in ("Confidence", "Look-alikes", "How many photos are enough"):
        assert f"{heading}</h2>" not in page
    assert "All wrong answers" in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["photos"] == [[error.photo, None] for error in evaluation.errors]


def test_what_few_strangers_cannot_say_is_said(tmp_path: Path) -> None:
    evaluation, explanation = invented(3)
    write_report(tmp_path, evaluation, explanation)
    assert "so few strangers cannot say" in (tmp_path / "report.html").read_text()
    sure = replace(evaluation.open_set, dir_at_far_ci95=dict.fromkeys(("0.01", "0.1"), (0.7, 0.9)))
    sure.dir_at_far.pop("0.001")
    write_report(tmp_path, replace(evaluation, open_set=sure), explanation)
    assert "so few strangers cannot say" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("far", "found"),
    [
        ([0.0, 1 / 180, 0.1, 1.0], [0.775, 0.85, 0.9, 1.0]),  # few strangers
        ([0.0, 4e-4, 1 - 999 / 1000, 0.01, 1.0], [0.3, 0.6, 0.775, 0.82, 1.0]),  # many
    ],
)
def test_the_roc_starts_at_what_the_table_says(
    tmp_path: Path, far: list[float], found: list[float]
) -> None:
    evaluation, _ = invented(3)
    shares = {"0.001": 0.775, "0.01": 0.85, "0.1": 0.9}
    shown = replace(evaluation.open_set, dir_at_far=shares, curve={"far": far, "dir": found})
    write_report(tmp_path, replace(evaluation, open_set=shown))
    page = (tmp_path / "report.html").read_text()
    roc = page.split('aria-label="ROC"')[1].split("</svg>")[0]
    heights = {
        float(share): float(y) - 4
        for y, share in re.findall(r'y="([\d.]+)" class="end">([\d.]+)\s%<', roc)
    }
    left, start = map(float, re.findall(r'class="line" d="M([\d.]+) ([\d.]+)L', roc)[0])
    assert left == float(re.findall(r'<text x="([\d.]+)"', roc)[0])
    low, high = min(heights), max(heights)
    share = low + (high - low) * (heights[low] - start) / (heights[low] - heights[high])
    assert share == pytest.approx(77.5, abs=0.1)


def test_groups_and_years_are_shown_where_they_were_tested(tmp_path: Path) -> None:
    evaluation, explanation = invented(3)
    write_report(tmp_path, evaluation, explanation)
    page = (tmp_path / "report.html").read_text()
    assert "By group</h2>" not in page
    assert "Growing older</h2>" not in page
    old, young = (
        GroupScore("age", group, 12, 60, share, (0.1, 0.9), share, (0.1, 0.9), 12, 36, 0.0,
                   (0.0, 0.1), 0.377, 0.66, (0.5, 0.8))
        for group, share in (("<b>", 0.5), ("young", 0.7))
    )  # fmt: skip
    years = YearsScore(3.0, 10.0, 7, 21, 0.8, (0.5, 0.9), 0.6, (0.3, 0.8))
    gaps = [GroupGap("age", "dir", "<b>", "young", 0.2, (0.1, 0.3))]
    changed = replace(evaluation, groups=[old, young], group_gaps=gaps, by_years=[years])
    write_report(tmp_path, changed, explanation)
    page = (tmp_path / "report.html").read_text().replace("\u00a0", " ")
    assert "<strong>By age, &lt;b&gt; fares worst: 50.0 % of its known faces" in page
    assert ">0.377</td>" in page
    assert ">66.0 % (50.0 % to 80.0 %)</td>" in page
    assert ">3 to 10 years</th>" in page
    assert "nothing is known of people who have grown older" not in page


def test_hundreds_of_people(tmp_path: Path) -> None:
    evaluation, explanation = invented(300, 2)
    write_report(tmp_path, evaluation, explanation)
    page = (tmp_path / "report.html").read_text()
    assert len(page.encode()) < 5_000_000
    assert "The 200 people with the lowest recall, of 300." in page


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    evaluation, explanation = invented(2)
    evil = '</script><img src=x onerror="alert(1)">'
    changed = replace(
        evaluation,
        people=[evil, "Person 1"],
        per_person=[replace(evaluation.per_person[0], name=evil), evaluation.per_person[1]],
        errors=[WrongAnswer(evil, evil, "Person 1", 0.5, {}) for _ in evaluation.errors],
    )
    write_report(tmp_path, changed, explanation)
    page = (tmp_path / "report.html").read_text()
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert page.count("<script") == 2
