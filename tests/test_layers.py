"""The architecture: imports point downward, and recognising never imports Keras."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import knownface

SOURCE = Path(knownface.__file__).parent
LAYERS = [
    {
        "errors",
        "progress",
        "images",
        "weights",
        "metrics",
        "intervals",
        "whole_file",
        "disk_rows",
        "diagnosis",
        "whitening",
    },
    {
        "detection",
        "mtcnn",
        "mtcnn_networks",
        "alignment",
        "backbones",
        "onnx_nodes",
        "layers",
        "losses",
        "augmentation",
        "views",
        "precision",
        "dataset",
        "crops",
        "quality",
        "copies",
        "pair_lists",
    },
    {"embedder", "gallery", "portraits", "agreement", "examination"},
    {"recognizer", "annotation"},
    {
        "training",
        "training_config",
        "training_photos",
        "finetuning",
        "race",
        "candidates",
        "recipes",
        "evaluation",
        "open_set",
        "calibration",
        "look_alikes",
        "learning_curve",
        "folds",
        "explanation",
        "export",
        "onnx_graph",
        "verification",
        "runs",
        "doctor",
        "cleaning",
    },
    {
        "synthetic",
        "report",
        "page",
        "charts",
        "confusion",
        "explanation_page",
        "comparison_page",
        "doctor_page",
    },
    {"comparison"},
    {"console", "printing", "cli", "__main__", "__init__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# A finished run holds its report, so that training writes one.
ALLOWED = {("training", "report")}


def imported_at_any_level(path: Path) -> set[str]:
    """Sibling modules that a file imports, inside functions too, type checking apart."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    parts = [n.module.split(".") for n in nodes if n.module and n.module.startswith("knownface.")]
    return {part[1] for part in parts}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_point_downward(path: Path) -> None:
    module = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for other in imported_at_any_level(path) - {module}:
        assert LEVEL[other] <= LEVEL[module] or (module, other) in ALLOWED, other


def test_public_names_are_listed_and_exist() -> None:
    assert knownface.__all__ == sorted(knownface.__all__)
    for name in knownface.__all__:
        assert getattr(knownface, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = knownface.nothing


@pytest.mark.parametrize("command", ["recognize", "evaluate", "verify", "benchmark"])
def test_recognising_needs_no_keras(
    command: str, run_folder: Path, people: Path, shared: Path
) -> None:
    photos = [str(people / "Tom_Cruise" / name) for name in ("001.jpg", "002.jpg")]
    arguments = {
        "recognize": [str(run_folder), *photos],
        "evaluate": [str(run_folder), str(people)],
        "verify": photos,
        "benchmark": ["--pairs", str(short_list(shared, run_folder.parent)), "--images",
                      str(shared / "data" / "lfw_view1" / "images")],
    }[command]  # fmt: skip
    code = f"""
import sys
for name in ("keras", "tensorflow", "mtcnn"):
    sys.modules[name] = None
from knownface.cli import app
app({[command, *arguments]!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def short_list(shared: Path, folder: Path) -> Path:
    """The first ten pairs of each kind of LFW view 1."""
    lines = (shared / "data" / "lfw_view1" / "pairsDevTest.txt").read_text().splitlines()
    path = folder / "pairs.txt"
    path.write_text("\n".join(["10", *lines[1:11], *lines[-10:]]))
    return path
