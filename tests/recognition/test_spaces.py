"""Two networks that stand together: what both say is averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import comparison_of, embeddings

from knownface.recognition.comparison import SPACES, Comparison, Templates, seeking
from knownface.recognition.spaces import Halves, Space

KNOWN = comparison_of()
BOTH = KNOWN.beside_trained()
WIDTH = 32


def directions(count: int, seed: int) -> np.ndarray:
    return embeddings(np.random.default_rng(seed), np.zeros((count, WIDTH)), 1.0)


def side_by_side(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each of two networks makes of some faces, and both together."""
    first, second = directions(count, seed), directions(count, seed + 50)
    return first, second, np.hstack([first, second]) / np.sqrt(2)


@pytest.fixture
def enrolled() -> tuple[Templates, Templates, Templates]:
    """Of the first network, of the second, and of both; the second takes no face for small."""
    people, small = side_by_side(9, 0), side_by_side(9, 1)
    clear = Comparison(KNOWN.clear, KNOWN.clear, np.zeros(WIDTH, np.float32), -1.0)
    return (
        Templates(people[0], small[0], KNOWN),
        Templates(people[1], None, clear),
        Templates(people[2], small[2], BOTH),
    )


def test_a_score_is_the_mean_of_what_each_network_says(
    enrolled: tuple[Templates, Templates, Templates],
) -> None:
    first, second, faces = side_by_side(40, 2)
    one, other, both = enrolled
    little = KNOWN.is_small(first)
    np.testing.assert_array_equal(BOTH.is_small(faces), little)
    assert 10 < little.sum() < 30
    scores = both.scores(faces)
    expected = (one.scores(first) + other.scores(second)) / 2
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    np.testing.assert_allclose(both.paired(faces[:9]), scores[:9].diagonal(), atol=1e-6)


def test_inner_products_rank_people_as_scores_do(
    enrolled: tuple[Templates, Templates, Templates],
) -> None:
    known, faces = enrolled[2], side_by_side(40, 2)[2]
    scores, little = known.scores(faces), BOTH.is_small(faces)
    for name, rows in (("clear", ~little), ("small", little)):
        products = seeking(BOTH, name, faces[rows]) @ known.sought()[name].T
        apart = scores[rows] - KNOWN.clear.scale[0] * products / 4
        np.testing.assert_allclose(apart, apart[:, :1].repeat(9, axis=1), atol=1e-5)


def test_a_network_that_is_stretched_more_counts_more_in_inner_products() -> None:
    wide = Space(KNOWN.clear.whitening, KNOWN.clear.cohort, (0.12, 0.0))
    halves = Halves(KNOWN.clear, wide)
    people, faces = side_by_side(9, 0)[2], side_by_side(20, 2)[2]
    placed, probes = halves.place(people), halves.place(faces)
    products = halves.seeking(probes) @ halves.sought(placed).T
    apart = halves.scores(placed, probes) - KNOWN.clear.scale[0] * products / 4
    np.testing.assert_allclose(apart, apart[:, :1].repeat(9, axis=1), atol=1e-5)


def test_of_a_network_that_was_taught_small_faces_only_small_ones_are_asked(
    enrolled: tuple[Templates, Templates, Templates], tmp_path: Path
) -> None:
    first, _, faces = side_by_side(40, 2)
    one, _, both = enrolled
    known = KNOWN.beside_taught()
    taught = Templates(both.templates, both.small, known)
    little, scores = KNOWN.is_small(first), taught.scores(faces)
    np.testing.assert_allclose(scores[~little], one.scores(first)[~little], atol=1e-5)
    assert both.small is not None
    small = Templates(both.small, both.small, BOTH)  # of both, as they were enrolled
    np.testing.assert_array_equal(scores[little], small.scores(faces)[little])
    np.testing.assert_allclose(taught.paired(faces[:9]), scores[:9].diagonal(), atol=1e-6)
    for name, rows, vectors in zip(SPACES, (~little, little), taught.multiplied(), strict=True):
        products = seeking(known, name, faces[rows])
        asked = products.shape[1]
        np.testing.assert_allclose(products @ vectors[:, :asked].T, scores[rows], atol=1e-5)
        assert not vectors[:, asked:].any()
    known.write(tmp_path / "comparison.npz")
    again = Templates(both.templates, both.small, Comparison.read(tmp_path / "comparison.npz"))
    np.testing.assert_allclose(again.scores(faces), scores, atol=2e-3)


def test_inner_products_are_scores(enrolled: tuple[Templates, Templates, Templates]) -> None:
    known, faces = enrolled[2], side_by_side(40, 2)[2]
    scores, little = known.scores(faces), BOTH.is_small(faces)
    for name, rows, vectors in zip(SPACES, (~little, little), known.multiplied(), strict=True):
        products = seeking(BOTH, name, faces[rows]) @ vectors.T
        np.testing.assert_allclose(products, scores[rows], atol=1e-5)


def test_a_file_holds_both(
    tmp_path: Path, enrolled: tuple[Templates, Templates, Templates]
) -> None:
    BOTH.write(tmp_path / "comparison.npz")
    read = Comparison.read(tmp_path / "comparison.npz")
    _, _, both = enrolled
    faces = side_by_side(40, 2)[2]
    again = Templates(both.templates, both.small, read)
    np.testing.assert_allclose(again.scores(faces), both.scores(faces), atol=2e-3)


def test_whitened_embeddings_of_both_have_unit_length() -> None:
    faces = side_by_side(8, 2)
    whitened = BOTH.clear.whitened(faces[2])
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=1), 1, atol=1e-6)
    cosines = (KNOWN.clear.whitened(faces[0]) @ KNOWN.clear.whitened(faces[0]).T
               + KNOWN.clear.whitened(faces[1]) @ KNOWN.clear.whitened(faces[1]).T) / 2  # fmt: skip
    np.testing.assert_allclose(whitened @ whitened.T, cosines, atol=1e-5)
