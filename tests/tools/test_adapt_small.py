"""The tool that teaches a network small faces, and what it taught."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from knownface.networks.load import adapted, load_backbone
from knownface.networks.zoo import BACKBONES, get_backbone

TOOLS = Path(__file__).parents[2] / "tools"


def test_what_is_added_makes_the_network_that_was_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(TOOLS))
    tool = importlib.import_module("adapt_small")
    monkeypatch.setattr(tool, "BATCH", 4)
    rng = np.random.default_rng(0)
    for person in range(6):
        (tmp_path / "crops" / f"{person}").mkdir(parents=True)
        for photo in range(4):
            crop = cv2.resize(rng.integers(0, 256, (7, 7, 3), np.uint8), (112, 112))
            cv2.imwrite(str(tmp_path / "crops" / f"{person}" / f"{photo}.png"), crop)
    out = tmp_path / "added.npz"
    given = ["mini", "--crops", str(tmp_path / "crops"), "--aside", "4", "--steps", "4"]
    monkeypatch.setattr(sys, "argv", ["adapt_small.py", *given, "--out", str(out)])
    tool.main()
    model = load_backbone("mini")
    changes = [
        float(np.abs(now - before).max())
        for now, before in zip(adapted(model, out), model.get_weights(), strict=True)
    ]
    assert 0 < max(changes) < 0.05
    for name in ("adapt_small", "distil_mini"):
        sys.modules.pop(name)


@pytest.mark.parametrize("name", [n for n, each in BACKBONES.items() if each.small_faces])
def test_what_ships_sees_small_faces_more_as_if_they_were_clear(name: str, shared: Path) -> None:
    """Of people of whom nothing was learned, and less of clear ones."""
    from knownface.faces.crops import load_cropper

    backbone = get_backbone(name)
    photos = sorted((shared / "data" / "people").glob("*/00[12].jpg"))
    cropper = load_cropper(backbone.crop, "detect")
    crops = np.stack([each.crops[0] for each in cropper.crop_photos(photos) if each.faces])
    small = np.stack(
        [cv2.resize(cv2.resize(crop, (14, 14), interpolation=cv2.INTER_AREA), (112, 112))
         for crop in crops]
    )  # fmt: skip
    model = load_backbone(name)
    assert backbone.small_faces
    weights = adapted(model, backbone.small_faces)

    def embedded(some: np.ndarray) -> np.ndarray:
        raw = model.predict(some, verbose=0)
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))

    clear, before = embedded(crops), embedded(small)
    model.set_weights(weights)
    assert ((embedded(small) * clear).sum(1) - (before * clear).sum(1)).mean() > 0.1
    assert (embedded(crops) * clear).sum(1).mean() < 0.95
