"""`model_card.md`: what a recogniser is, how well it was tested, and what it is not for.

The parts are those of Mitchell et al. (2019, Model Cards for Model Reporting), the numbers first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from knownface.files.whole import whole_file
from knownface.measure import numbers
from knownface.measure.evaluation import Evaluation
from knownface.measure.groups import GroupScore
from knownface.measure.learning_curve import would_more_photos_help
from knownface.measure.numbers import Number
from knownface.measure.verdict import concerns, headline, title
from knownface.pages.page import render_markdown
from knownface.recognition.about import About

WEAKEST = 5  # people who are named one by one
BACKBONE_FACTS = ("network", "trained_on", "training_data", "disputed")
FEWEST_PEOPLE = 10  # in a group; below, its interval says more of these people than of the group


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
        groups=evaluation.groups,
        apart=_apart(evaluation.groups),
        fewest=FEWEST_PEOPLE,
        rate=_rate,
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


def _rate(share: float | None, interval: tuple[float, float] | None) -> str:
    if share is None or interval is None:
        return "not tested"
    return f"{numbers.percent(share)} ({numbers.between(interval)})"


def _apart(groups: Sequence[GroupScore]) -> list[str]:
    """For each way of grouping, a sentence on the groups with the lowest and highest DIR."""
    sentences = []
    for by in dict.fromkeys(each.by for each in groups):
        known = [each for each in groups if each.by == by and each.dir is not None]
        if len(known) < 2:
            sentences.append(f"{by}: fewer than two groups were tested, so nothing is compared.")
            continue
        low, high = (choose(known, key=lambda each: each.dir or 0.0) for choose in (min, max))
        parted = bool(low.dir_ci95 and high.dir_ci95 and low.dir_ci95[1] < high.dir_ci95[0])
        verdict = (
            "Their intervals do not meet: the difference is more than chance."
            if parted
            else "Their intervals overlap, so that this test cannot tell whether they differ; it "
            "does not show that they are alike."
        )
        sentences.append(
            f"{by}: {numbers.percent(low.dir or 0.0)} of {low.group} and "
            f"{numbers.percent(high.dir or 0.0)} of {high.group} are named rightly. {verdict}"
        )
    return sentences
