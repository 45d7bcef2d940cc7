"""The examples give the names that knownface gives, with nothing but a runtime."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import comparison_of, embeddings

from knownface.deployment.export import export
from knownface.recognition.comparison import Templates, for_programs
from knownface.recognition.recognizer import Recognizer

EXAMPLES = Path(__file__).parents[2] / "examples"
# Where `npm install onnxruntime-web pngjs` was run.
MODULES = Path(os.environ.get("KNOWNFACE_NODE_MODULES", EXAMPLES / "node_modules"))


def lines(*command: object) -> dict[str, tuple[str, float]]:
    """Name and similarity by photo, from `photo: name 0.71 [box]`, without a word of Python's path.

    The program finds neither knownface nor Keras: an import of either ends it.
    """
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=EXAMPLES)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(.*?): (.*) (-?\d\.\d\d)(?: \[.*\])?$", done.stdout, re.MULTILINE)
    return {photo: (name, float(similarity)) for photo, name, similarity in found}


def python(program: str, *arguments: object) -> dict[str, tuple[str, float]]:
    hidden = f"import sys; [sys.modules.__setitem__(n, None) for n in {HIDDEN}]; import runpy; "
    started = f"sys.argv = sys.argv[1:]; sys.path[0] = {str(EXAMPLES)!r}; "
    return lines(
        sys.executable, "-c", f"{hidden}{started}runpy.run_path(sys.argv[0], run_name='__main__')",
        EXAMPLES / program, *arguments,
    )  # fmt: skip


HIDDEN = ["knownface", "keras", "tensorflow", "onnx", "sklearn"]


@pytest.mark.parametrize(
    ("format", "precision"), [("onnx", "fp32"), ("openvino", "bf16"), ("litert", "fp32")]
)
def test_a_program_with_only_the_runtime_gives_the_same_names(
    format: str, precision: str, run_folder: Path, people: Path, shared: Path, tmp_path: Path
) -> None:
    needed = {"litert": "ai_edge_litert", "onnx": "onnxruntime"}.get(format, format)
    if not find_spec(needed):
        pytest.skip(f"{needed} is not installed")
    made = export(run_folder, format=format, precision=precision, out=tmp_path / "export")  # type: ignore[arg-type]
    photos = sorted(people.glob("*/00[1-4].jpg"))
    photos += sorted((shared / "data" / "strangers").glob("*/010.jpg"))[:5]
    found = python(f"{format}_names.py", made.folder, *photos)
    if format == "litert":  # which knownface does not run
        run = Recognizer.load(run_folder)
        limit = json.loads((made.folder / "recognizer.json").read_text())["threshold"]["value"]
        recognizer = replace(run, threshold=replace(run.threshold, value=limit))
    else:
        recognizer = Recognizer.load(made.folder)
    for photo in photos:
        face = recognizer.recognize(photo).faces[0]
        name, similarity = found[str(photo)]
        assert similarity == pytest.approx(face.similarity, abs=0.06)
        if abs(face.similarity - recognizer.threshold.value) > 0.06:
            assert name == (face.name or "unknown")


@pytest.mark.parametrize("kind", ["cosine", "one", "trained", "taught"])
def test_programs_compare_as_knownface_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By cosine, as is known of a network, and with two that stand together."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    program = importlib.import_module("faces")
    rng, width = np.random.default_rng(0), 32
    known = None if kind == "cosine" else comparison_of(width)
    if known and kind != "one":
        known, width = getattr(known, f"beside_{kind}")(), 64
    people, small, faces = (embeddings(rng, np.zeros((count, width)), 1.0) for count in (9, 9, 40))
    templates = Templates(people, small if known else None, known)
    (tmp_path / "templates.f32").write_bytes(for_programs(templates))
    record = {
        "people": [f"person {i}" for i in range(9)], "threshold": {"value": 0.4}, "crop": {},
        "faces": "cropped",
    }  # fmt: skip
    if known:
        assert 10 < known.is_small(faces).sum() < 30
        (tmp_path / "comparison.f32").write_bytes(known.plain().astype("<f4").tobytes())
        record["networks"] = known.networks
    (tmp_path / "recognizer.json").write_text(json.dumps(record))
    export = program.Export(tmp_path)
    found = np.stack([export.similarities(face) for face in faces])
    np.testing.assert_allclose(found, templates.scores(faces), atol=1e-5)


def test_crops_are_named_in_node(run_folder: Path, people: Path, tmp_path: Path) -> None:
    if not shutil.which("node") or not MODULES.is_dir():
        pytest.skip("Node with onnxruntime-web and pngjs is not here (KNOWNFACE_NODE_MODULES)")
    made = export(run_folder, out=tmp_path / "export")
    crops = tmp_path / "crops"
    program = tmp_path / "names.mjs"
    shutil.copy(EXAMPLES / "names.mjs", program)
    (tmp_path / "node_modules").symlink_to(MODULES)
    for photo in sorted(people.glob("*/002.jpg")):
        shutil.copy(photo, tmp_path / f"{photo.parent.name}.jpg")
    photos = sorted(tmp_path.glob("*.jpg"))
    python("faces.py", made.folder, *photos, "--crops", crops)
    found = lines("node", program, made.folder, *sorted(crops.glob("*-0.png")))
    recognizer = Recognizer.load(made.folder)
    for photo in photos:
        face = recognizer.recognize(photo).faces[0]
        name, similarity = found[f"{photo.stem}-0.png"]
        assert similarity == pytest.approx(face.similarity, abs=0.06)
        assert name == (face.name or "unknown")


def test_the_examples_are_short_and_stand_alone() -> None:
    for program in EXAMPLES.iterdir():
        if program.suffix in (".py", ".mjs"):
            text = program.read_text(encoding="utf-8")
            assert not re.search("(import|from) knownface", text)
    assert len((EXAMPLES / "names.mjs").read_text().splitlines()) < 80
