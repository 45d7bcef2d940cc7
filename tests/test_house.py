"""The architecture: what is public, and that recognising never imports Keras."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invented import invented

import knownface


def test_public_names_are_listed_and_exist() -> None:
    assert knownface.__all__ == sorted(knownface.__all__)
    for name in knownface.__all__:
        assert getattr(knownface, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = knownface.nothing


def test_the_public_names_are_what_is_shown() -> None:
    assert set(dir(knownface)) == {*knownface.__all__, "__version__"}
    names: dict[str, object] = {}
    exec("from knownface import *", names)
    assert {*knownface.__all__} <= names.keys()
    assert names["train"] is knownface.train


def test_results_are_shown_in_a_line(run_folder: Path, people: Path) -> None:
    from knownface.measure.run import Run
    from knownface.measure.verdict import title

    evaluation, _ = invented(5)
    loaded = knownface.Recognizer.load(run_folder)
    run = knownface.TrainingRun(run_folder, loaded, evaluation)
    assert repr(run) == f"TrainingRun({str(run_folder)!r}, 5 people: {title(evaluation)})"
    rows = [Run("mini", "best", 1, error="why"), Run("mini", "frozen", 1, "r", evaluation)]
    shown = repr(knownface.Comparison(people, rows))
    assert shown == f"Comparison({str(people)!r}, 1 of 2 runs with a result)"
    found = knownface.Diagnosis(people, ("Ann",), ("a", "b"), (), frozenset(), {}, "CPU")
    assert repr(found) == f"Diagnosis({str(people)!r}, 2 photos of 1 people, 0 problems)"


def test_the_readme_shows_every_file_with_a_comment() -> None:
    root = Path(__file__).parents[1]
    readme = (root / "README.md").read_text(encoding="utf-8")
    lines = readme.split("```text\nsrc/knownface/\n")[1].split("\n```")[0].splitlines()
    shown: list[str] = []
    within: list[str] = []
    for line in lines:
        name, comment = line.split(maxsplit=1)
        assert comment
        within[(len(line) - len(line.lstrip())) // 2 - 1 :] = [name]
        shown.append("".join(within))
    source = root / "src" / "knownface"
    there = {
        str(path.relative_to(source)) + "/" * path.is_dir()
        for path in source.rglob("*")
        if "__pycache__" not in path.parts and path.name != "__init__.py"
    }
    assert set(shown) == there
    assert len(shown) == len(there)


def test_commands_print_in_one_place() -> None:
    """It shows what is in a name; a bare `print` would let the name write on the terminal."""
    for path in (Path(knownface.__file__).parent / "cli").glob("*.py"):
        printing = re.findall(r"(?<![\w.])print\(", path.read_text(encoding="utf-8"))
        assert not printing or path.name == "console.py", path


def new_photos(shared: Path, place: Path) -> Path:
    """A folder with photos of one person of the run that are not enrolled."""
    (place / "new" / "Tom_Cruise").mkdir(parents=True)
    for photo in sorted((shared / "data" / "people" / "Tom_Cruise").iterdir())[-3:]:
        shutil.copy(photo, place / "new" / "Tom_Cruise")
    return place / "new"


@pytest.mark.parametrize("command", ["recognize", "evaluate", "verify", "benchmark"])
def test_recognising_needs_no_keras(
    command: str, run_folder: Path, people: Path, shared: Path, tmp_path: Path
) -> None:
    photos = [str(people / "Tom_Cruise" / name) for name in ("001.jpg", "002.jpg")]
    arguments = {
        "recognize": [str(run_folder), *photos],
        "evaluate": [str(run_folder), str(new_photos(shared, tmp_path))],
        "verify": photos,
        "benchmark": ["--pairs", str(short_list(shared, run_folder.parent)), "--images",
                      str(shared / "data" / "lfw_view1" / "images")],
    }[command]  # fmt: skip
    code = f"""
import sys
for name in ("keras", "tensorflow", "mtcnn"):
    sys.modules[name] = None
from knownface.cli.commands import app
app({[command, *arguments]!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("command", [["train"], ["evaluate", "run"]])
@pytest.mark.parametrize("given", ["people", "strangers"])
def test_a_missing_folder_is_said_before_anything_heavy_is_loaded(
    command: list[str], given: str, tmp_path: Path
) -> None:
    (tmp_path / "people" / "Ann").mkdir(parents=True)
    (tmp_path / "people" / "Ann" / "1.jpg").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recognizer.json").touch()
    people = tmp_path / ("people" if given == "strangers" else "nowhere")
    arguments = [*command, str(people), "--strangers", str(tmp_path / "nowhere")]
    code = f"""
import sys
for name in ("scipy", "sklearn", "matplotlib", "onnx", "openvino", "onnxruntime", "keras"):
    sys.modules[name] = None
from knownface.cli.commands import app
app({arguments!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2, done.stderr
    assert "nowhere: no such folder" in done.stderr


def short_list(shared: Path, folder: Path) -> Path:
    """The first ten pairs of each kind of LFW view 1."""
    lines = (shared / "data" / "lfw_view1" / "pairsDevTest.txt").read_text().splitlines()
    path = folder / "pairs.txt"
    path.write_text("\n".join(["10", *lines[1:11], *lines[-10:]]))
    return path
