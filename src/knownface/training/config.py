"""Everything that decides a training run: each option's name, type, default, help and check.

An option is written here once. The command line, the Python signatures of `train` and `compare`,
`config.json` and the checks all read it from the fields of these classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

from knownface.dataset.folder import existing_place
from knownface.options import (
    BackboneName,
    Data,
    Device,
    FacesMode,
    Grouping,
    Licence,
    Option,
    Precision,
    Strangers,
    Weights,
    checked,
    either,
    options_of,
    refuses_unknown,
    share,
)
from knownface.progress import Track, silent
from knownface.training.losses import LOSSES

Recipe = Literal["best", "seed", "frozen"]


@refuses_unknown
@dataclass(frozen=True, repr=False)
class Conditions:
    """What runs that are compared have in common.

    loss, epochs: None takes what suits backbone and recipe; loss: for recipe `seed`.
    split: instead of a share for validation, the `split.json` of another run.
    precision: what training computes in; `auto` is bfloat16 where the machine is fast in it.
    The command line reads the first type of an alternative. Paths become text, as in JSON.
    Raises KnownfaceError where a value is wrong.
    """

    data: Data
    _: KW_ONLY
    loss: Annotated[
        str | None,
        Option(
            f"{either(LOSSES)}; default: the backbone's own.",
            wanted=either(LOSSES),
            fits=LOSSES.__contains__,
        ),
    ] = None
    accept_license: Licence = False
    strangers: Strangers = None
    faces: FacesMode = "detect"
    epochs: Annotated[
        int | None,
        Option("Default: the backbone's own.", wanted="at least 1", fits=lambda n: n >= 1),
    ] = None
    validation: Annotated[float, share("Share of photos kept for testing.", 0.2)] = 0.2
    split: Annotated[Path | str | None, Option("The split.json of an earlier run, to repeat.")] = (
        None
    )
    far_target: Annotated[
        float, share("False-accept rate the threshold aims at.", 0.01, "--far")
    ] = 0.01
    seed: Annotated[
        int, Option(wanted="between 0 and 4294967295", fits=lambda n: 0 <= n < 2**32)
    ] = 0  # as Keras has it
    precision: Annotated[Precision, Option("Training computes in auto, float32 or bfloat16.")] = (
        "auto"
    )
    device: Device = "auto"

    def __post_init__(self) -> None:
        for name, kind in options_of(type(self)).items():
            object.__setattr__(self, name, checked(name, kind, getattr(self, name)))

    def __repr__(self) -> str:
        """As it was called, without what is as usual."""
        chosen = [
            f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default and field.name != "data"
        ]
        return f"{type(self).__name__}({', '.join([repr(self.data), *chosen])})"


@refuses_unknown
@dataclass(frozen=True, kw_only=True, repr=False)
class TrainingConfig(Conditions):
    """Everything that decides a run; written to `config.json`.

    learning_rate, batch_size: for recipe `seed`.
    folds: cross-validate the frozen network besides, in so many folds.
    gallery: its people, their names, what was said of photos, and its history go on.
    tensorboard, mlflow: send the history there too.
    """

    backbone: BackboneName = "auto"
    recipe: Annotated[Recipe, Option("best, seed or frozen.")] = "best"
    gallery: Annotated[
        Path | str | None,
        Option("An earlier run whose names, corrections and enrolled people go on."),
    ] = None
    weights: Weights = None
    batch_size: Annotated[int, Option(wanted="at least 1", fits=lambda n: n >= 1)] = 32
    learning_rate: Annotated[float, Option(wanted="above 0", fits=lambda rate: rate > 0)] = 1e-4
    folds: Annotated[
        int | None,
        Option(
            "Also cross-validate the network as it is (frozen, whatever the recipe) in K folds, "
            "which says more where photos are few.",
            wanted="at least 2",
            fits=lambda n: n >= 2,
        ),
    ] = None
    groups: Grouping = None
    tensorboard: Annotated[bool, Option("Write event files.")] = False
    mlflow: Annotated[bool, Option("Log to MLflow as well.")] = False


@refuses_unknown
@dataclass(frozen=True, kw_only=True, repr=False)
class TrainingRequest(TrainingConfig):
    """What `train` is asked for: a run, and where it goes."""

    resume: Annotated[bool, Option("Go on with a run cut off.")] = False
    out: Annotated[Path | str | None, Option("Run folder; default: a new one in runs/.")] = None
    track: Track = silent

    def __post_init__(self) -> None:
        super().__post_init__()
        _look_at_folders(self)

    @property
    def config(self) -> TrainingConfig:
        """What decides the run, wherever it goes."""
        return TrainingConfig(**{f.name: getattr(self, f.name) for f in fields(TrainingConfig)})


@refuses_unknown
@dataclass(frozen=True, kw_only=True, repr=False)
class ComparisonRequest(Conditions):
    """What `compare` is asked for.

    weights: a file, or "none", by backbone, where it is not the official one.
    """

    backbones: Annotated[
        Sequence[str] | None,
        Option("Names, separated by commas; default: those on this machine."),
    ] = None
    recipes: Annotated[Sequence[Recipe], Option("best, seed or frozen, separated by commas.")] = (
        "best",
    )
    weights: Annotated[
        Mapping[str, str | Path] | None,
        Option("BACKBONE=FILE or BACKBONE=none; may be repeated."),
    ] = None
    out: Annotated[Path | str | None, Option("Folder for the runs; default: in runs/.")] = None
    track: Track = silent

    def __post_init__(self) -> None:
        super().__post_init__()
        _look_at_folders(self)


def _look_at_folders(asked: Conditions) -> None:
    """A missing folder is said before anything heavy is imported."""
    existing_place(asked.data)
    if asked.strangers is not None:
        existing_place(asked.strangers)
