"""The confusion matrix as a picture."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.ft2font import FT2Font
from PIL import Image

from knownface.pages import confusion
from knownface.recognition import fonts

NAMES = ["Ann $1$", "李小龙", "अमित", "أحمد", "Sam 😀", "김민수"]


def test_every_letter_of_a_name_is_in_one_of_the_fonts(tmp_path: Path) -> None:
    shown = [fonts.readable(name) for name in NAMES]
    families = confusion._families(shown)
    assert families[0] == "DejaVu Sans"
    used = {path for name in shown for _, path in fonts.runs(name)}
    assert {FT2Font(path).family_name for path in used} <= set(families)
    confusion.draw_confusion_matrix(np.eye(6, dtype=int), NAMES, tmp_path / "matrix.png")
    assert Image.open(tmp_path / "matrix.png").width > 300


def test_names_without_a_font_are_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """No glyph is missing: matplotlib would warn of it."""
    monkeypatch.setattr(fonts, "_installed", lambda: ())
    loud = SimpleNamespace(catch_warnings=nullcontext, simplefilter=lambda action: None)
    monkeypatch.setattr(confusion, "warnings", loud)
    fonts.font_of.cache_clear()
    confusion.draw_confusion_matrix(np.eye(6, dtype=int), NAMES, tmp_path / "matrix.png")
    fonts.font_of.cache_clear()
    assert not [each for each in recwarn if "Glyph" in str(each.message)]
