"""From a folder of photos of your people to an evaluated recogniser that you can deploy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knownface.backbones import load_backbone
    from knownface.comparison import Comparison, compare
    from knownface.diagnosis import Diagnosis
    from knownface.doctor import check
    from knownface.errors import KnownfaceError
    from knownface.evaluation import Evaluation, evaluate_folder
    from knownface.images import read_image
    from knownface.recognizer import Recognition, Recognizer
    from knownface.training import TrainingRun, train

__version__ = "0.1.0"
__all__ = [
    "Comparison",
    "Diagnosis",
    "Evaluation",
    "KnownfaceError",
    "Recognition",
    "Recognizer",
    "TrainingRun",
    "check",
    "compare",
    "evaluate_folder",
    "load_backbone",
    "read_image",
    "train",
]

_HOME = {
    "Comparison": "comparison",
    "Diagnosis": "diagnosis",
    "Evaluation": "evaluation",
    "KnownfaceError": "errors",
    "Recognition": "recognizer",
    "Recognizer": "recognizer",
    "TrainingRun": "training",
    "check": "doctor",
    "compare": "comparison",
    "evaluate_folder": "evaluation",
    "load_backbone": "backbones",
    "read_image": "images",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that each costs only what it needs."""
    if name not in _HOME:
        raise AttributeError(f"module 'knownface' has no attribute '{name}'")
    return getattr(importlib.import_module(f"knownface.{_HOME[name]}"), name)
