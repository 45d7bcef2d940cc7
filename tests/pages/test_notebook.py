"""Evaluations and recognitions in a notebook."""

from __future__ import annotations

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
