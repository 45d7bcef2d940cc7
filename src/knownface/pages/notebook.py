"""How an `Evaluation` and a `Recognition` are shown in a notebook."""

from __future__ import annotations

from collections import Counter

from knownface.errors import KnownfaceError
from knownface.faces.photo import ImageError, read_image
from knownface.measure.evaluation import Evaluation
from knownface.measure.numbers import ACCURACY, BALANCED_ACCURACY, DIR, FAR
from knownface.pages.page import render
from knownface.pages.pictures import embedded
from knownface.recognition.draw import annotate
from knownface.recognition.result import Recognition


def recognition_html(recognition: Recognition) -> str:
    """The photo with boxes and names; words alone where it has no file."""
    picture = ""
    try:
        if recognition.path:
            picture = embedded(annotate(read_image(recognition.path), recognition))
    except (ImageError, KnownfaceError):
        pass
    return render("recognition.html.jinja", recognition=recognition, picture=picture)


def evaluation_html(evaluation: Evaluation) -> str:
    """The numbers that matter, and who is taken for whom."""
    numbers = (DIR, FAR, ACCURACY, BALANCED_ACCURACY)
    wrong = Counter((error.true, error.predicted) for error in evaluation.errors)
    return render(
        "evaluation.html.jinja",
        evaluation=evaluation,
        shown=[number for number in numbers if number.of(evaluation) is not None],
        wrong=[(*names, count) for names, count in wrong.most_common(10)],
    )
