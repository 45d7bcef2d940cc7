"""Finished runs as values: what came of a network with a recipe, and at what cost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError
from knownface.files.runs import is_unfinished
from knownface.files.values import read_json
from knownface.measure.evaluation import Evaluation
from knownface.networks.zoo import BACKBONES
from knownface.options import argument

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A row of a comparison: an evaluation, or the error instead of one.

    run: its folder; parameters: of the network, None where it is not a known one.
    """

    backbone: str
    recipe: str
    parameters: int | None
    run: str | None = None
    evaluation: Evaluation | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The evaluation's own keys beside these."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "evaluation"}
        return (self.evaluation.to_json() if self.evaluation else {}) | own


def ranked(rows: Sequence[Run]) -> list[Run]:
    """The best first: by how many known faces get the right name at the threshold (DIR).

    A run that accepts more strangers than its target, beyond what chance explains, comes after all
    that do not; then those whose known faces were not tested, and those without a result.
    """
    return sorted(rows, key=_rank, reverse=True)


def _rank(row: Run) -> tuple[float, ...]:
    if row.evaluation is None:
        return (-1.0,)
    shown = row.evaluation.open_set
    keeps = shown.far_ci95 is None or shown.far_ci95[0] <= shown.far_target
    if shown.dir is None:
        return (0.0, float(keeps))
    return (1.0 + keeps, shown.dir, row.evaluation.accuracy or 0.0)


def read_run(folder: Path) -> Run:
    """A finished run; KnownfaceError where the folder holds no usable evaluation."""
    path = folder / "evaluation.json"
    if not path.is_file() or is_unfinished(folder):
        raise KnownfaceError(
            f"{folder}: holds no evaluation.json; name a run folder made by train, "
            f"or by evaluate with {argument('out', ...)}"
        )
    found = Evaluation.load(path)
    record = BACKBONES.get(found.backbone)
    parameters = record.parameters if record else None
    return Run(found.backbone, found.recipe, parameters, str(folder), found)


def read_runs(folders: Sequence[Path]) -> dict[Path, Run]:
    """The finished runs among files and folders, by folder; one line says what was left out.

    Raises KnownfaceError where none of them is a finished run.
    """
    found: dict[Path, Run] = {}
    wrong: dict[Path, KnownfaceError] = {}
    for folder in folders:
        try:
            found[folder] = read_run(folder)
        except KnownfaceError as error:
            wrong[folder] = error
    if not found and wrong:
        first = next(iter(wrong.values()))
        many = f"none of {len(wrong)} is a finished run; the first: " if len(wrong) > 1 else ""
        raise KnownfaceError(f"{many}{first}")
    if wrong:
        log.warning("Left out, being no finished runs: %s", ", ".join(map(str, wrong)))
    return found


def tested_on_the_same(folders: Sequence[Path]) -> bool:
    """Whether the runs' `split.json` keep the same photos for testing."""
    tested = []
    for folder in folders:
        try:
            tested.append(sorted(read_json(folder / "split.json")["validation"]))
        except (OSError, ValueError, KeyError, TypeError):
            return len(folders) == 1
    return all(each == tested[0] for each in tested)
