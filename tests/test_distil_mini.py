"""The tool that teaches `mini`: what is learned is what ships."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from knownface.backbones import load_backbone

TOOLS = Path(__file__).parents[1] / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.syspath_prepend(str(TOOLS))
    import distil_mini

    yield distil_mini
    sys.modules.pop("distil_mini")


def test_the_student_becomes_a_plain_network(tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = tool.student("float32")
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:  # branches that start at nothing would hide mistakes
        weight.assign(weight + rng.normal(0, 0.1, weight.shape))
    np.savez(tmp_path / "mini.npz", **tool.plain_arrays(model))
    crops = rng.integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    learned = np.asarray(model(crops))
    shipped = np.asarray(load_backbone("mini", tmp_path / "mini.npz")(crops))
    assert np.abs(learned - shipped).max() <= 1e-4 * np.abs(learned).max()


def test_imitation_is_zero_for_the_teacher_and_falls_towards_it(tool) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    bank = rng.normal(size=(64, 16)).astype(np.float32)
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    loss = tool.Imitation(bank, 0.5, 0.1)
    targets, other = bank[:8], bank[8:16]
    shares = (0.0, 0.5, 1.0)
    values = [float(loss(targets, 3 * ((1 - s) * targets + s * other))) for s in shares]
    assert abs(values[0]) < 1e-5
    assert values[0] < values[1] < values[2]


def test_views_are_repeatable_and_differ(tool) -> None:  # type: ignore[no-untyped-def]
    crop = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    first, again, other = (
        [view(crop) for _ in range(40)] for view in (tool.Views(1), tool.Views(1), tool.Views(2))
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(view.shape == crop.shape and view.dtype == np.uint8 for view in first)
