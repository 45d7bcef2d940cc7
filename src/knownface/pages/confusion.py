"""Who is taken for whom: the confusion matrix as a picture, and as a table that shows faces."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knownface.files.whole import whole_file
from knownface.measure.evaluation import Evaluation
from knownface.measure.explanation import Explanation
from knownface.pages.pictures import FaceSheet
from knownface.recognition.fonts import readable, runs

MANY_PEOPLE = 30  # from here on, cells of the picture show shares by colour alone
MOST_ROWS = 200  # of the table, so that a page of a thousand people still opens
MOST_RIGHT = 600  # faces of right answers on a page, and at most 12 of one person


def worst_first(matrix: np.ndarray) -> np.ndarray:
    """The order of people in which those who are confused with somebody come first: (p,)."""
    support = matrix.sum(1)
    recall = np.divide(np.diag(matrix), support, out=np.ones(len(matrix)), where=support > 0)
    return np.lexsort((np.arange(len(matrix)), recall))


# ---------------------------------------------------------------- table
@dataclass(frozen=True)
class MatrixCell:
    """A count; style: one of four strengths by its share of the row; photos: behind it, by number.

    label: for screen readers.
    """

    count: int
    style: str
    label: str
    photos: range


@dataclass(frozen=True)
class Matrix:
    """rows: a true person each, and a cell for every answer, None where it was not given.

    cell: its side in rem; print_zoom: what makes the matrix fit on a sheet of paper.
    """

    rows: list[tuple[str, list[MatrixCell | None]]]
    cell: float
    print_zoom: float


def confusion_matrix(
    evaluation: Evaluation, explanation: Explanation, sheet: FaceSheet
) -> tuple[Matrix, dict[str, Any]]:
    """The table, and the data for its script: the photos behind the cells and their faces.

    Where there is no explanation, wrong answers still have the paths of their photos.
    """
    people, counts = evaluation.people, np.array(evaluation.confusion_matrix)
    behind = _photos_behind(evaluation, explanation, max(2, min(12, MOST_RIGHT // len(people))))
    rows = []
    photos: list[str] = []
    order = worst_first(counts)[:MOST_ROWS]
    for i in order:
        cells = []
        for j in order:
            shown = behind.get((people[i], people[j]), [])
            numbers = range(len(photos), len(photos) + len(shown))
            cells.append(_cell(counts, i, j, people, numbers))
            photos += shown
        rows.append((people[i], cells))
    crops = {answer.photo: answer.crop for answer in explanation.answers}
    faces = [
        (name, sheet.add(f"tested {name}", crops[name]) if name in crops else None)
        for name in photos
    ]
    matrix = Matrix(rows, 3.2 if len(people) < 8 else 1.9, min(1.0, 24 / (len(people) + 4)))
    return matrix, {"photos": faces, "columns": sheet.columns}


def _cell(
    counts: np.ndarray, i: int, j: int, people: Sequence[str], photos: range
) -> MatrixCell | None:
    count = int(counts[i, j])
    if not count:
        return None
    strength = min(4, int(4 * count / counts[i].sum()) + 1)
    what = f"{people[i]} named rightly" if i == j else f"{people[i]} taken for {people[j]}"
    label = f"{what}: {count} photo{'s' if count > 1 else ''}"
    return MatrixCell(count, f"{'r' if i == j else 'w'}{strength}", label, photos)


def _photos_behind(
    evaluation: Evaluation, explanation: Explanation, most: int
) -> dict[tuple[str, str], list[str]]:
    """Photos by true person and answer: all wrong ones, and `most` of each person's right ones."""
    behind: dict[tuple[str, str], list[str]] = defaultdict(list)
    for error in evaluation.errors:
        behind[error.true, error.predicted].append(error.photo)
    for answer in explanation.answers:
        place = answer.true, answer.predicted
        if answer.true == answer.predicted and len(behind[place]) < most:
            behind[place].append(answer.photo)
    return behind


# ---------------------------------------------------------------- picture
def draw_confusion_matrix(matrix: np.ndarray, people: Sequence[str], path: Path) -> None:
    """Write a PNG: rows are the true people, columns the predictions, colours shares of a row.

    Counts are written into the cells where they fit.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    order = worst_first(matrix)
    matrix = matrix[np.ix_(order, order)]
    labelled = len(people) <= MOST_ROWS
    names = [readable(_short(people[i])) for i in order] if labelled else []
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    side = min(30.0, max(4.5, 0.34 * len(people) + 2.5))
    size = 9 if len(people) <= MANY_PEOPLE else 7
    with (
        warnings.catch_warnings(),
        rc_context({"font.family": _families(names), "font.size": size}),
    ):
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axes = figure.add_subplot()
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        labels = [name.replace("$", r"\$") for name in names]
        ticks = range(len(labels))
        axes.set_xticks(ticks, labels, rotation=90)
        axes.set_yticks(ticks, labels)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        right, total = int(np.trace(matrix)), int(matrix.sum())
        axes.set_title(f"{right} of {total} photos right")
        for row, column in np.argwhere(matrix > 0):
            if len(people) <= MANY_PEOPLE or row != column:
                dark = shares[row, column] > 0.55
                axes.text(
                    column, row, str(matrix[row, column]), ha="center", va="center",
                    color="white" if dark else "black",
                )  # fmt: skip
        if len(people) <= MOST_ROWS:
            axes.set_xticks(np.arange(len(people) + 1) - 0.5, minor=True)
            axes.set_yticks(np.arange(len(people) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#dddddd", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
        figure.colorbar(picture, shrink=0.6, label="share of the true person's photos")
        with whole_file(path) as part:
            FigureCanvasAgg(figure).print_png(str(part), metadata={"Software": None})


def _families(names: Sequence[str]) -> list[str]:
    """Font families that have all letters of readable names, the usual one first."""
    from matplotlib import font_manager

    known = {font.fname for font in font_manager.fontManager.ttflist}
    families = dict.fromkeys(["DejaVu Sans"])
    for path in {path: None for name in names for _, path in runs(name)}:
        if path not in known:  # installed since matplotlib looked
            font_manager.fontManager.addfont(path)
        families[font_manager.get_font(path).family_name] = None
    return list(families)


def _short(name: str, limit: int = 28) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"
