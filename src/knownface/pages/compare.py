"""Several runs side by side: one table, best first."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError
from knownface.networks.zoo import BACKBONES
from knownface.options import argument
from knownface.pages.page import Cell, Document, between, paragraphs, share, table, write_page

COMPARISON = (
    "Backbone", "Recipe", "Accuracy", "95 % interval", "DIR at FAR 1 %", "Parameters",
    "Training, seconds", "Images per second",
)  # fmt: skip


def write_comparison(
    path: Path, rows: Sequence[Document], root: Path, same_photos: bool = True
) -> None:
    """A page of runs, best first; those without a result come last, and say why.

    rows: evaluations as `compare` and `report` print them; root: where their `run` starts.
    same_photos: whether all were tested on the same ones.
    """
    done = [row for row in rows if "accuracy" in row]
    done.sort(key=lambda row: (row["accuracy"], _dir(row) or 0.0), reverse=True)
    names = _names(done)
    cells = [[name, *comparison_cells(row)] for name, row in zip(names, done, strict=True)]
    links = [
        Path(os.path.relpath(root / row["run"] / "report.html", path.parent)).as_posix()
        for row in done
    ]
    tested = f"{_tested(done[0])} photos of {len(done[0]['people'])} people"
    note = (
        f"One split for all: {tested} that no network was trained on. Where intervals overlap, "
        "the order may be chance."
        if same_photos
        else "The runs were not tested on the same photos, so that their numbers cannot be "
        "compared closely; --split repeats the split of an earlier run."
    )
    sections = [("Runs", table("Runs", ("Run", *COMPARISON), cells, links))]
    if len(done) > 1:
        sections.append(("Person by person", _people(names, done)))
    missing = [(row["backbone"], row["recipe"], row["error"]) for row in rows if row.get("error")]
    if missing:
        reasons = table("Without a result", ("Backbone", "Recipe", "Why"), missing)
        sections.append(("Without a result", reasons))
    title = "One run" if len(rows) == 1 else f"{len(rows)} runs compared"
    write_page(path, title, "knownface", paragraphs(note), sections)


def comparison_cells(row: Document) -> tuple[Cell, ...]:
    """What `COMPARISON` heads, of a row with a result."""
    found, parameters = _dir(row), row.get("parameters")
    return (
        row["backbone"],
        row["recipe"],
        share(row["accuracy"]),
        (between(row["accuracy_ci95"]), row["accuracy_ci95"][0]),
        ("not measured", -1.0) if found is None else share(found),
        ("unknown", -1.0) if parameters is None else (f"{parameters / 1e6:.1f} M", parameters),
        (f"{row['seconds']:.0f}", row["seconds"]),
        (f"{row['images_per_second']:.0f}", row["images_per_second"]),
    )


def _dir(row: Document) -> float | None:
    return row["open_set"]["dir_at_far"].get("0.01") if row["open_set"] else None


def _tested(row: Document) -> int:
    return sum(map(sum, row["confusion_matrix"]))


def _names(rows: Sequence[Document]) -> list[str]:
    """The runs' folders, without what is before them where that tells them apart."""
    paths = [str(row["run"]) for row in rows]
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(set(paths)) else paths


def _people(runs: Sequence[str], rows: Sequence[Document]) -> str:
    """Each person's recall in every run that knows them."""
    recalls = [{p["name"]: p["recall"] for p in row["per_person"] if p["support"]} for row in rows]
    names = sorted({name for recall in recalls for name in recall})
    cells: list[list[Cell]] = [
        [name, *(share(each[name]) if name in each else ("not tested", -1.0) for each in recalls)]
        for name in names
    ]
    note = "Recall: the share of a person's photos that got the right name."
    header = ("Person", *runs)
    return paragraphs(note) + table("Recall of each person", header, cells)


# ---------------------------------------------------------------- finished runs
def read_run(folder: Path) -> dict[str, Any]:
    """A finished run as a row; KnownfaceError where the folder holds no evaluation."""
    path = folder / "evaluation.json"
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        record = BACKBONES.get(row["backbone"])
        row |= {"run": str(folder), "parameters": record.parameters if record else None}
        comparison_cells(row)
        return dict(row)
    except FileNotFoundError:
        raise KnownfaceError(
            f"{folder}: holds no evaluation.json; name a run folder made by train, "
            f"or by evaluate with {argument('out', ...)}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise KnownfaceError(f"{path}: not a usable evaluation ({error}); train again") from None


def tested_on_the_same(folders: Sequence[Path]) -> bool:
    """Whether the runs' `split.json` keep the same photos for testing."""
    tested = []
    for folder in folders:
        try:
            split = json.loads((folder / "split.json").read_text(encoding="utf-8"))
            tested.append(sorted(split["validation"]))
        except (OSError, ValueError, KeyError, TypeError):
            return len(folders) == 1
    return all(each == tested[0] for each in tested)
