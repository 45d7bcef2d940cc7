"""The same faces mirrored, and from further away."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.embed.views import SIZES, reduced, small_views
from knownface.networks.zoo import get_backbone
from knownface.stats.vectors import unit_length


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return backbone_embedder(get_backbone("mini"))


def crops(count: int) -> np.ndarray:
    """Pictures that are not the same mirrored."""
    rng = np.random.default_rng(count)
    small = rng.integers(0, 256, (count, 6, 6, 3)).astype(np.uint8)
    return np.array([cv2.resize(each, (112, 112)) for each in small]).reshape(-1, 112, 112, 3)


@pytest.mark.parametrize("count", [0, 1, 3, 70])
def test_mirrored_is_the_mean_of_both_in_order(embedder: Embedder, count: int) -> None:
    some = crops(count)
    found = embedder.embed(some, mirrored=True)
    both = [embedder.embed(each) for each in (some, np.ascontiguousarray(some[:, :, ::-1]))]
    assert found.shape == (count, embedder.width)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, unit_length(both[0] + both[1]), atol=1e-5)
    again = embedder.embed(np.ascontiguousarray(some[:, :, ::-1]), mirrored=True)
    np.testing.assert_allclose(again, found, atol=1e-5)
    if count:
        assert (found * both[0]).sum(1).min() < 0.999  # not the crop alone


def test_a_reduced_face_has_lost_what_is_small() -> None:
    fine = np.tile(np.array([[0, 255], [255, 0]], np.uint8), (56, 56))[:, :, None].repeat(3, 2)
    assert reduced(fine, 14).shape == fine.shape
    assert np.ptp(reduced(fine, 14)) <= 2
    coarse = cv2.resize(np.array([[0, 255]], np.uint8), (112, 112), interpolation=0)
    assert np.ptp(reduced(coarse[:, :, None].repeat(3, 2), 14)) > 200


def test_small_views_are_means_whatever_is_done_at_once(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = crops(7)
    own = embedder.embed(some, mirrored=True)
    sums = own.copy()
    for size in SIZES:
        sums += embedder.embed(np.stack([reduced(crop, size) for crop in some]))
    expected = unit_length(sums)
    found = small_views(embedder, some, own)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(own, embedder.embed(some, mirrored=True), atol=1e-6)  # untouched
    monkeypatch.setattr("knownface.embed.views.TOGETHER", 3)
    np.testing.assert_allclose(small_views(embedder, some, own), expected, atol=1e-5)
    assert small_views(embedder, some[:0], own[:0]).shape == (0, embedder.width)
