"""What is said first of an evaluation, to people who know none of its terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from invented import UNTESTED, invented

from knownface.measure.evaluation import Evaluation
from knownface.measure.gaps import GroupGap
from knownface.measure.groups import NOT_SAID, GroupScore
from knownface.measure.run import Run, ranked
from knownface.measure.verdict import compared, concerns, headline, title


def evaluation(people: int = 20, photos: int = 8, **rates: Any) -> Evaluation:
    found, _ = invented(people, photos)
    return replace(found, open_set=replace(found.open_set, **rates))


def test_where_all_is_well_the_rates_people_live_with_come_first() -> None:
    found = evaluation()
    assert concerns(found) == []
    assert title(found) == "Names 81.0 % of known faces, and 1.2 % of strangers"
    assert headline(found) == (
        "At the threshold (0.420), 81.0 % of 160 new photos of known people get the right name "
        "(DIR; 95 % interval 75.0 % to 86.0 %) and 1.2 % of 180 photos of 15 strangers are taken "
        "for somebody known (FAR; 95 % interval 0.4 % to 3.0 %; asked for: 1 %)."
    )


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({"dir": 0.49, "dir_ci95": (0.4, 0.6)}, "Not usable yet: only 49.0 %"),
        ({"far": 0.138, "far_ci95": (0.05, 0.3)}, "Too many strangers are named: 13.8 % instead"),
        ({"far": None, "far_ci95": None}, "No stranger was tested"),
        ({"far_people": 2}, "Strangers are hardly tested: 2 people"),
        (
            {"far": 0.0, "far_ci95": (0.0, 0.68), "far_trials": 9, "far_people": 3},
            "Strangers are hardly tested: 9 photos of 3 people can say little of all others, of "
            "whom up to 68.0 % may be taken",
        ),
    ],
)
def test_what_spoils_a_result_is_said_with_cause_and_remedy(
    changed: dict[str, Any], first: str
) -> None:
    (concern,) = concerns(evaluation(**changed))
    assert str(concern).startswith(first)
    assert concern.cause
    assert concern.remedy


@pytest.mark.parametrize(
    ("far", "interval", "people"),
    [(0.0, (0.0, 0.074), 16), (0.0, (0.0, 0.45), 5), (0.012, (0.0, 0.22), 15)],
)
def test_strangers_of_usual_runs_are_tested_enough(
    far: float, interval: tuple[float, float], people: int
) -> None:
    assert concerns(evaluation(far=far, far_ci95=interval, far_people=people)) == []


def test_a_run_of_no_use_says_so_before_everything_else() -> None:
    found = evaluation(dir=0.2, dir_ci95=(0.1, 0.3), far=0.5, far_ci95=(0.3, 0.7), far_people=2)
    assert [str(each).split(":")[0] for each in concerns(found)] == [
        "Not usable yet", "Too many strangers are named", "Strangers are hardly tested",
    ]  # fmt: skip
    assert title(found) == "Not usable yet: names only 20.0 % of known faces"


def test_a_network_that_knows_nobody_is_told_from_a_high_threshold() -> None:
    high = evaluation(dir=0.2, dir_ci95=(0.1, 0.3), dir_at_far={"0.01": 0.3, "0.1": 0.7},
                      dir_at_far_ci95={"0.01": (0.2, 0.4), "0.1": (0.6, 0.8)})  # fmt: skip
    (concern,) = concerns(high)
    assert "similarity of 0.42" in concern.cause
    assert "far_target=0.1, 70.0 % would be named" in concern.remedy
    wrong = evaluation(people=4, dir=0.2, dir_ci95=(0.1, 0.3))
    matrix = [[0, 8, 0, 0], [8, 0, 0, 0], [0, 0, 8, 0], [0, 0, 8, 0]]
    errors = (wrong.errors * 24)[:24]
    wrong = replace(wrong, accuracy=0.25, confusion_matrix=matrix, errors=errors)
    assert concerns(wrong)[0].cause.startswith("The network cannot tell these people apart")


def test_few_photos_are_said() -> None:
    (concern,) = concerns(evaluation(3, 3))
    assert str(concern).startswith("Hardly tested: 9 test photos")


def a_group(name: str, people: int, dir: float | None, far: float | None = None) -> GroupScore:
    wide = (0.0, 1.0)
    strangers = 0 if far is None else people
    return GroupScore("age", name, people, people, dir, wide, dir, wide, strangers, 9, far, wide)


def compared_as(gap: GroupGap, *groups: GroupScore) -> list[str]:
    found = replace(invented(3)[0], groups=[*groups, a_group(NOT_SAID, 1, 0.0)], group_gaps=[gap])
    return [each.text for each in compared(found)]


def test_which_group_fares_worst_and_whether_that_may_be_chance() -> None:
    young, old, few = a_group("young", 40, 0.9), a_group("old", 30, 0.7), a_group("few", 2, 0.5)
    sure = GroupGap("age", "dir", "old", "young", 0.2, (0.08, 0.31))
    assert compared_as(sure, young, old) == [
        "By age, old fares worst: 70.0 % of its known faces are named rightly against 90.0 % of "
        "young, 20.0 points fewer (95 % interval 8.0 to 31.0), which is more than chance."
    ]
    assert compared_as(sure, young, old, few)[0].startswith(
        "By age, old fares worst, as far as can be told: 70.0 %"
    )
    (unsure,) = compared_as(replace(sure, gap_ci95=(-0.1, 0.5)), young, old)
    assert unsure.endswith(
        "which may be chance: this test cannot tell, nor show that they are alike."
    )
    of_few = GroupGap("age", "dir", "few", "young", 0.4, (-0.3, 0.9))
    assert compared_as(of_few, young, few)[0].endswith(
        "which may be chance: few is 2 people, too few to tell."
    )


def test_groups_that_are_equal_or_alone() -> None:
    one, two = a_group("one", 12, 1.0), a_group("two", 12, 1.0)
    (alike,) = compared_as(GroupGap("age", "dir", "one", "two", 0.0, (-0.2, 0.2)), one, two)
    assert alike == (
        "By age, as many known faces are named rightly in each group (100.0 %), which does not "
        "show that groups are alike: one and two may lie up to 20.0 points apart."
    )
    alone = replace(invented(3)[0], groups=[one])
    assert [str(each) for each in compared(alone)] == [
        "By age, fewer than two groups were tested, so that nothing is compared."
    ]


def test_strangers_of_groups_are_compared_too() -> None:
    one, two = a_group("one", 12, None, 0.01), a_group("two", 15, None, 0.2)
    said = compared_as(GroupGap("age", "far", "two", "one", 0.19, (0.02, 0.4)), one, two)
    assert said[-1] == (
        "By age, two fares worst with strangers: 20.0 % of its strangers are taken for somebody "
        "known against 1.0 % of one, 19.0 points more (95 % interval 2.0 to 40.0), which is more "
        "than chance."
    )


def test_runs_are_ranked_by_what_people_live_with() -> None:
    runs = [
        Run("no result", "frozen", 1, error="why"),
        Run("untested", "frozen", 1, "e", replace(invented(3)[0], open_set=UNTESTED)),
        Run("lax", "frozen", 1, "a", evaluation(dir=0.99, far=0.2, far_ci95=(0.1, 0.3))),
        Run("good", "frozen", 1, "b", evaluation(dir=0.8)),
        Run("better", "frozen", 1, "c", evaluation(dir=0.9)),
    ]
    best_first = [run.backbone for run in ranked(runs)]
    assert best_first == ["better", "good", "lax", "untested", "no result"]
