"""An evaluation of invented people, for what shows and reads evaluations."""

from __future__ import annotations

import numpy as np

from knownface.measure.confidence import Bin, Calibration
from knownface.measure.evaluation import (
    CandidateScore,
    Evaluation,
    OpenSet,
    PersonScore,
    WrongAnswer,
)
from knownface.measure.explanation import Accepted, Answer, Explanation, Point
from knownface.measure.folds import Folds
from knownface.measure.learning_curve import LearningPoint
from knownface.measure.look_alikes import LookAlike

FAR = [float(far) for far in np.geomspace(1e-3, 1, 40)]
CALIBRATION = Calibration(
    0.071, 0.021, 0.31, 160, [Bin(c, c - 0.03, 20) for c in (0.35, 0.55, 0.75, 0.95)]
)
LOOK_ALIKES = [
    LookAlike("Person 0", "Person 1", 0.61, 0.08, 3), LookAlike("Person 0", "Ann", 0.6, None, 0),
]  # fmt: skip
LEARNING_CURVE = [
    LearningPoint(n, 1 - 0.4 / n, (0.95 - 0.4 / n, 1 - 0.2 / n), 0.9 - 0.6 / n)
    for n in (1, 2, 4, 8, 16, 32)
]

UNTESTED = OpenSet(
    0.01, 0.42, "", dir=None, dir_ci95=None, far=None, far_ci95=None, far_trials=0, far_people=0,
    strangers=0, strangers_source="", dir_at_far={}, dir_at_far_ci95={},
    curve={"far": [], "dir": []},
)  # fmt: skip


def invented(people: int, photos: int = 8) -> tuple[Evaluation, Explanation]:
    """An evaluation of invented people, one photo in ten wrong, and faces of smooth noise."""
    rng = np.random.default_rng(people)
    names = [f"Person {i}" for i in range(people)]
    truth = np.repeat(np.arange(people), photos)
    wrong = rng.random(len(truth)) < 0.1
    wrong[0] = True
    predicted = np.where(wrong, (truth + rng.integers(1, people, len(truth))) % people, truth)
    matrix = np.zeros((people, people), int)
    np.add.at(matrix, (truth, predicted), 1)
    faces = rng.integers(60, 200, (len(truth), 7, 7, 3)).repeat(16, 1).repeat(16, 2)
    answers = [
        Answer(f"{names[t]}/{i:03}.jpg", names[t], names[p], 0.1 * (t != p),
               faces[i].astype(np.uint8), rng.normal(size=(8, 8)) if t != p else None)
        for i, (t, p) in enumerate(zip(truth, predicted, strict=True))
    ]  # fmt: skip
    answers.sort(key=lambda answer: -answer.margin)
    enrolled = {
        f"{name}/enrolled-{i}.jpg": faces[i].astype(np.uint8) for name in names for i in (0, 1)
    }
    errors = [
        WrongAnswer(a.photo, a.true, a.predicted, 0.5, {
            name: [f"{name}/enrolled-0.jpg", f"{name}/enrolled-1.jpg"]
            for name in (a.true, a.predicted)
        })
        for a in answers if a.true != a.predicted
    ]  # fmt: skip
    accepted = [
        Accepted(f"Nobody/{i}.jpg", names[0], 0.6 - 0.1 * i, [f"{names[0]}/enrolled-0.jpg"],
                 faces[i].astype(np.uint8), rng.normal(size=(8, 8)))
        for i in range(2)
    ]  # fmt: skip
    kinds = ("training", "test", "stranger")
    points = [
        Point(*rng.random(2), kinds[i % 3], names[i % people], f"{i}.jpg") for i in range(1500)
    ]
    shares = {"0.001": 0.61, "0.01": 0.82, "0.1": 0.95}
    intervals = {far: (dir - 0.05, dir + 0.03) for far, dir in shares.items()}
    accuracy = float((~wrong).mean())
    open_set = OpenSet(
        far_target=0.01, threshold=0.42, threshold_source="given strangers",
        dir=0.81, dir_ci95=(0.75, 0.86), far=0.012, far_ci95=(0.004, 0.03),
        far_trials=180, far_people=15, strangers=180, strangers_source="given strangers",
        dir_at_far=shares,
        dir_at_far_ci95=intervals | {"0.001": (0.0, 0.64)},
        curve={"far": FAR, "dir": [0.6 + 0.13 * (3 + float(np.log10(far))) for far in FAR]},
    )  # fmt: skip
    evaluation = Evaluation(
        accuracy=accuracy, accuracy_ci95=(accuracy - 0.05, accuracy + 0.04),
        balanced_accuracy=accuracy, top5_accuracy=0.99, people=names,
        confusion_matrix=matrix.tolist(), open_set=open_set, errors=errors,
        per_person=[PersonScore(name, *rng.random(3), support=photos) for name in names],
        calibration=CALIBRATION, look_alikes=LOOK_ALIKES, learning_curve=LEARNING_CURVE,
        split={"train": 4 * len(truth), "validation": len(truth), "random_split_accuracy": 0.97},
        notes=[{"photo": "a.jpg", "person": "Ann", "kind": "no_face", "detail": "no face"}],
        backbone="mini", recipe="frozen", device="CPU", chosen="frozen", seconds=12.0,
        candidates=[CandidateScore("frozen", accuracy, None, 3.0, "test")],
        folds=Folds(0.94, (0.92, 0.96), [0.93, 0.94, 0.95], 400),
    )  # fmt: skip
    return evaluation, Explanation(answers, accepted, enrolled, points)
