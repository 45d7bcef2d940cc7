"""The tool that teaches `mini`: what is learned is what ships."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from knownface.networks.load import load_backbone

TOOLS = Path(__file__).parents[2] / "tools"


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


def test_rows_are_drawn_in_proportion_to_their_weight(tool) -> None:  # type: ignore[no-untyped-def]
    rows = tool.drawn(np.cumsum([1.0, 0.0, 3.0]), np.random.default_rng(0).random(4000))
    assert set(rows) == {0, 2}
    assert abs((rows == 2).mean() - 0.75) < 0.03
