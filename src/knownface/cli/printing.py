"""What commands print for people to read."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from knownface.cli.console import complain, note, print_json, printable, say
from knownface.visible import counted

if TYPE_CHECKING:
    from knownface.diagnosis.findings import Diagnosis
    from knownface.measure.evaluation import Evaluation
    from knownface.measure.run import Run
    from knownface.recognition.appearances import TrackEvent
    from knownface.recognition.result import Recognition
    from knownface.recognition.summary import Summary
    from knownface.training.compare import Comparison

Cell = str | Sequence[str]  # of a table: a line, or several


def print_recognition(recognition: Recognition) -> None:
    """A line per face."""
    if recognition.error:
        complain(f"skipped: {recognition.error}")
    elif not recognition.faces:
        say(f"{recognition.path}: no face found")
    for face in recognition.faces:
        box = ", ".join(f"{value:.0f}" for value in face.box)
        line = f"{recognition.path}: {face.answer} {face.similarity:.2f} [{box}]"
        if not face.name and face.nearest:
            line += f" nearest {face.nearest}, confidence {face.confidence:.2f}"
        say(line)


def print_event(event: TrackEvent, as_json: bool) -> None:
    """A line when a name appears or is taken back; as JSON, a line for every event."""
    seen = event.appearance
    if as_json:
        print_json(event.to_json())
        sys.stdout.flush()
    elif event.kind == "named":
        box = ", ".join(f"{value:.0f}" for value in seen.box)
        at = clock(event.seconds)
        say(f"{seen.source} {at}: {seen.name} {seen.similarity:.2f} [{box}] track {seen.track}")
    elif event.kind == "unnamed":
        say(f"{seen.source} {clock(event.seconds)}: track {seen.track} is {seen.reason} after all")


def print_summary(summary: Summary) -> None:
    """Who was in each video, when, how long, and in which picture best."""
    for watched in summary.sources.values():
        people = counted(len(watched.people), "known person", "known people")
        say(
            f"{watched.source}: {people} and {counted(watched.strangers, 'stranger')} in "
            f"{clock(watched.seconds)}, {watched.pictures} pictures looked at"
        )
        rows = [
            (
                each.name, clock(each.begin), clock(each.end), f"{each.seconds:.1f} s",
                str(each.appearances), clock(each.best.best), f"{each.best.similarity:.2f}",
            )
            for each in sorted(watched.people.values(), key=lambda each: each.begin)
        ]  # fmt: skip
        if rows:
            header = ("who", "from", "to", "seen", "times", "best at", "similarity")
            print_table(header, rows)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 0:01:02.5."""
    tenths = round(10 * seconds)
    return f"{tenths // 36000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def print_comparison(result: Comparison) -> None:
    """One row per run, and why others have none."""
    print_rows(result.rows)
    for row in result.rows:
        if row.error:
            say(f"{row.backbone}: {row.error}")


def print_rows(rows: Sequence[Run]) -> None:
    """Runs side by side, the best first."""
    from knownface.measure.run import ranked
    from knownface.pages.compare import COMPARISON, comparison_cells

    lines = []
    for row in ranked(rows):
        cells = [
            cell if isinstance(cell, str) else cell[0].split("\n") for cell in comparison_cells(row)
        ]
        lines.append(
            [Path(row.run).name, *cells] if row.run else ["no result", *cells, "see below"]
        )
    print_table(("Run", *COMPARISON), lines)


def print_diagnosis(found: Diagnosis) -> None:
    """How many photos have each problem."""
    from knownface.diagnosis.findings import KINDS

    say(f"{len(found.photos)} photos of {len(found.people)} people")
    rows: list[Sequence[Cell]] = []
    for kind, title in KINDS.items():
        if problems := found.of_kind(kind):
            first = [f"{each.photo or each.person}: {each.detail}" for each in problems[:3]]
            rows.append((title, str(len(problems)), first))
    if rows:
        print_table(("problem", "photos", "the first of them"), rows)
    else:
        say("No problems found")
    note(f"Device: {found.device}")


def print_table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """A table as wide as the terminal, or 200 columns in a pipe."""
    table = Table(*header)
    for row in rows:
        lines = ([cell] if isinstance(cell, str) else cell for cell in row)
        table.add_row(*(Text("\n".join(map(printable, cell))) for cell in lines))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _state(file: dict[str, Any]) -> str:
    return "here" if file["present"] else "not here"


def described(evaluation: Evaluation) -> dict[str, Any]:
    """`evaluation.json`, and what has to be said before its numbers."""
    from knownface.measure.verdict import concerns

    return evaluation.to_json() | {"warnings": [str(each) for each in concerns(evaluation)]}


