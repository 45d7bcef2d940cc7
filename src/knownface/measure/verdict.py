"""What an evaluation means for those who live with the recogniser, in words for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knownface.measure.evaluation import Evaluation
from knownface.measure.gaps import GroupGap
from knownface.measure.groups import FEWEST_PEOPLE, NOT_SAID, GroupScore
from knownface.measure.numbers import INTERVAL, between, percent
from knownface.measure.open_set import GIVEN, OpenSet
from knownface.options import argument

USABLE = 0.5  # share of known test faces that a recogniser has to name to be of any use
FEWEST_PHOTOS = 10  # of known people; below, one photo is ten points and more
FEWEST_STRANGERS = 3  # people; of one or two, all photos may look like somebody, or none
# How far the interval of FAR may reach above what was measured: beyond, every second stranger may
# be accepted. With no photo accepted, of 3 each, 3 strangers leave 78 % open, 4 59 %, 5 47 %, and
# 15 14 % (medians of 100 draws of normal scores, of which a person makes 0.08 and a photo 0.05).
WIDEST_ABOVE = 0.5


@dataclass(frozen=True)
class Concern:
    """Why a result cannot be relied on: what is the matter, its likely cause, and what mends it."""

    what: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} {self.cause} {self.remedy}"


def title(evaluation: Evaluation) -> str:
    """The rates that people live with, in a few words."""
    shown = evaluation.open_set
    strangers = "" if shown.far is None else f", and {percent(shown.far)} of strangers"
    if shown.dir is None:
        return "Enrolled, but not tested"
    if shown.dir < USABLE:
        return f"Not usable yet: names only {percent(shown.dir)} of known faces"
    return f"Names {percent(shown.dir)} of known faces{strangers}"


def headline(evaluation: Evaluation) -> str:
    """The rates that people live with, at the threshold in force; DIR and FAR are explained."""
    shown = evaluation.open_set
    rates = list(filter(None, (_known(shown, evaluation.tested), _strangers(shown))))
    if not rates:
        return f"A face gets a name from a similarity of {shown.threshold:.3f} (the threshold)."
    return f"At the threshold ({shown.threshold:.3f}), {' and '.join(rates)}."


def _known(shown: OpenSet, tested: int) -> str:
    if shown.dir is None or shown.dir_ci95 is None:
        return ""
    return (
        f"{percent(shown.dir)} of {tested} new photos of known people get the right name "
        f"(DIR; {INTERVAL} {between(shown.dir_ci95)})"
    )


def _strangers(shown: OpenSet) -> str:
    if shown.far is None or shown.far_ci95 is None:
        return ""
    who = f"{shown.far_trials} photos of {shown.far_people} strangers"
    if shown.strangers_source != GIVEN:
        who = f"{shown.far_trials} photos of known people who play the stranger to all others"
    return (
        f"{percent(shown.far)} of {who} are taken for somebody known (FAR; {INTERVAL} "
        f"{between(shown.far_ci95)}; asked for: {_asked(shown)})"
    )


def _asked(shown: OpenSet) -> str:
    return f"{100 * shown.far_target:g} %"


def concerns(evaluation: Evaluation) -> list[Concern]:
    """What has to be said before the numbers, the worst first; nothing where all is well."""
    return [*_of_known(evaluation), *_of_strangers(evaluation.open_set)]


def _of_known(evaluation: Evaluation) -> Iterator[Concern]:
    shown, tested = evaluation.open_set, evaluation.tested
    if shown.dir is not None and shown.dir < USABLE:
        what = f"Not usable yet: only {percent(shown.dir)} of the known test faces are named."
        yield Concern(what, *_why_nobody_is_named(evaluation))
    if not tested:
        yield Concern(
            "Nothing was tested: everybody is enrolled, but how often the names are right is "
            "unknown.",
            "Each person has one photo, or copies or one burst of it, so that none is left to "
            "test on.",
            "Add a second photo of some of them, taken another day.",
        )
    elif tested < FEWEST_PHOTOS:
        yield Concern(
            f"Hardly tested: {tested} test photo{'s' * (tested > 1)} can say little; the true rate "
            f"may lie anywhere from {between(shown.dir_ci95 or (0.0, 1.0))}.",
            "There are few photos.",
            "Add more of each person.",
        )


def _why_nobody_is_named(evaluation: Evaluation) -> tuple[str, str]:
    """Likely cause and remedy."""
    shown = evaluation.open_set
    if (evaluation.accuracy or 0.0) < USABLE and len(evaluation.people) > 1:
        return (
            "The network cannot tell these people apart: even without a threshold, "
            f"{percent(evaluation.accuracy or 0.0)} get the right name. Its weights may be random, "
            "the faces very small or no faces at all, or the folders mixed up.",
            "Look at the folder with knownface check, or try another network.",
        )
    cause = f"Names are given from a similarity of {shown.threshold:.2f}, which few photos reach."
    if evaluation.look_alikes:
        pair = evaluation.look_alikes[0]
        cause += f" The people who look most alike are {pair.first} and {pair.second}."
    remedy = (
        "Larger and sharper photos, and more of each person, help most; knownface check finds "
        "photos in the wrong folder and one person in two."
    )
    if easier := [far for far, found in shown.dir_at_far.items() if found >= USABLE]:
        easiest = min(map(float, easier))
        if easiest > shown.far_target:
            found = percent(shown.dir_at_far[f"{easiest:g}"])
            remedy += (
                f" With {argument('far_target', easiest)}, {found} would be named, and more "
                "strangers too."
            )
    return cause, remedy


def _of_strangers(shown: OpenSet) -> Iterator[Concern]:
    given = argument("strangers", ...)
    if shown.far is None:
        yield Concern(
            "No stranger was tested: how many are taken for somebody known is unknown.",
            "No photos of anybody else were given.",
            f"Give photos of at least {FEWEST_STRANGERS} other people with {given}.",
        )
        return
    if shown.far_ci95 and shown.far_ci95[0] > shown.far_target:
        yield Concern(
            f"Too many strangers are named: {percent(shown.far)} instead of {_asked(shown)}.",
            f"The threshold was chosen on {shown.threshold_source}, who are easier to tell from "
            "the known people.",
            f"Give photos of more strangers with {given}, half of whom then help to choose it, "
            f"or ask for fewer with {argument('far_target', shown.far_target / 10)}.",
        )
    if shown.far_people < FEWEST_STRANGERS:
        tested = f"{shown.far_people} {_people(shown.far_people)} can say little of all others."
        yield _hardly_tested(shown, tested, f"at least {FEWEST_STRANGERS}, better 20, other people")
    elif shown.far_ci95 and shown.far_ci95[1] - shown.far > WIDEST_ABOVE:
        tested = (
            f"{shown.far_trials} photos of {shown.far_people} people can say little of all others, "
            f"of whom up to {percent(shown.far_ci95[1])} may be taken for somebody known."
        )
        yield _hardly_tested(shown, tested, "20 other people, several of each,")


def _hardly_tested(shown: OpenSet, tested: str, more: str) -> Concern:
    few = (
        "Few strangers were given."
        if shown.strangers_source == GIVEN
        else "Few people are in the folder."
    )
    remedy = f"Give photos of {more} with {argument('strangers', ...)}."
    return Concern(f"Strangers are hardly tested: {tested}", few, remedy)


# ---------------------------------------------------------------- groups
# Of each rate: who fares worst, what is counted, which way is worse, and that nobody does.
_OF_RATE = {
    "dir": ("fares worst", "of its known faces are named rightly", "fewer",
            "as many known faces are named rightly in each group"),
    "far": ("fares worst with strangers", "of its strangers are taken for somebody known", "more",
            "as many strangers are taken for somebody known in each group"),
}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Of one way of grouping: which group fares worst, by how much, and whether that is chance."""

    by: str
    text: str
    more_than_chance: bool = False

    def __str__(self) -> str:
        return self.text


