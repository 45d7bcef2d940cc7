"""Evaluations and recognitions in a notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from invented import invented

from knownface.pages.notebook import evaluation_html, recognition_html
from knownface.recognition.result import Recognition, RecognizedFace


def test_notebooks_show_evaluations_and_recognitions(tmp_path: Path) -> None:
    from PIL import Image

    shown = evaluation_html(invented(3)[0])
    assert "Accuracy" in shown
    assert "95 % interval" in shown
    photo = tmp_path / "<b>.jpg"
    Image.new("RGB", (1600, 900), "grey").save(photo)
    face = RecognizedFace((100, 100, 200, 200), "Ann", 0.7, None)
    shown = recognition_html(Recognition(str(photo), (face,)))
    assert "data:image/jpeg;base64," in shown
    assert "&lt;b&gt;.jpg Ann 0.70" in shown
    for path in ("", str(tmp_path / "gone.jpg")):
        assert "<img" not in recognition_html(Recognition(path, (face,)))


SHELL = """
import sys, types
views = {}
formatter = types.SimpleNamespace(
    for_type_by_name=lambda module, name, view: views.update({(module, name): view})
)
display = types.SimpleNamespace(formatters={"text/html": formatter})
notebook = types.ModuleType("IPython")
notebook.get_ipython = lambda: types.SimpleNamespace(display_formatter=display)
sys.modules["IPython"] = notebook
import knownface
assert not {"numpy", "jinja2", "PIL"} & set(sys.modules)
assert len(views) == 2
face = knownface.Recognition("", (), "no such file")
print(views[type(face).__module__, type(face).__name__](face))
assert (knownface.Evaluation.__module__, "Evaluation") in views
notebook.get_ipython = lambda: None  # imported by something, but no notebook
del sys.modules["knownface"]
import knownface
"""


def test_a_notebook_is_told_and_nothing_is_imported_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", SHELL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "<figcaption> no such file</figcaption>" in done.stdout
