"""`report.html`: an evaluation as a page for people to read."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knownface.measure import numbers
from knownface.measure.confidence import Calibration
from knownface.measure.evaluation import Evaluation
from knownface.measure.explanation import Explanation
from knownface.measure.groups import FEWEST_PEOPLE
from knownface.measure.learning_curve import LearningPoint
from knownface.measure.open_set import OpenSet
from knownface.measure.verdict import concerns, headline, title
from knownface.pages.answers import accepted_strangers, wrong_answers
from knownface.pages.charts import Axis, Chart, FaceMap, Line
from knownface.pages.confusion import confusion_matrix, draw_confusion_matrix
from knownface.pages.groups import by_group, by_years
from knownface.pages.page import Table, write_page
from knownface.pages.pictures import FaceSheet
from knownface.recognition.threshold import EACH_IN_TURN


def write_report(
    folder: Path,
    evaluation: Evaluation,
    explanation: Explanation | None = None,
    *,
    forgotten: bool = False,
) -> None:
    """`confusion_matrix.png` and a self-contained `report.html` in a run folder.

    explanation: faces and the map; without it the page has the numbers alone.
    forgotten: there were pictures, which left when somebody was forgotten; the page says so.
    """
    sheet = FaceSheet()
    explanation = explanation or Explanation()
    counts = np.array(evaluation.confusion_matrix)
    draw_confusion_matrix(counts, evaluation.people, folder / "confusion_matrix.png")
    wrong = wrong_answers(evaluation, explanation, sheet)
    matrix, data = confusion_matrix(evaluation, explanation, sheet)
    write_page(
        folder / "report.html",
        "report.html.jinja",
        evaluation=evaluation,
        title=title(evaluation),
        headline=headline(evaluation),
        concerns=concerns(evaluation),
        wrong=wrong,
        errors=_errors(evaluation),
        matrix=matrix,
        per_person=_per_person(evaluation),
        look_alikes=_look_alikes(evaluation),
        accepted=accepted_strangers(explanation, sheet),
        reliability=evaluation.calibration and _reliability(evaluation.calibration),
        learning_curve=_learning_curve(evaluation.learning_curve),
        faces=FaceMap.of(explanation.points, evaluation.people),
        groups=by_group(evaluation),
        fewest=FEWEST_PEOPLE,
        by_years=by_years(evaluation),
        candidates=_candidates(evaluation),
        notes=_notes(evaluation),
        sheet=sheet,
        data=data,
        forgotten=forgotten,
        **_against_strangers(evaluation.open_set),
    )


# ---------------------------------------------------------------- tables
def _errors(evaluation: Evaluation) -> Table:
    written = numbers.SIMILARITY.cell
    rows = [(e.photo, e.true, e.predicted, written(e.similarity)) for e in evaluation.errors]
    return Table("All wrong answers", ("Photo", "True", "Predicted", "Similarity"), rows)


def _per_person(evaluation: Evaluation) -> Table:
    columns = (numbers.PRECISION, numbers.RECALL, numbers.F1, numbers.SUPPORT)
    return Table.of("Person by person", "Person", columns, [
        (p.name, (p.precision, p.recall, p.f1, p.support)) for p in evaluation.per_person
    ])  # fmt: skip


def _look_alikes(evaluation: Evaluation) -> Table:
    columns = (numbers.SIMILARITY, numbers.MARGIN, numbers.CONFUSED)
    return Table.of("Look-alikes", "Pair", columns, [
        (f"{pair.first} and {pair.second}", (pair.similarity, pair.margin, pair.confused))
        for pair in evaluation.look_alikes
    ])  # fmt: skip


def _candidates(evaluation: Evaluation) -> Table:
    columns = (numbers.ACCURACY, numbers.DIR_AT_FAR_1, numbers.SECONDS)
    return Table.of("What was tried", "Candidate", columns, [
        (
            each.name + (" (chosen)" if each.name == evaluation.chosen else ""),
            (each.accuracy, each.dir_at_1_percent, each.seconds),
        )
        for each in evaluation.candidates
    ])  # fmt: skip


def _notes(evaluation: Evaluation) -> Table:
    rows = [(note["photo"], note["person"], note["detail"]) for note in evaluation.notes]
    return Table("Photos left out", ("Photo", "Person", "Why"), rows)


# ---------------------------------------------------------------- strangers, confidence, effort
def _against_strangers(shown: OpenSet) -> dict[str, Any]:
    """What `strangers.html.jinja` shows besides the evaluation itself."""
    share, intervals = numbers.DIR_AT_FAR_1.cell, shown.dir_at_far_ci95
    rows = [
        (share(float(far)), share(found), (numbers.between(intervals[far]), intervals[far][0]))
        for far, found in shown.dir_at_far.items()
    ]
    header = (numbers.FAR.name, numbers.DIR.name, numbers.INTERVAL)
    roc, det = _curves(shown.curve["far"], shown.curve["dir"]) if rows else (None, None)
    return {
        "each_in_turn": shown.strangers_source == EACH_IN_TURN,
        "dir_at_far": Table("DIR at FAR", header, rows),
        "unsure": any(low == 0 < shown.dir_at_far[far] for far, (low, _) in intervals.items()),
        "roc": roc,
        "det": det,
    }


def _curves(far: list[float], found: list[float]) -> tuple[Chart, Chart]:
    fars = Axis("strangers accepted (FAR)", 1e-3, 1.0, log=True)
    # The edge is that rate, which few strangers reach at none accepted; 1e-9: rates are rounded.
    at_edge = max(0, bisect_right(far, fars.low + 1e-9) - 1)
    far, found = far[at_edge:], found[at_edge:]
    shares = Axis("known faces named rightly (DIR)", _below(found[0]))
    missed = [1 - each for each in found]
    misses = Axis("known faces missed (1 - DIR)", 1e-3, 1.0, log=True)
    return Chart(
        "ROC", fars, shares, [Line(far, found)], "ROC: up and to the left is better."
    ), Chart(
        "DET", fars, misses, [Line(far, missed)],
        "DET: the same as errors, both on logarithmic scales; down and to the left is better.",
    )  # fmt: skip


def _below(lowest: float) -> float:
    """Where an axis of shares starts: at a tenth, and at 90 % at most."""
    return min(0.9, math.floor(10 * lowest) / 10)


def _reliability(found: Calibration) -> Chart:
    bins = found.reliability
    dots = Line(
        [b.confidence for b in bins],
        [b.accuracy for b in bins],
        "dots",
        sizes=[math.sqrt(b.photos / found.photos) for b in bins],
    )
    caption = (
        "Reliability: on the dashed line, a confidence of 80 % is right in 80 %. A dot's area is "
        "its share of the photos."
    )
    lines = [Line([0, 1], [0, 1], "ideal"), dots]
    return Chart("Reliability diagram", Axis("confidence"), Axis("accuracy"), lines, caption)


def _learning_curve(steps: Sequence[LearningPoint]) -> Chart | None:
    if len(steps) < 2:
        return None
    photos = [step.photos for step in steps]
    low, high = zip(*(step.accuracy_ci95 for step in steps), strict=True)
    across = Axis("training photos per person", photos[0], photos[-1], shares=False)
    found = [step.dir for step in steps if step.dir is not None]  # of all steps, or of none
    lines = [Line(photos, [step.accuracy for step in steps], low=low, high=high)]
    if found:
        lines.append(Line(photos, found, "ideal"))
    caption = (
        f"Accuracy with its {numbers.INTERVAL}; dashed, {numbers.DIR_AT_FAR_1.name}. Where the "
        "curve is flat, more photos of the same kind help little."
    )
    down = Axis("accuracy", _below(min(*low, *found)))
    return Chart("Learning curve", across, down, lines, caption)