def compared(evaluation: Evaluation) -> Iterator[Comparison]:
    """For each way of grouping: how known people fare, then strangers, where these were tested."""
    for by in dict.fromkeys(each.by for each in evaluation.groups):
        gaps = [each for each in evaluation.group_gaps if each.by == by]
        if not any(each.rate == "dir" for each in gaps):
            few = f"By {by}, fewer than two groups were tested, so that nothing is compared."
            yield Comparison(by, few)
        said = [each for each in evaluation.groups if each.by == by and each.group != NOT_SAID]
        for gap in gaps:
            yield Comparison(by, _compared(gap, said), gap.more_than_chance)


def _compared(gap: GroupGap, groups: Sequence[GroupScore]) -> str:
    known = gap.rate == "dir"
    rates = {each.group: each.dir if known else each.far for each in groups}
    found = {group: rate for group, rate in rates.items() if rate is not None}
    worst, best = found[gap.worst], found[gap.best]
    fares, counted, more, equal = _OF_RATE[gap.rate]
    low, high = (f"{100 * bound:.1f}" for bound in gap.gap_ci95)
    if not gap.gap:
        return (
            f"By {gap.by}, {equal} ({percent(worst)}), which does not show that groups are alike: "
            f"{gap.worst} and {gap.best} may lie up to {high} points apart."
        )
    further = [name for name, rate in found.items() if (rate < worst if known else rate > worst)]
    text = (
        f"By {gap.by}, {gap.worst} {fares}{', as far as can be told' if further else ''}: "
        f"{percent(worst)} {counted} against {percent(best)} of {gap.best}, "
        f"{100 * gap.gap:.1f} points {more} ({INTERVAL} {low} to {high})"
    )
    if gap.more_than_chance:
        return f"{text}, which is more than chance."
    people = {each.group: each.people if known else each.strangers for each in groups}
    few = [name for name in (gap.worst, gap.best) if people[name] < FEWEST_PEOPLE]
    if not few:
        return f"{text}, which may be chance: this test cannot tell, nor show that they are alike."
    counts = (f"{name} is {people[name]} {_people(people[name])}" for name in few)
    return f"{text}, which may be chance: {' and '.join(counts)}, too few to tell."


def _people(count: int) -> str:
    return "person" if count == 1 else "people"
