"""Several backbones and recipes on one split: who is better, by how much, at what cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError
from knownface.files.runs import empty_folder, write_json
from knownface.measure.run import Run
from knownface.networks.load import choose_backbone
from knownface.pages.compare import write_comparison
from knownface.progress import Track, silent
from knownface.training.config import TrainingConfig
from knownface.training.train import train

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """One row per backbone and recipe; a row without evaluation carries its `error`."""

    folder: Path
    rows: list[Run]

    def to_json(self) -> dict[str, Any]:
        """`compare.json`: `{"rows": [...]}`, each row an evaluation and what it cost."""
        return {"rows": [row.to_json() for row in self.rows]}


def compare(
    data: str | Path,
    backbones: Sequence[str],
    recipes: Sequence[str] = ("best",),
    out: str | Path | None = None,
    track: Track = silent,
    weights: Mapping[str, str] | None = None,
    **options: Any,
) -> Comparison:
    """Train every backbone with every recipe on one split, and write one report.

    weights: a file, or "none", by backbone, where it is not the official one.
    options: the other fields of `TrainingConfig`.
    A pair that fails becomes a row that says why and does not stop the rest; runs that are
    finished stay when the comparison is interrupted. Raises KnownfaceError where nothing worked.
    """
    records = [choose_backbone(name, track=track)[0] for name in dict.fromkeys(backbones)]
    weights = dict(weights or {})
    if unknown := set(weights) - {record.name for record in records}:
        raise KnownfaceError(f"--weights {min(unknown)}=...: that backbone is not compared")
    TrainingConfig(str(data), **options)  # wrong options fail before anything is created
    folder = empty_folder(Path(out) if out else None, f"{Path(data).resolve().name}-compare")
    rows: list[Run] = []
    split = options.pop("split", None)
    try:
        for record, recipe in ((record, recipe) for record in records for recipe in recipes):
            _free_memory()
            place = folder / f"{record.name}-{recipe}"
            try:
                run = train(
                    data, place, track, backbone=record.name, recipe=recipe, split=split,
                    weights=weights.get(record.name), **options,
                )  # fmt: skip
            except KnownfaceError as error:
                log.warning("%s: %s", record.name, error)
                row = Run(record.name, recipe, record.parameters, error=str(error))
            else:
                split = split or str(place / "split.json")
                row = Run(record.name, recipe, record.parameters, place.name, run.evaluation)
            rows.append(row)
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


def _free_memory() -> None:
    """Of the model before; where Keras is missing there is none."""
    try:
        from knownface.networks.layers import forget_models
    except ImportError:
        return
    forget_models()
