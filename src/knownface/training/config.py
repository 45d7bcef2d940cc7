"""Everything that decides a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from knownface.embed.embedder import Precision
from knownface.errors import KnownfaceError
from knownface.faces.face import FacesMode
from knownface.recognition.threshold import FAR_TARGET
from knownface.training.losses import LOSSES

Recipe = Literal["best", "seed", "frozen"]


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a run; written to `config.json`.

    loss, epochs: None takes what suits backbone and recipe; loss, learning_rate, batch_size: for
        recipe `seed`.
    validation: share of each person's photos kept for testing; split: instead, the `split.json` of
        another run, so that both can be compared.
    folds: cross-validate the frozen network besides, in so many folds.
    tensorboard, mlflow: send the history there too.
    precision: what training computes in; `auto` is bfloat16 where the machine is fast in it.
    """

    data: str
    backbone: str = "auto"
    recipe: Recipe = "best"
    weights: str | None = None
    accept_license: bool = False
    loss: str | None = None
    strangers: str | None = None
    faces: FacesMode = "detect"
    epochs: int | None = None
    batch_size: int = 32
    learning_rate: float = 1e-4
    validation: float = 0.2
    split: str | None = None
    folds: int | None = None
    far_target: float = FAR_TARGET
    seed: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    tensorboard: bool = False
    mlflow: bool = False

    def __post_init__(self) -> None:
        checks = {
            "--recipe": (self.recipe in get_args(Recipe), "best, seed or frozen"),
            "--loss": (self.loss is None or self.loss in LOSSES, " or ".join(LOSSES)),
            "--precision": (self.precision in get_args(Precision), "auto, float32 or bfloat16"),
            "--epochs": (self.epochs is None or self.epochs >= 1, "at least 1"),
            "--batch-size": (self.batch_size >= 1, "at least 1"),
            "--learning-rate": (self.learning_rate > 0, "above 0"),
            "--validation": (0 < self.validation < 1, "between 0 and 1, such as 0.2"),
            "--folds": (self.folds is None or self.folds >= 2, "at least 2"),
            "--far": (0 < self.far_target < 1, "between 0 and 1, such as 0.01"),
            "--seed": (self.seed >= 0, "0 or more"),
        }
        for option, (fine, wanted) in checks.items():
            if not fine:
                value = getattr(
                    self, option.strip("-").replace("-", "_").replace("far", "far_target")
                )
                raise KnownfaceError(f"{option} must be {wanted}, not {value}")
