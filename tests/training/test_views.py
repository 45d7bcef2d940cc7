"""Random views of a crop: repeatable, bounded, and of the crop's own size."""

from __future__ import annotations

import numpy as np
import pytest

from knownface.training.views import Changes, Views


@pytest.fixture
def crop() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)


def test_equal_seeds_give_equal_views_and_others_differ(crop: np.ndarray) -> None:
    first, again, other = ([view(crop) for _ in range(40)] for view in map(Views, (1, 1, 2)))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("size", [112, 160, 224])
def test_views_have_the_size_of_the_crop(size: int) -> None:
    crop = np.full((size, size, 3), 128, np.uint8)
    view = Views(0)
    assert all(
        v.shape == crop.shape and v.dtype == np.uint8 for v in (view(crop) for _ in range(60))
    )


def test_the_crop_itself_is_never_changed(crop: np.ndarray) -> None:
    before, view = crop.copy(), Views(0)
    for _ in range(60):
        view(crop)
    np.testing.assert_array_equal(crop, before)


def test_no_changes_leave_only_the_mirror(crop: np.ndarray) -> None:
    view = Views(0, Changes(small=0, moved=0, lit=0, covered=0, disturbed=0))
    for _ in range(10):
        seen = view(crop)
        assert np.array_equal(seen, crop) or np.array_equal(seen, crop[:, ::-1])


def test_small_views_lose_detail(crop: np.ndarray) -> None:
    still = dict(moved=0.0, lit=0.0, covered=0.0, disturbed=0.0)
    sharp, small = Views(0, Changes(small=0, **still)), Views(0, Changes(small=1, **still))
    detail = [np.mean([np.abs(np.diff(v(crop).astype(int), axis=0)).mean() for _ in range(20)])
              for v in (sharp, small)]  # fmt: skip
    assert detail[1] < 0.7 * detail[0]
