"""Keras loads the networks of artifacts by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("first", ["import knownface, keras", "import keras, knownface"])
def test_keras_loads_what_a_recogniser_holds(run_folder: Path, first: str) -> None:
    path = run_folder / "recognizer" / "embedder.keras"
    code = f"{first}\nprint(keras.models.load_model({str(path)!r}).output_shape[1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "256", done.stderr  # two networks of 128


def test_keras_is_not_imported_before_somebody_does() -> None:
    code = "import knownface, sys; print([m for m in ('keras', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
