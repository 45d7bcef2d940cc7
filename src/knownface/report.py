"""Pictures and pages that show an evaluation to a person."""

from __future__ import annotations

import base64
import html
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from knownface.evaluation import Evaluation
from knownface.recognizer import Recognition

if TYPE_CHECKING:
    from knownface.comparison import Row

# Tried in turn for every glyph, where they are installed, so that most scripts can be read.
FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Emoji")
COMPARISON = (
    "Backbone", "Recipe", "Accuracy (95 % interval)", "DIR at FAR 1 %", "Parameters",
    "Training, seconds", "Images per second",
)  # fmt: skip
MANY_PEOPLE = 30  # from here on, cells show shares by colour alone


# ---------------------------------------------------------------- confusion matrix
def draw_confusion_matrix(matrix: np.ndarray, people: Sequence[str], path: Path) -> None:
    """Write a PNG: rows are the true people, columns the predictions, colours shares of a row.

    Rows are sorted by name, except that people who are confused with somebody come first, worst
    on top. Counts are written into the cells where they fit.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    matrix = np.asarray(matrix)
    support = matrix.sum(1)
    recall = np.divide(np.diag(matrix), support, out=np.ones(len(people)), where=support > 0)
    order = np.lexsort((np.arange(len(people)), recall))
    matrix, names = matrix[np.ix_(order, order)], [people[i] for i in order]
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    side = min(30.0, max(4.5, 0.34 * len(people) + 2.5))
    size = 9 if len(people) <= MANY_PEOPLE else 7
    with warnings.catch_warnings(), rc_context({"font.family": _fonts(), "font.size": size}):
        warnings.simplefilter("ignore")  # a script that no installed font has shows as boxes
        figure = Figure(figsize=(side + 0.8, side), layout="constrained")
        axes = figure.add_subplot()
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        labels = [_short(name) for name in names]
        axes.set_xticks(range(len(people)), labels, rotation=90)
        axes.set_yticks(range(len(people)), labels)
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
        axes.set_xticks(np.arange(len(people) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(people) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#dddddd", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
        figure.colorbar(picture, shrink=0.6, label="share of the true person's photos")
        FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": None})


def _fonts() -> list[str]:
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return [name for name in FONTS if name in installed]


def _short(name: str, limit: int = 28) -> str:
    name = name.replace("$", r"\$")
    return name if len(name) <= limit else name[: limit - 1] + "…"


# ---------------------------------------------------------------- annotated photos
def annotate(image: np.ndarray, recognition: Recognition) -> np.ndarray:
    """A copy of an RGB photo with a box and a name around every face."""
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    width = max(2, round(max(picture.size) / 400))
    for face in recognition.faces:
        x, y, w, h = face.box
        colour = (30, 140, 60) if face.name else (200, 60, 30)
        draw.rectangle((x, y, x + w, y + h), outline=colour, width=width)
        text = f"{face.name or face.reason} {face.similarity:.2f}"
        font = _font(max(12, round(max(picture.size) / 50)))
        x = max(0.0, min(x, picture.width - draw.textlength(text, font=font)))
        left, top, right, bottom = draw.textbbox((x, y), text, font=font, anchor="lb")
        if top < 0:
            shift = bottom - top + h
            top, bottom = top + shift, bottom + shift
        draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), fill=colour)
        draw.text((left, bottom), text, fill="white", font=font, anchor="lb")
    return np.asarray(picture)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from matplotlib.font_manager import findfont

    return ImageFont.truetype(findfont("DejaVu Sans"), size)


# ---------------------------------------------------------------- page
def write_report(folder: Path, evaluation: Evaluation) -> None:
    """`confusion_matrix.png` and a self-contained `report.html` in a run folder."""
    picture = folder / "confusion_matrix.png"
    matrix = np.array(evaluation.confusion_matrix)
    draw_confusion_matrix(matrix, evaluation.people, picture)
    encoded = base64.b64encode(picture.read_bytes()).decode()
    body = "\n".join(
        [
            f"<h1>{_percent(evaluation.accuracy)} of {evaluation.tested} photos named right</h1>",
            _summary(evaluation),
            "<h2>Who is taken for whom</h2>",
            f'<img alt="Confusion matrix" src="data:image/png;base64,{encoded}">',
            "<h2>Per person</h2>",
            _table(
                ("Person", "Precision", "Recall", "F1", "Photos"),
                [
                    (p.name, f"{p.precision:.3f}", f"{p.recall:.3f}", f"{p.f1:.3f}", str(p.support))
                    for p in evaluation.per_person
                ],
            ),
            "<h2>Wrong answers</h2>",
            _table(
                ("Photo", "True", "Predicted", "Similarity"),
                [(e.photo, e.true, e.predicted, f"{e.similarity:.2f}") for e in evaluation.errors],
            ),
            "<h2>Photos left out, or used with a reservation</h2>",
            _table(
                ("Photo", "Person", "Why"),
                [(n["photo"], n["person"], n["detail"]) for n in evaluation.notes],
            ),
        ]
    )
    (folder / "report.html").write_text(_PAGE.format(body=body), encoding="utf-8")


def write_comparison(folder: Path, rows: Sequence[Row]) -> None:
    """`report.html` of several runs, best first; those without a result come last, and say why."""
    done = [(row, row.evaluation) for row in rows if row.evaluation]
    done.sort(key=lambda pair: (pair[1].accuracy, pair[1].dir_at_1_percent or 0.0), reverse=True)
    cells = [comparison_cells(row, result) for row, result in done]
    links = [f"{row.run}/report.html" for row, _ in done]
    missing = [(row.backbone, row.recipe, row.error or "") for row in rows if not row.evaluation]
    tested = done[0][1]
    body = [
        "<h1>Comparison</h1>",
        f"<p>One split for all: {tested.tested} photos of {len(tested.people)} people that no "
        "network was trained on. Where intervals overlap, the order may be chance.</p>",
        _table(COMPARISON, cells, links),
    ]
    if missing:
        body += ["<h2>Without a result</h2>", _table(("Backbone", "Recipe", "Why"), missing)]
    page = _PAGE.format(body="\n".join(body))
    (folder / "report.html").write_text(page, encoding="utf-8")


def comparison_cells(row: Row, result: Evaluation) -> tuple[str, ...]:
    """What `COMPARISON` heads: one run as text."""
    low, high = result.accuracy_ci95
    found = result.dir_at_1_percent
    return (
        row.backbone,
        row.recipe,
        f"{_percent(result.accuracy)} ({_percent(low)} to {_percent(high)})",
        "not measured" if found is None else _percent(found),
        f"{row.parameters / 1e6:.1f} M",
        f"{result.seconds:.0f}",
        f"{result.images_per_second:.0f}",
    )


def _summary(evaluation: Evaluation) -> str:
    low, high = evaluation.accuracy_ci95
    lines = [
        f"Accuracy {_percent(evaluation.accuracy)}, 95 % interval {_percent(low)} to "
        f"{_percent(high)}, on {evaluation.tested} photos of {len(evaluation.people)} people that "
        "were not used for training.",
        f"Balanced accuracy, all people counting alike: {_percent(evaluation.balanced_accuracy)}. "
        f"The right person is among the first five in {_percent(evaluation.top5_accuracy)}.",
    ]
    claimed = evaluation.split.get("random_split_accuracy")
    if claimed is not None:
        lines.append(
            "A random split, which lets near-duplicates sit on both sides, would have claimed "
            f"{_percent(claimed)}."
        )
    shown = evaluation.open_set
    if shown:
        low, high = shown.far_ci95
        lines.append(
            f"Against strangers: at the threshold {shown.threshold:.3f}, "
            f"{_percent(shown.dir)} of known faces are named correctly, and {_percent(shown.far)} "
            f"of {shown.far_trials} stranger photos are taken for somebody known (95 % interval "
            f"{_percent(low)} to {_percent(high)}; the target was {_percent(shown.far_target)}). "
            f"The threshold was chosen on {shown.threshold_source}."
        )
    lines.append(
        f"Backbone {evaluation.backbone}, recipe {evaluation.recipe} (chosen: "
        f"{evaluation.chosen}), {evaluation.seconds:.0f} s, on {evaluation.device}."
    )
    return "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], links: Sequence[str] | None = None
) -> str:
    """links: where the first cell of each row leads."""
    if not rows:
        return "<p>None.</p>"
    head = "".join(f"<th scope=col>{html.escape(cell)}</th>" for cell in header)
    cells = [[html.escape(cell) for cell in row] for row in rows]
    for row, link in zip(cells, links or [], strict=False):
        row[0] = f'<a href="{html.escape(link)}">{row[0]}</a>'
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in cells)
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>knownface report</title>
<style>
:root {{ color-scheme: light dark; }}
body {{
  font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
}}
img {{ max-width: 100%; background: white; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .25rem .75rem; border-bottom: 1px solid #8886; }}
</style>
<body>
{body}
</body>
</html>
"""
