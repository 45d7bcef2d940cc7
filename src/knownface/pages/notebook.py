"""How an `Evaluation` and a `Recognition` are shown in a notebook."""

from __future__ import annotations

import html
from collections import Counter
from typing import Any

from knownface.errors import KnownfaceError
from knownface.faces.photo import ImageError, read_image
from knownface.measure.evaluation import Evaluation
from knownface.pages.pictures import embedded
from knownface.recognition.draw import annotate
from knownface.recognition.result import Recognition


def recognition_html(recognition: Recognition) -> str:
    """The photo with boxes and names; words alone where it has no file."""
    named = ", ".join(f"{f.name or f.reason} {f.similarity:.2f}" for f in recognition.faces)
    words = html.escape(f"{recognition.path} {recognition.error or named or 'no face found'}")
    try:
        picture = (
            embedded(annotate(read_image(recognition.path), recognition))
            if recognition.path
            else ""
        )
    except (ImageError, KnownfaceError):
        picture = ""
    shown = f'<img alt="{words}" src="{picture}" style="max-width: 100%">' if picture else ""
    return f"<figure>{shown}<figcaption>{words}</figcaption></figure>"


def evaluation_html(evaluation: Evaluation) -> str:
    """The numbers that matter, and who is taken for whom."""
    shown: list[tuple[str, float, tuple[float, float] | None]] = [
        ("Accuracy", evaluation.accuracy, evaluation.accuracy_ci95),
        ("Balanced accuracy", evaluation.balanced_accuracy, None),
    ]
    if strangers := evaluation.open_set:
        shown.append(("Named rightly (DIR)", strangers.dir, strangers.dir_ci95))
        shown.append(("Strangers accepted (FAR)", strangers.far, strangers.far_ci95))
    rows = "".join(
        f"<tr><th>{name}<td>{value:.1%}<td>"
        + (f"95 % interval {interval[0]:.1%} to {interval[1]:.1%}" if interval else "")
        for name, value, interval in shown
    )
    wrong = Counter((error.true, error.predicted) for error in evaluation.errors).most_common(10)
    taken = "".join(
        f"<li>{html.escape(true)} for {html.escape(predicted)}: {count}"
        for (true, predicted), count in wrong
    )
    tested = f"{evaluation.tested} photos of {len(evaluation.people)} people"
    title = f"{html.escape(evaluation.backbone)}: {tested}"
    return f"<table><caption>{title}</caption>{rows}</table>" + (
        f"<p>Taken for somebody else:</p><ul>{taken}</ul>" if taken else ""
    )


def show_in(shell: Any) -> None:
    """Let a notebook's IPython shell show both as pages; everything else stays as it is."""
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(Evaluation, evaluation_html)
    formatter.for_type(Recognition, recognition_html)
