"""The options that several commands share, each described once."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from knownface.errors import KnownfaceError
from knownface.training.losses import LOSSES

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or coreml; one that is not there fails.")
]
BackboneName = Annotated[str, typer.Option("--backbone", help="See `knownface backbones`.")]
Weights = Annotated[
    str | None, typer.Option(help="A weight file of the backbone, or none for random weights.")
]
Licence = Annotated[
    bool, typer.Option("--accept-license", help="Agree, once, to weights for research only.")
]
Loss = Annotated[
    str | None, typer.Option(help=f"{', '.join(LOSSES)}; default: the backbone's own.")
]
Precision = Annotated[str, typer.Option(help="Training computes in auto, float32 or bfloat16.")]
Split = Annotated[Path | None, typer.Option(help="The split.json of an earlier run, to repeat.")]
Strangers = Annotated[Path | None, typer.Option(help="Photos of people to be refused.")]
Epochs = Annotated[int | None, typer.Option(help="Default: the backbone's own.")]
Folds = Annotated[
    int | None,
    typer.Option(
        help="Also cross-validate the network as it is (frozen, whatever the recipe) in K folds, "
        "which says more where photos are few."
    ),
]
Validation = Annotated[float, typer.Option(help="Share of photos kept for testing.")]
Far = Annotated[float, typer.Option("--far", help="False-accept rate the threshold aims at.")]
Faces = Annotated[str, typer.Option(help="detect, or cropped if the photos are aligned crops.")]


def faces_mode(value: str) -> Any:
    """`--faces`, checked."""
    if value not in ("detect", "cropped"):
        raise KnownfaceError(f"--faces must be detect or cropped, not {value}")
    return value


def training_options(context: typer.Context) -> dict[str, Any]:
    """Those of a command's options that are fields of `TrainingConfig`, as Typer parsed them."""
    from knownface.training.config import TrainingConfig

    faces_mode(context.params["faces"])
    names = {field.name for field in fields(TrainingConfig)} - {"data"}
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in context.params.items()
        if name in names
    }
