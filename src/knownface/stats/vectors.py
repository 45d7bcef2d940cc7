"""Vectors of unit length, and their means."""

from __future__ import annotations

import numpy as np

UNIT = 1e-3  # by how much rounding may change a length of 1
BLOCK = 65_536  # rows that are looked at at once


def unit_length(vectors: np.ndarray, least: float = 1e-12) -> np.ndarray:
    """Rows (n, d) divided by their lengths; a length below `least` counts as that."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, least))


def sums_of(embeddings: np.ndarray, labels: np.ndarray, people: int) -> np.ndarray:
    """Sum of each person's embeddings (n, d), labels (n,): (people, d) float64."""
    sums = np.zeros((people, embeddings.shape[1]), np.float64)
    np.add.at(sums, labels, embeddings)
    return sums


def mean_templates(embeddings: np.ndarray, labels: np.ndarray, people: int) -> np.ndarray:
    """Unit-length mean of each person's unit-length embeddings: (people, d)."""
    sums = sums_of(embeddings, labels, people)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    if (norms == 0).any():
        raise ValueError("a person without any usable embedding")
    return np.asarray(sums / norms, np.float32)


def cosines(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Row by row, of unit-length vectors (n, d): (n,)."""
    return np.asarray((some * others).sum(1))


def check_directions(name: str, rows: np.ndarray) -> None:
    """ValueError where rows are not finite numbers of unit length: (n, d)."""
    if rows.ndim != 2 or not rows.shape[1] or rows.dtype.kind != "f":
        raise ValueError(f"{name} must be rows of numbers")
    for start in range(0, len(rows), BLOCK):
        with np.errstate(all="ignore"):
            lengths = np.linalg.norm(rows[start : start + BLOCK].astype(np.float32), axis=1)
        if not np.allclose(lengths, 1, atol=UNIT):  # which no number that is not finite is
            raise ValueError(f"{name} must be finite and of unit length")
