"""Whitening: what is common to everybody counts less, in NumPy, in Keras and in the ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knownface.embed.embedder import Embedder
from knownface.networks.load import build_backbone
from knownface.networks.to_onnx import export_onnx
from knownface.networks.zoo import get_backbone
from knownface.stats.whitening import Whitening

PEOPLE, PHOTOS, SIZE = 20, 100, 8


@pytest.fixture
def embeddings() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(PEOPLE), PHOTOS)
    noise = rng.normal(size=(len(labels), SIZE)) * np.linspace(0.02, 0.3, SIZE)
    found = rng.normal(size=(PEOPLE, SIZE))[labels] + 2 + noise
    return found / np.linalg.norm(found, axis=1, keepdims=True), labels


def test_one_persons_photos_spread_equally(embeddings: tuple[np.ndarray, np.ndarray]) -> None:
    found, labels = embeddings
    whitening = Whitening.fit(found, labels)
    moved = (found - whitening.centre) @ whitening.matrix
    within = moved - np.stack([moved[labels == i].mean(0) for i in range(PEOPLE)])[labels]
    np.testing.assert_allclose(np.cov(within.T, bias=True), np.eye(SIZE), atol=0.1)
    np.testing.assert_allclose(np.linalg.norm(whitening(found), axis=1), 1, atol=1e-6)


def test_one_photo_each_is_only_centred(embeddings: tuple[np.ndarray, np.ndarray]) -> None:
    found = embeddings[0][::PHOTOS]
    centred = found - found.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    moved = Whitening.fit(found, np.arange(PEOPLE))(found)
    np.testing.assert_allclose(moved, centred, atol=1e-5)


def test_keras_and_onnx_whiten_as_numpy_does(tmp_path: Path) -> None:
    from knownface.networks.layers import with_whitening

    model = build_backbone(get_backbone("mini"), None)
    crops = np.random.default_rng(0).integers(0, 256, (12, 112, 112, 3), np.uint8)
    raw = model.predict(crops, verbose=0)
    plain = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    whitening = Whitening.fit(plain, np.arange(12) // 3)
    longer = with_whitening(model, whitening)
    result = longer.predict(crops, verbose=0)
    result /= np.linalg.norm(result, axis=1, keepdims=True)
    np.testing.assert_allclose(result, whitening(plain), atol=1e-3)
    export_onnx(longer, tmp_path / "whitened.onnx")
    shipped = Embedder(tmp_path / "whitened.onnx", precision="float32").embed(crops)
    np.testing.assert_allclose(shipped, result, atol=1e-3)
