"""`model_card.md`: what a recogniser is, how well it was tested, and what it is not for.

The parts are those of Mitchell et al. (2019, Model Cards for Model Reporting), the numbers first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from knownface.files.whole import whole_file
from knownface.measure import numbers
from knownface.measure.evaluation import Evaluation
from knownface.measure.groups import FEWEST_PEOPLE
from knownface.measure.learning_curve import would_more_photos_help
from knownface.measure.numbers import Number
from knownface.measure.verdict import compared, concerns, headline, title
from knownface.networks.provenance import CFP_CELEBA_GLINT360K
from knownface.pages.page import render_markdown
from knownface.recognition.about import About

WEAKEST = 5  # people who are named one by one
BACKBONE_FACTS = ("network", "trained_on", "training_data", "disputed")


def write_model_card(path: Path, evaluation: Evaluation, about: About) -> None:
    """Write the card of a tested recogniser whole or not at all; raises OSError."""
    card = render_markdown(
        "model_card.md.jinja",
        evaluation=evaluation,
        about=about,
        backbone={**dict.fromkeys(BACKBONE_FACTS, "unknown"), **about.backbone},
        day=datetime.now(UTC).date().isoformat(),
        title=title(evaluation),
        headline=headline(evaluation),
        concerns=concerns(evaluation),
        measured=_measured(evaluation),
        weakest=_weakest(evaluation),
        left_out=Counter(note["kind"] for note in evaluation.notes),
        more_photos=would_more_photos_help(evaluation.learning_curve, evaluation.tested),
        as_it_was=_as_it_was(evaluation),
        small_faces=about.backbone.get("small_faces", False),
        small_faces_disputed=CFP_CELEBA_GLINT360K,
        groups=evaluation.groups,
        compared=list(compared(evaluation)),
        fewest=FEWEST_PEOPLE,
        by_years=evaluation.by_years,
        rate=numbers.rate,
    )
    with whole_file(path) as part:
        part.write_text(card, encoding="utf-8", errors="replace")


def _measured(evaluation: Evaluation) -> Iterator[tuple[Number, str]]:
    """Each number, and what it was measured on."""
    shown, known = evaluation.open_set, f"{evaluation.tested} photos of known people"
    yield numbers.DIR, known
    who = shown.strangers_source or "nobody"
    yield numbers.FAR, f"{shown.far_trials} photos of {shown.far_people} people ({who})"
    yield numbers.ACCURACY, known
    if evaluation.folds:
        yield numbers.CROSS_VALIDATED, f"{evaluation.folds.photos} photos, the network as it was"


def _weakest(evaluation: Evaluation) -> list[tuple[str, float, int]]:
    """Name, recall and photos of the tested people who are named least."""
    tested = [each for each in evaluation.per_person if each.support]
    tested.sort(key=lambda each: (each.recall, each.name))
    return [(each.name, each.recall, each.support) for each in tested[:WEAKEST]]


def _as_it_was(evaluation: Evaluation) -> bool | None:
    """Whether the network is as its makers trained it, and has seen none of these people; or None.

    A run says what it chose; a later test knows the recipe alone.
    """
    if evaluation.chosen:
        return evaluation.chosen == "frozen"
    return True if evaluation.recipe == "frozen" else None
