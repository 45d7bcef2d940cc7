"""Whether one candidate is better than another, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from knownface.measure.trial import Trial
from knownface.training.judging import FARS, Judged, probability_better

PEOPLE = 10


def judged(
    seed: int, mean: float, photos: int = 8, strangers: int = 60, shift: float = 0.0
) -> Judged:
    """Own scores around `mean`, others around 0, of spread 1; strangers in threes."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(PEOPLE), photos)
    scores = rng.normal(size=(len(truth), PEOPLE))
    scores[np.arange(len(truth)), truth] += mean
    others = rng.normal(size=(strangers, PEOPLE)).max(1)
    return Judged(Trial(scores + shift, truth, others + shift), np.arange(strangers) // 3)


def test_the_score_is_half_accuracy_half_dir() -> None:
    one = judged(0, 3.0)
    dirs = [one.trial.dir_at_far(far) for far in FARS]
    assert one.score == pytest.approx((one.trial.accuracy + np.mean(dirs)) / 2)


def test_equal_weights_give_the_score_itself() -> None:
    one = judged(1, 3.0)
    weights = np.ones((1, PEOPLE)), np.ones((1, 20))
    assert one.weighted(*weights) == pytest.approx([one.score])


def test_a_person_of_no_weight_does_not_count() -> None:
    one = judged(2, 3.0)
    trial, weights = one.trial, np.ones((1, PEOPLE))
    weights[0, 4] = 0
    kept = trial.truth != 4
    without = Judged(Trial(trial.scores[kept], trial.truth[kept], trial.strangers), one.others)
    assert one.weighted(weights, np.ones((1, 20))) == pytest.approx([without.score])


def test_a_promise_tells_the_better_one_more_often_than_counting() -> None:
    right = np.zeros(2)
    for seed in range(100):
        worse, better = (
            judged(seed + 1000 * k, mean, photos=1, strangers=15)
            for k, mean in enumerate((3.8, 4.2))
        )
        right += [worse.promise < better.promise, worse.score < better.score]
    assert right[0] > right[1] + 8, right


def test_what_nobody_weighs_promises_nothing() -> None:
    one = judged(2, 3.0)
    people, others = np.ones((2, PEOPLE)), np.ones((2, 20))
    people[1, 4], others[1, :3] = 0, 0
    kept, asked = one.trial.truth != 4, one.others > 2
    trial = Trial(one.trial.scores[kept], one.trial.truth[kept], one.trial.strangers[asked])
    without = Judged(trial, one.others[asked])
    assert one.promises(people, others) == pytest.approx([one.promise, without.promise])


def test_one_person_is_told_from_strangers_alone() -> None:
    one = judged(6, 3.0).trial
    alone = one.truth == 0
    strangers = np.arange(60) // 3
    near, far = (
        Judged(Trial(one.scores[alone, :1] + lead, one.truth[alone], one.strangers), strangers)
        for lead in (0.0, 3.0)
    )
    assert 0.5 < near.promise < far.promise <= 1.0


def test_rounds_have_one_threshold_together() -> None:
    first, second = judged(3, 3.0), judged(4, 3.0)
    both = Judged.pooled([first, second])
    assert len(both.trial.truth) == 160
    assert len(both.trial.strangers) == len(both.others) == 120
    assert both.trial.accuracy == pytest.approx((first.trial.accuracy + second.trial.accuracy) / 2)
    apart = Judged.pooled([first, judged(4, 3.0, shift=5.0)])
    assert apart.dirs[0] < both.dirs[0]  # scores that do not agree between rounds are of no use


def test_equals_are_better_than_each_other_every_other_time() -> None:
    one = judged(5, 3.0)
    assert probability_better(one, one) == 0.5


def test_the_probability_is_that_of_new_people() -> None:
    """Of candidates that are equally good in truth, as many seem better for 0.8 as should."""
    found = np.array(
        [probability_better(judged(2 * i, 2.5), judged(2 * i + 1, 2.5)) for i in range(60)]
    )
    assert 0.08 <= (found >= 0.8).mean() <= 0.35
    assert (
        np.mean([probability_better(judged(i, 4.0), judged(i + 99, 2.5)) for i in range(9)]) > 0.95
    )


def test_photos_of_one_person_are_no_more_than_one_person() -> None:
    """A lead that one person alone makes is less sure than the same lead of everybody."""
    truth = np.repeat(np.arange(PEOPLE), 10)

    def with_mistakes(rows: np.ndarray) -> Judged:
        scores = np.eye(PEOPLE)[truth]
        scores[rows] = np.eye(PEOPLE)[(truth[rows] + 1) % PEOPLE]
        return Judged(Trial(scores, truth, np.full(30, 0.1)), np.arange(30) // 3)

    none = with_mistakes(np.zeros(0, int))
    spread, one = with_mistakes(np.arange(0, 100, 10)), with_mistakes(np.arange(10))
    mixed = with_mistakes(np.arange(90, 96))
    assert none.score - spread.score == pytest.approx(none.score - one.score)
    everybody, somebody = probability_better(mixed, spread), probability_better(mixed, one)
    assert everybody > somebody
