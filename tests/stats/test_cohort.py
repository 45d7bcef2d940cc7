"""What a similarity means beside those with nobody in particular."""

from __future__ import annotations

import numpy as np
from support import embeddings

from knownface.stats.cohort import LEAST, RANK, Cohort, normalised


def people(count: int, width: int = 24, differing: int = 10) -> np.ndarray:
    """Unit-length templates of people who differ in some directions, and elsewhere hardly."""
    rng = np.random.default_rng(3)
    loud = np.where(np.arange(width) < differing, 1.0, 0.1)
    raw = rng.normal(size=width) + 2 * loud * rng.normal(size=(count, width))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def test_moments_are_those_of_the_similarities_with_everybody() -> None:
    everybody = people(20_000)
    faces = embeddings(np.random.default_rng(4), np.zeros((200, 24)), 1.0)
    similarities = faces @ everybody.T
    moments = Cohort.of(everybody).moments(faces)
    np.testing.assert_allclose(moments[:, 0], similarities.mean(1), atol=1e-5)
    np.testing.assert_allclose(moments[:, 1], similarities.std(1), rtol=0.02)
    assert np.ptp(moments, axis=0).min() > 0.1  # faces differ in both


def test_but_for_the_loudest_directions_people_differ_equally() -> None:
    """So that less of a single person is in the file; how much they differ in all stays."""
    everybody = people(500, width=40, differing=40)
    cohort = Cohort.of(everybody)
    variances = np.linalg.eigvalsh(cohort.covariance.astype(np.float64))
    whole = np.linalg.eigvalsh(np.cov(everybody.T, bias=True))
    np.testing.assert_allclose(variances[-RANK:], whole[-RANK:], rtol=1e-3)
    np.testing.assert_allclose(variances[:-RANK], whole[:-RANK].mean(), rtol=1e-3)


def test_few_people_and_few_numbers_are_a_cohort_too() -> None:
    alone = Cohort.of(np.eye(1, 5, dtype=np.float32))
    np.testing.assert_allclose(alone.moments(np.eye(5)), [[i == 0, LEAST] for i in range(5)])
    narrow = people(1_000, width=5, differing=5)
    np.testing.assert_allclose(
        Cohort.of(narrow).moments(narrow[:9])[:, 1], (narrow[:9] @ narrow.T).std(1), rtol=1e-3
    )


def test_a_score_is_normalised_from_both_sides() -> None:
    """By hand: 0.5 is 4 deviations above the mean of one side, and 1 above that of the other."""
    one, other = np.array([[0.1, 0.1]]), np.array([[0.3, 0.2]])
    np.testing.assert_allclose(normalised(np.array([0.5]), one, other), 2.5)
    scores = np.array([[0.5, 0.1], [0.5, 0.1]])  # two faces with two people
    faces = np.array([[0.1, 0.1], [0.1, 0.2]])
    known = np.array([[0.3, 0.2], [0.1, 0.4]])
    np.testing.assert_allclose(
        normalised(scores, known, faces[:, None]), [[2.5, 0.0], [1.5, 0.0]], atol=1e-12
    )
