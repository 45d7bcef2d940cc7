"""From a folder of photos of your people to an evaluated recogniser that you can deploy."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knownface.cluster.group import Grouping, group
    from knownface.cluster.index import Index
    from knownface.cluster.indexing import Indexed, index
    from knownface.cluster.search import Search, search
    from knownface.deployment.export import Export, export
    from knownface.deployment.imports import Imported, import_people
    from knownface.diagnosis.findings import Diagnosis
    from knownface.errors import KnownfaceError
    from knownface.faces.photo import read_image
    from knownface.measure.benchmark import Benchmark, benchmark
    from knownface.measure.evaluation import Evaluation
    from knownface.networks.catalogue import backbones, fetch
    from knownface.networks.load import load_backbone
    from knownface.pages.forgetting import forget
    from knownface.pages.verbs import check, evaluate, report
    from knownface.recognition.appearances import Appearances
    from knownface.recognition.backups import backup, restore
    from knownface.recognition.living.gallery import LivingGallery
    from knownface.recognition.living.records import Change, Person, Receipt
    from knownface.recognition.people import (
        correct,
        enroll,
        history,
        never_same,
        people,
        undo,
    )
    from knownface.recognition.recognize import recognize
    from knownface.recognition.recognizer import Recognizer
    from knownface.recognition.result import Recognition
    from knownface.recognition.share import share
    from knownface.recognition.verify import Verification, verify
    from knownface.server.serve import serve
    from knownface.synthetic.folder import demo
    from knownface.training.compare import Comparison, compare
    from knownface.training.config import TrainingConfig
    from knownface.training.train import TrainingRun, train

# ONNX Runtime and OpenVINO report to their makers that, and on what machine, they are used. Nobody
# learns that somebody recognises faces. `onnxruntime.disable_telemetry_events` does not stop it
# (measured with 1.32).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # it has a stub for that

__version__ = "0.1.0"
__all__ = [
    "Appearances",
    "Benchmark",
    "Change",
    "Comparison",
    "Diagnosis",
    "Evaluation",
    "Export",
    "Grouping",
    "Imported",
    "Index",
    "Indexed",
    "KnownfaceError",
    "LivingGallery",
    "Person",
    "Receipt",
    "Recognition",
    "Recognizer",
    "Search",
    "TrainingConfig",
    "TrainingRun",
    "Verification",
    "backbones",
    "backup",
    "benchmark",
    "check",
    "compare",
    "correct",
    "demo",
    "enroll",
    "evaluate",
    "export",
    "fetch",
    "forget",
    "group",
    "history",
    "import_people",
    "index",
    "load_backbone",
    "never_same",
    "people",
    "read_image",
    "recognize",
    "report",
    "restore",
    "search",
    "serve",
    "share",
    "train",
    "undo",
    "verify",
]

_HOME = {
    "Appearances": "recognition.appearances",
    "Benchmark": "measure.benchmark",
    "Change": "recognition.living.records",
    "Comparison": "training.compare",
    "Diagnosis": "diagnosis.findings",
    "Evaluation": "measure.evaluation",
    "Export": "deployment.export",
    "Grouping": "cluster.group",
    "Imported": "deployment.imports",
    "Index": "cluster.index",
    "Indexed": "cluster.indexing",
    "KnownfaceError": "errors",
    "LivingGallery": "recognition.living.gallery",
    "Person": "recognition.living.records",
    "Receipt": "recognition.living.records",
    "Recognition": "recognition.result",
    "Recognizer": "recognition.recognizer",
    "Search": "cluster.search",
    "TrainingConfig": "training.config",
    "TrainingRun": "training.train",
    "Verification": "recognition.verify",
    "backbones": "networks.catalogue",
    "backup": "recognition.backups",
    "benchmark": "measure.benchmark",
    "check": "pages.verbs",
    "compare": "training.compare",
    "correct": "recognition.people",
    "demo": "synthetic.folder",
    "enroll": "recognition.people",
    "evaluate": "pages.verbs",
    "export": "deployment.export",
    "fetch": "networks.catalogue",
    "forget": "pages.forgetting",
    "group": "cluster.group",
    "history": "recognition.people",
    "import_people": "deployment.imports",
    "index": "cluster.indexing",
    "load_backbone": "networks.load",
    "never_same": "recognition.people",
    "people": "recognition.people",
    "read_image": "faces.photo",
    "recognize": "recognition.recognize",
    "report": "pages.verbs",
    "restore": "recognition.backups",
    "search": "cluster.search",
    "serve": "server.serve",
    "share": "recognition.share",
    "train": "training.train",
    "undo": "recognition.people",
    "verify": "recognition.verify",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that each costs only what it needs."""
    if name not in _HOME:
        raise AttributeError(f"module 'knownface' has no attribute '{name}'")
    return getattr(importlib.import_module(f"knownface.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _show_in_notebooks() -> None:
    """Evaluations and recognitions become pages in IPython; nothing is imported for it here."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for name, view in (("Evaluation", "evaluation_html"), ("Recognition", "recognition_html")):
        formatter.for_type_by_name(
            f"knownface.{_HOME[name]}",
            name,
            lambda value, view=view: getattr(
                importlib.import_module("knownface.pages.notebook"), view
            )(value),
        )


def _make_layers_known_to_keras() -> None:
    from knownface.networks.known_to_keras import make_layers_known

    make_layers_known()


_show_in_notebooks()
_make_layers_known_to_keras()
