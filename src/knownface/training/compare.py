"""Several backbones and recipes on one split: who is better, by how much, at what cost."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any

from knownface.errors import Interrupted, KnownfaceError
from knownface.files.runs import empty_folder, write_json
from knownface.measure.run import Run
from knownface.networks.catalogue import lacking
from knownface.networks.load import choose_backbone
from knownface.networks.record import Backbone
from knownface.options import argument, taking
from knownface.pages.compare import write_comparison
from knownface.training.config import ComparisonRequest, Conditions, Recipe
from knownface.training.train import train

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """One row per backbone and recipe; a row without evaluation carries its `error`."""

    folder: Path
    rows: list[Run]

    def __repr__(self) -> str:
        done = sum(row.evaluation is not None for row in self.rows)
        return f"Comparison({str(self.folder)!r}, {done} of {len(self.rows)} runs with a result)"

    def to_json(self) -> dict[str, Any]:
        """`compare.json`: `{"rows": [...]}`, each row an evaluation and what it cost."""
        return {"rows": [row.to_json() for row in self.rows]}


@taking(ComparisonRequest)
def compare(request: ComparisonRequest) -> Comparison:
    """Train every backbone with every recipe on one split, and write one report.

    backbones: names; by default all whose files are on this machine, with `weights`, and whose
    licence allows every use or was accepted. One line says which were left out.
    The other options are those of `TrainingConfig`. weights: a file, or "none", by backbone, where
    it is not the official one. out: folder for the runs, or a new one in `runs/`.
    A pair that fails becomes a row that says why and does not stop the rest; runs that are
    finished stay when the comparison is interrupted. Raises KnownfaceError where nothing worked.
    """
    data, track, weights = request.data, request.track, request.weights or {}
    names = _here(request) if request.backbones is None else request.backbones
    records = [choose_backbone(name, track=track)[0] for name in dict.fromkeys(names)]
    if unknown := set(weights) - {record.name for record in records}:
        raise KnownfaceError(
            f"{argument('weights')} of {min(unknown)}: that backbone is not compared"
        )
    place = Path(request.out) if request.out else None
    folder = empty_folder(place, f"{Path(data).resolve().name}-compare")
    conditions = {field.name: getattr(request, field.name) for field in fields(Conditions)}
    rows: list[Run] = []
    try:
        for record, recipe in product(records, request.recipes):
            _free_memory()
            place = folder / f"{record.name}-{recipe}"
            options = conditions | {"weights": weights.get(record.name), "track": track}
            rows.append(_trained(record, recipe, place, options))
            if rows[-1].evaluation:
                conditions["split"] = conditions["split"] or place / "split.json"
    except KeyboardInterrupt as error:
        done = sum(row.evaluation is not None for row in rows)
        left = f"; {done} finished runs are compared in {folder / 'report.html'}" if done else ""
        raise Interrupted(f"{error or 'interrupted'}{left}") from None
    finally:
        result = Comparison(folder, rows)
        if any(row.evaluation for row in rows):
            write_json(folder / "compare.json", result.to_json())
            write_comparison(folder / "report.html", rows, folder)
        elif not any(folder.iterdir()):
            folder.rmdir()
    if not any(row.evaluation for row in rows):
        raise KnownfaceError(f"None of the backbones could be used; the first: {rows[0].error}")
    return result


def _here(request: ComparisonRequest) -> list[str]:
    """The networks that can be compared without fetching anything."""
    reasons = lacking(request.accept_license)
    names = [name for name in reasons if not reasons[name] or name in (request.weights or {})]
    others = [f"{name} ({reason})" for name, reason in reasons.items() if name not in names]
    if others:
        log.info(
            "Comparing %s; left out: %s; `knownface backbones fetch NAME` gets one, with %s where "
            "it is for research only",
            ", ".join(names), ", ".join(others), argument("accept_license", True),
        )  # fmt: skip
    if len(names) == 1:
        log.warning("Only %s is on this machine: recipes are compared, not networks", names[0])
    return names


def _trained(record: Backbone, recipe: Recipe, place: Path, options: dict[str, Any]) -> Run:
    """A run in a folder `place`, or why there is none."""
    try:
        run = train(backbone=record.name, recipe=recipe, out=place, **options)
    except KnownfaceError as error:
        log.warning("%s: %s", record.name, error)
        return Run(record.name, recipe, record.parameters, error=str(error))
    return Run(record.name, recipe, record.parameters, place.name, run.evaluation)


def _free_memory() -> None:
    """Of the model before; where Keras is missing there is none."""
    try:
        from knownface.networks.layers import forget_models
    except ImportError:
        return
    forget_models()
