"""`report.html`: an evaluation as a page for people to read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from knownface.measure.evaluation import Evaluation
from knownface.measure.explanation import Explanation
from knownface.pages.answers import accepted_strangers, map_of_faces, wrong_answers
from knownface.pages.charts import Axis, Line, chart
from knownface.pages.confusion import confusion_table, draw_confusion_matrix
from knownface.pages.page import (
    Cell,
    Faces,
    Section,
    between,
    figures,
    paragraphs,
    percent,
    share,
    table,
    write_page,
)
from knownface.recognition.threshold import EACH_IN_TURN


def write_report(
    folder: Path, evaluation: Evaluation, explanation: Explanation | None = None
) -> None:
    """`confusion_matrix.png` and a self-contained `report.html` in a run folder.

    explanation: faces and the map; without it the page has the numbers alone.
    """
    faces = Faces()
    explanation = explanation or Explanation()
    matrix = np.array(evaluation.confusion_matrix)
    draw_confusion_matrix(matrix, evaluation.people, folder / "confusion_matrix.png")
    wrong = wrong_answers(evaluation, explanation, faces)
    confusion, data = confusion_table(evaluation, explanation, faces)
    sections = [
        ("The people it knows", _closed_set(evaluation)),
        ("Who is taken for whom", _CONFUSION + confusion + _BEHIND),
        ("Wrong answers", wrong),
        ("Person by person", _per_person(evaluation)),
        *_look_alikes(evaluation),
        *_strangers(evaluation),
        *accepted_strangers(explanation, faces),
        *_calibration(evaluation),
        *_learning_curve(evaluation),
        *map_of_faces(evaluation, explanation),
        *_candidates(evaluation),
        ("Photos left out", _notes(evaluation)),
    ]
    title = f"{percent(evaluation.accuracy)} of {evaluation.tested} photos named right"
    recipe = f"recipe {evaluation.recipe}" if evaluation.recipe else ""
    seconds = f"{evaluation.seconds:.0f} s"
    about = " · ".join(filter(None, (evaluation.backbone, recipe, evaluation.device, seconds)))
    summary = paragraphs(*_summary(evaluation))
    write_page(folder / "report.html", title, about, summary, sections, faces, data)


def _summary(evaluation: Evaluation) -> list[str]:
    lines = [
        f"95 % interval {between(evaluation.accuracy_ci95)}: {evaluation.tested} photos of "
        f"{len(evaluation.people)} people that were not used for training."
    ]
    if shown := evaluation.open_set:
        lines.append(
            f"Against strangers, at the threshold {shown.threshold:.3f}: {percent(shown.dir)} of "
            f"known faces are named rightly, and {percent(shown.far)} of {shown.far_trials} photos "
            f"of strangers are taken for somebody known (95 % interval {between(shown.far_ci95)})."
        )
    return lines


def _closed_set(evaluation: Evaluation) -> str:
    people, split = evaluation.people, evaluation.split
    items = [
        ("Accuracy", percent(evaluation.accuracy),
         "The share of test photos that got the right name; 95 % interval "
         f"{between(evaluation.accuracy_ci95)}, which is how far chance alone can move it."),
        ("Balanced accuracy", percent(evaluation.balanced_accuracy),
         "The mean over people of each one's share of right answers, so that people with many "
         "photos do not count more."),
        ("Among the first five", percent(evaluation.top5_accuracy),
         f"How often the right person is one of the {min(5, len(people))} most similar."),
        ("Photos", f"{split.get('train', 0)} + {split.get('validation', 0)}",
         "Enrolled for training, and kept for this test. No photo is in both."),
    ]  # fmt: skip
    if (claimed := split.get("random_split_accuracy")) is not None:
        items.append(("A random split", percent(claimed),
            "What a test would have claimed that lets near-duplicates of training photos in. It "
            "is shown as a warning, not as a result."))  # fmt: skip
    if folds := evaluation.folds:
        items.append(("Cross-validation", percent(folds.accuracy),
            f"Accuracy when each of {len(folds.folds)} parts in turn is the test; 95 % interval "
            f"{between(folds.accuracy_ci95)}."))  # fmt: skip
    return figures(items)


_CONFUSION = paragraphs(
    "Each row is a person, each column an answer. Blue is right, orange is wrong, and a stronger "
    "colour is a larger share of the row. People with mistakes come first. Point at a number, or "
    "move to it with Tab and the arrow keys, to see the photos behind it."
)
_BEHIND = (
    '<div id="behind" class="behind" aria-live="polite"><p>The photos behind a cell appear here.'
    "</p></div>"
)


def _per_person(evaluation: Evaluation) -> str:
    rows: list[list[Cell]] = [
        [
            person.name,
            *(share(each) for each in (person.precision, person.recall, person.f1)),
            (str(person.support), person.support),
        ]
        for person in evaluation.per_person
    ]
    return paragraphs(
        "Precision: of the photos that got this name, the share that show the person. Recall: of "
        "the person's photos, the share that got the name. F1: the harmonic mean of both."
    ) + table("Person by person", ("Person", "Precision", "Recall", "F1", "Photos"), rows)


def _candidates(evaluation: Evaluation) -> list[Section]:
    if not evaluation.candidates:
        return []
    rows: list[list[Cell]] = []
    for each in evaluation.candidates:
        found = each.dir_at_1_percent
        chosen = " (chosen)" if each.name == evaluation.chosen else ""
        rows.append([
            each.name + chosen,
            share(each.accuracy),
            ("not measured", -1.0) if found is None else share(found),
            (f"{each.seconds:.0f}", each.seconds),
        ])  # fmt: skip
    header = ("Candidate", "Accuracy", "DIR at FAR 1 %", "Seconds")
    return [("What was tried", table("What was tried", header, rows))]


def _notes(evaluation: Evaluation) -> str:
    rows = [(note["photo"], note["person"], note["detail"]) for note in evaluation.notes]
    return paragraphs("Or used with a reservation.") + table(
        "Photos left out", ("Photo", "Person", "Why"), rows
    )


# ---------------------------------------------------------------- strangers, confidence, effort
def _strangers(evaluation: Evaluation) -> list[Section]:
    shown = evaluation.open_set
    if not shown:
        return []
    whose = ""
    if shown.strangers_source == EACH_IN_TURN:
        whose = (
            " Known people played the strangers; real ones may resemble them less, so that the "
            "interval starts at 0."
        )
    items = [
        ("Named rightly", percent(shown.dir), "The share of known faces that get the right "
         f"name at the threshold (DIR); 95 % interval {between(shown.dir_ci95)}."),
        ("Strangers accepted", percent(shown.far), f"The share of {shown.far_trials} photos "
         "of strangers that are taken for somebody known (FAR); 95 % interval "
         f"{between(shown.far_ci95)}, target {percent(shown.far_target)}." + whose),
        ("Threshold", f"{shown.threshold:.3f}", "The similarity from which a face gets a name, "
         f"chosen on {shown.threshold_source}."),
    ]  # fmt: skip
    intervals = shown.dir_at_far_ci95
    rows: list[list[Cell]] = [
        [share(float(far)), share(found), (between(intervals[far]), intervals[far][0])]
        for far, found in shown.dir_at_far.items()
    ]
    header = ("Strangers accepted (FAR)", "Named rightly (DIR)", "95 % interval")
    parts = [
        figures(items),
        paragraphs(
            "A stricter threshold refuses more strangers and more known faces. Measured on "
            f"{shown.strangers} photos of {shown.strangers_source}:"
        ),
        table("DIR at FAR", header, rows),
    ]
    if any(low == 0 < shown.dir_at_far[far] for far, (low, _) in intervals.items()):
        parts.append(paragraphs(
            "An interval that starts at 0 %: so few strangers cannot say how high the threshold "
            "has to be for so low a rate. More strangers would."
        ))  # fmt: skip
    parts.append(f'<div class="charts">{_curves(shown.curve["far"], shown.curve["dir"])}</div>')
    return [("Strangers", "".join(parts))]


def _curves(far: list[float], found: list[float]) -> str:
    fars = Axis("strangers accepted (FAR)", 1e-3, 1.0, log=True)
    lowest = min(each for rate, each in zip(far, found, strict=True) if rate >= fars.low)
    shares = Axis("known faces named rightly (DIR)", _below(lowest))
    missed = [1 - each for each in found]
    misses = Axis("known faces missed (1 - DIR)", 1e-3, 1.0, log=True)
    return chart(
        "ROC", fars, shares, [Line(far, found)],
        "ROC: up and to the left is better.",
    ) + chart(
        "DET", fars, misses, [Line(far, missed)],
        "DET: the same as errors, both on logarithmic scales; down and to the left is better.",
    )  # fmt: skip


def _below(lowest: float) -> float:
    """Where an axis of shares starts: at a tenth, and at 90 % at most."""
    return min(0.9, math.floor(10 * lowest) / 10)


def _look_alikes(evaluation: Evaluation) -> list[Section]:
    rows: list[list[Cell]] = [
        [
            f"{pair.first} and {pair.second}",
            (f"{pair.similarity:.2f}", pair.similarity),
            ("unknown", 2.0) if pair.margin is None else (f"{pair.margin:.2f}", pair.margin),
            (str(pair.confused), pair.confused),
        ]
        for pair in evaluation.look_alikes
    ]
    header = ("Pair", "Similarity", "Margin", "Photos confused")
    intro = paragraphs(
        "The people who are most alike to the network. The margin says how much more, at worst, a "
        "training photo is like its own person than like the other: the smaller, the harder."
    )
    return [("Look-alikes", intro + table("Look-alikes", header, rows))] if rows else []


def _calibration(evaluation: Evaluation) -> list[Section]:
    found = evaluation.calibration
    if not found:
        return []
    bins = found.reliability
    items = [
        ("Calibration error", percent(found.ece), "The mean gap between the confidence that is "
         f"stated and how often it is right (ECE), over {found.photos} photos; "
         f"{percent(found.ece_before)} before scaling."),
        ("Temperature", f"{found.temperature:.3g}", "Similarities are divided by this before "
         "they become probabilities; it was fitted on training photos."),
    ]  # fmt: skip
    lines = [
        Line([0, 1], [0, 1], "ideal"),
        Line(
            [b.confidence for b in bins],
            [b.accuracy for b in bins],
            "dots",
            sizes=[math.sqrt(b.photos / found.photos) for b in bins],
        ),
    ]
    axes = Axis("confidence"), Axis("accuracy")
    caption = (
        "Reliability: on the dashed line, a confidence of 80 % is right in 80 %. A dot's area is "
        "its share of the photos."
    )
    picture = chart("Reliability diagram", *axes, lines, caption)
    return [("Confidence", f'{figures(items)}<div class="charts">{picture}</div>')]


def _learning_curve(evaluation: Evaluation) -> list[Section]:
    steps = evaluation.learning_curve
    if len(steps) < 2:
        return []
    photos = [step.photos for step in steps]
    low, high = zip(*(step.accuracy_ci95 for step in steps), strict=True)
    across = Axis("training photos per person", photos[0], photos[-1], shares=False)
    found = [step.dir for step in steps if step.dir is not None]  # of all steps, or of none
    bottom = _below(min(*low, *found))
    lines = [Line(photos, [step.accuracy for step in steps], low=low, high=high)]
    if found:
        lines.append(Line(photos, found, "ideal"))
    caption = (
        "Accuracy with its 95 % interval; dashed, DIR at FAR 1 %. Where the curve is flat, more "
        "photos of the same kind help little."
    )
    picture = chart("Learning curve", across, Axis("accuracy", bottom), lines, caption)
    return [("How many photos are enough", f'<div class="charts">{picture}</div>')]
