"""Several runs side by side: one table, best first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from knownface.measure.evaluation import Evaluation
from knownface.measure.numbers import (
    ACCURACY,
    DIR,
    FAR,
    INTERVAL,
    PARAMETERS,
    RATE,
    RECALL,
    SECONDS,
    Cell,
    Number,
    between,
)
from knownface.measure.run import Run, ranked
from knownface.pages.page import Table, write_page

COMPARISON = (
    "Backbone", "Recipe", f"{DIR.name}\n{INTERVAL}", f"{FAR.name}\n{INTERVAL}", ACCURACY.name,
    PARAMETERS.name, SECONDS.name, RATE.name,
)  # fmt: skip


def write_comparison(path: Path, rows: Sequence[Run], root: Path, same_photos: bool = True) -> None:
    """A page of runs, best first; those without a result come last, and say why.

    root: where their `run` starts. same_photos: whether all were tested on the same ones.
    """
    done = [(row, row.evaluation) for row in ranked(rows) if row.evaluation]
    names = _names([str(row.run) for row, _ in done])
    links = [
        Path(os.path.relpath(root / str(row.run) / "report.html", path.parent)).as_posix()
        for row, _ in done
    ]
    cells = [[name, *comparison_cells(row)] for name, (row, _) in zip(names, done, strict=True)]
    missing = [(row.backbone, row.recipe, row.error) for row in rows if row.error]
    best = done[0][1]
    write_page(
        path,
        "compare.html.jinja",
        count=len(rows),
        tested=f"{best.tested} photos of {len(best.people)} people",
        same_photos=same_photos,
        runs=Table("Runs", ("Run", *COMPARISON), cells, links),
        people=_people(names, [evaluation for _, evaluation in done]),
        missing=Table("Without a result", ("Backbone", "Recipe", "Why"), missing),
        sheet=None,
        data=None,
    )


def comparison_cells(run: Run) -> tuple[Cell, ...]:
    """What `COMPARISON` heads; nothing after the recipe where there is no result."""
    if not (found := run.evaluation):
        return run.backbone, run.recipe
    return (
        run.backbone,
        run.recipe,
        _with_interval(DIR, found),
        _with_interval(FAR, found),
        ACCURACY.cell(found.accuracy),
        PARAMETERS.cell(run.parameters),
        SECONDS.cell(found.seconds),
        RATE.cell(found.images_per_second),
    )


def _with_interval(number: Number, found: Evaluation) -> Cell:
    """The number, and below it its interval."""
    value, interval = number.of(found), number.interval(found)
    if value is None or interval is None:
        return number.cell(value)
    return f"{number.written(value)}\n{between(interval)}", value


def _names(runs: Sequence[str]) -> list[str]:
    """The runs' folders, without what is before them where that tells them apart."""
    names = [Path(run).name for run in runs]
    return names if len(set(names)) == len(set(runs)) else list(runs)


def _people(runs: Sequence[str], evaluations: Sequence[Evaluation]) -> Table:
    """Each person's recall in every run that knows them."""
    recalls = [{p.name: p.recall for p in e.per_person if p.support} for e in evaluations]
    rows = [
        [name, *(RECALL.cell(recall.get(name)) for recall in recalls)]
        for name in sorted(set().union(*recalls))
    ]
    return Table("Recall of each person", ("Person", *runs), rows)
