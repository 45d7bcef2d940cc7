"""Every benchmark and tool finds what it imports."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("tools/*.py")])

NEEDED = {"site_docstrings.py": "griffe"}  # what only `make docs` installs, which runs them


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_it_starts(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if needed := NEEDED.get(script.name):
        pytest.importorskip(needed, reason=f"{needed} is not installed (requirements-docs.txt)")
    monkeypatch.syspath_prepend(str(script.parent))
    assert runpy.run_path(str(script))["__doc__"]
