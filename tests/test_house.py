"""The architecture: what is public, and that recognising never imports Keras."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import knownface


def test_public_names_are_listed_and_exist() -> None:
    assert knownface.__all__ == sorted(knownface.__all__)
    for name in knownface.__all__:
        assert getattr(knownface, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = knownface.nothing


def test_the_readme_shows_every_file_with_a_comment() -> None:
    root = Path(__file__).parents[1]
    readme = (root / "README.md").read_text(encoding="utf-8")
    lines = readme.split("```\nsrc/knownface/\n")[1].split("\n```")[0].splitlines()
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