def print_evaluation(evaluation: Evaluation) -> None:
    """What matters of an evaluation, in a few lines: first what people live with."""
    from knownface.measure import numbers
    from knownface.measure.verdict import concerns, headline

    for concern in concerns(evaluation):
        say(str(concern))
    say(headline(evaluation))
    if evaluation.tested and len(evaluation.people) > 1:
        say(
            f"{numbers.ACCURACY.said(evaluation)}: whom each of {evaluation.tested} photos of "
            f"{len(evaluation.people)} people is most like, whatever the threshold"
        )
    if (claimed := numbers.RANDOM_SPLIT.of(evaluation)) is not None:
        say(f"{numbers.RANDOM_SPLIT.name} would have claimed {claimed:.3f}")
    shown = evaluation.open_set
    say(f"{numbers.THRESHOLD.said(evaluation)}, chosen on {shown.threshold_source}")
    if shown.dir_at_far:
        rates = ", ".join(
            f"{value:.3f} ({numbers.bounds(shown.dir_at_far_ci95[far])}) at {far}"
            for far, value in shown.dir_at_far.items()
        )
        say(f"DIR at FAR, over {shown.strangers} photos of {shown.strangers_source}: {rates}")
    _print_findings(evaluation)
    for kind, count in Counter(each["kind"] for each in evaluation.notes).items():
        say(f"Photos noted in the report as {kind}: {count}")
    if len(evaluation.candidates) > 1:
        say(f"Candidates, measured on {evaluation.candidates[0].measured_on}:")
    for candidate in evaluation.candidates:
        chosen = " (chosen)" if candidate.name == evaluation.chosen else ""
        found = candidate.dir_at_1_percent
        strangers = "" if found is None else f", DIR {found:.3f}"
        say(f"  {candidate.name}: accuracy {candidate.accuracy:.3f}{strangers}{chosen}")
    if evaluation.reason:
        say(f"Chosen: {evaluation.reason}")
    note(f"Device: {evaluation.device}")


def _print_findings(evaluation: Evaluation) -> None:
    from knownface.measure import numbers
    from knownface.measure.learning_curve import would_more_photos_help
    from knownface.measure.verdict import compared

    if folds := evaluation.folds:
        say(
            f"Cross-validated, frozen, {len(folds.folds)} folds: accuracy {folds.accuracy:.3f} "
            f"({numbers.INTERVAL} {numbers.bounds(folds.accuracy_ci95)}) on {folds.photos} photos"
        )
    if found := evaluation.calibration:
        say(
            f"{numbers.CALIBRATION_ERROR.said(evaluation)}, before scaling {found.ece_before:.3f}; "
            f"{numbers.TEMPERATURE.name.lower()} {found.temperature:.3f}"
        )
    if pairs := evaluation.look_alikes:
        names = ", ".join(f"{p.first} and {p.second} {p.similarity:.2f}" for p in pairs[:3])
        say(f"Look-alikes, most similar first: {names}")
    for group in evaluation.groups:
        if group.dir is not None and group.dir_ci95 is not None:
            say(
                f"{group.by} {group.group}: DIR {group.dir:.3f} "
                f"({numbers.INTERVAL} {numbers.bounds(group.dir_ci95)}) on {group.photos} photos "
                f"of {group.people} people"
            )
    for sentence in compared(evaluation):
        say(sentence.text)
    for span in evaluation.by_years:
        say(
            f"{span.name} from the nearest enrolled photo: DIR {span.dir:.3f} "
            f"({numbers.INTERVAL} {numbers.bounds(span.dir_ci95)}) on {span.photos} photos "
            f"of {span.people} people"
        )
    if evaluation.tested:
        say(would_more_photos_help(evaluation.learning_curve, evaluation.tested))


def print_backbones(rows: list[dict[str, Any]]) -> None:
    """The networks, which of their weight files are here, and what these may be used for."""
    lines: list[Sequence[Cell]] = []
    for row in rows:
        files = [f"{f['name']} ({_state(f)})" for f in row["files"]] or ["--weights FILE"]
        hashes = [f["sha256"][:12] if f["sha256"] else "unpublished" for f in row["files"]]
        size, millions = row["size"], row["parameters"] / 1e6
        lines.append((
            row["name"], row["network"], f"{millions:.1f} M", f"{size} x {size}",
            str(row["embedding_size"]), files, hashes,
        ))  # fmt: skip
    header = ("name", "network", "parameters", "input", "embedding", "weight file", "sha256")
    print_table(header, lines)
    print_table(
        ("name", "licence of the file", "training data", "what is disputed"),
        [
            (row["name"], row["licence"], row["training_data"], row["disputed"] or "nothing known")
            for row in rows
        ],
    )
    say(
        "The licence is of the file alone, as its makers state it, and promises nothing of the "
        "data. This is no legal advice."
    )
