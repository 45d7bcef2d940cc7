"""How embeddings are compared with people."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import comparison_of, embeddings, gallery_of

from knownface.errors import KnownfaceError
from knownface.networks.zoo import BACKBONES
from knownface.recognition import comparison as comparing
from knownface.recognition.comparison import SPACES, Comparison, Matcher, Templates, seeking
from knownface.recognition.spaces import Space
from knownface.stats.vectors import mean_templates
from knownface.stats.whitening import Whitening

KNOWN = comparison_of()


def directions(count: int, seed: int) -> np.ndarray:
    return embeddings(np.random.default_rng(seed), np.zeros((count, 32)), 1.0)


def by_hand(space: Space, template: np.ndarray, face: np.ndarray) -> float:
    """One score, in double precision and without a matrix more than it needs."""
    one, other = (
        moved / np.linalg.norm(moved)
        for moved in (space.whitening.matrix.astype(np.float64) @ (each - space.whitening.centre)
                      for each in (template, face))
    )  # fmt: skip
    parts = []
    for side in (one, other):
        deviation = np.sqrt(side @ space.cohort.covariance.astype(np.float64) @ side)
        parts.append((one @ other - side @ space.cohort.mean) / deviation)
    slope, offset = space.scale
    return float(np.clip(slope * np.mean(parts) + offset, -1, 1))


# ---------------------------------------------------------------- scores
def test_faces_that_show_little_are_compared_as_such() -> None:
    people, small, faces = (directions(count, seed) for seed, count in enumerate((9, 9, 40)))
    scores = Templates(people, small, KNOWN).scores(faces)
    little = faces @ KNOWN.gate + KNOWN.bias > 0
    assert 10 < little.sum() < 30
    for row, face in enumerate(faces):
        space, templates = (KNOWN.small, small) if little[row] else (KNOWN.clear, people)
        expected = [by_hand(space, template, face) for template in templates]
        np.testing.assert_allclose(scores[row], expected, atol=1e-5)
    without = Templates(people, None, KNOWN).scores(faces)  # they stand for themselves
    np.testing.assert_array_equal(without[~little], scores[~little])
    np.testing.assert_allclose(
        without[little][0, 0], by_hand(KNOWN.small, people[0], faces[little][0]), atol=1e-5
    )


def test_inner_products_rank_people_as_scores_do() -> None:
    """They are twice the scores before the scale, but for what is the same for everybody."""
    people, small, faces = (directions(count, seed) for seed, count in enumerate((9, 9, 40)))
    known = Templates(people, small, KNOWN)
    scores, little = known.scores(faces), KNOWN.is_small(faces)
    spaces = (("clear", KNOWN.clear, ~little), ("small", KNOWN.small, little))
    for name, space, rows in spaces:
        products = seeking(KNOWN, name, faces[rows]) @ known.sought()[name].T
        apart = scores[rows] - space.scale[0] * products / 2
        np.testing.assert_allclose(apart, apart[:, :1].repeat(9, axis=1), atol=1e-5)
    plain = Templates(people)
    products = seeking(None, "clear", faces) @ plain.sought()["clear"].T
    np.testing.assert_array_equal(products, plain.scores(faces))


def test_inner_products_are_scores() -> None:
    people, small, faces = (directions(count, seed) for seed, count in enumerate((9, 9, 40)))
    known = Templates(people, small, KNOWN)
    scores, little = known.scores(faces), KNOWN.is_small(faces)
    for name, rows, vectors in zip(SPACES, (~little, little), known.multiplied(), strict=True):
        products = seeking(KNOWN, name, faces[rows]) @ vectors.T
        np.testing.assert_allclose(products, scores[rows], atol=1e-5)
    plain = Templates(people)
    np.testing.assert_array_equal(faces @ plain.multiplied()[0].T, plain.scores(faces))


def test_people_are_compared_in_blocks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    people, small, faces = (directions(count, seed) for seed, count in enumerate((9, 9, 12)))
    whole = Templates(people, small, KNOWN).scores(faces)
    monkeypatch.setattr(comparing, "BLOCK", 4)
    known = Templates(people, small, KNOWN)
    parts = [known.scores(faces, slice(start, start + 4)) for start in (0, 4, 8)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-6)
    nobody = Templates(people[:0], small[:0], KNOWN)
    assert nobody.scores(faces).shape == (12, 0)
    assert known.scores(faces[:0]).shape == (0, 9)


@pytest.mark.parametrize("comparison", [None, KNOWN])
def test_pairs_are_the_diagonal(comparison: Comparison | None) -> None:
    people, small, faces = (directions(20, seed) for seed in range(3))
    known = Templates(people, small, comparison)
    paired = known.paired(faces)
    np.testing.assert_allclose(paired, known.scores(faces).diagonal(), atol=1e-6)


def test_nothing_known_is_the_plain_cosine() -> None:
    people, faces = directions(7, 0), directions(11, 1)
    plain = Templates(people)
    np.testing.assert_array_equal(plain.scores(faces), faces @ people.T)
    np.testing.assert_array_equal(plain.scores(faces, slice(2, 5)), faces @ people[2:5].T)


def test_very_many_people_take_half_the_memory() -> None:
    people, small, faces = (directions(20, seed) for seed in range(3))
    half = Templates(people.astype(np.float16), small.astype(np.float16), KNOWN)
    scores = half.scores(faces)
    np.testing.assert_allclose(scores, Templates(people, small, KNOWN).scores(faces), atol=3e-3)
    assert scores.dtype == np.float32
    plain = Templates(people.astype(np.float16)).scores(faces)
    np.testing.assert_allclose(plain, faces @ people.T, atol=2e-3)
    assert plain.dtype == np.float32
    many = Templates(directions(20_000, 4).astype(np.float16), None, KNOWN)
    many.scores(faces[:1])
    tracemalloc.start()
    known = Templates(many.templates, None, KNOWN)
    known.scores(faces)  # some of which show little
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3 * many.templates.nbytes  # of both kinds of faces, and the moments


def test_scores_are_cosines_of_the_same_rate() -> None:
    """Never beyond 1, whatever the scale, and in the order that they have without it."""
    people, faces = directions(20, 0), np.concatenate([directions(20, 0), -directions(20, 0)])
    slopes = (0.06, 2.0)
    mild, steep = (
        Templates(people, None, Comparison(
            *(Space(s.whitening, s.cohort, (slope, 0.1)) for s in (KNOWN.clear, KNOWN.small)),
            KNOWN.gate, KNOWN.bias,
        )).scores(faces)
        for slope in slopes
    )  # fmt: skip
    assert steep.max() == 1
    assert steep.min() == -1
    assert -1 < mild.min() < mild.max() < 1
    np.testing.assert_allclose(np.clip((mild - 0.1) / 0.06 * 2 + 0.1, -1, 1), steep, atol=1e-4)


# ---------------------------------------------------------------- files
def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    KNOWN.write(tmp_path / "comparison.npz")
    found = Comparison.read(tmp_path / "comparison.npz")
    people, small, faces = (directions(20, seed) for seed in range(3))
    scores = [Templates(people, small, each).scores(faces) for each in (KNOWN, found)]
    np.testing.assert_allclose(*scores, atol=2e-3)  # large arrays lie there in half precision
    found.write(tmp_path / "again.npz")
    first, again = (tmp_path.joinpath(f"{name}.npz") for name in ("comparison", "again"))
    assert first.read_bytes() == again.read_bytes()  # so its checksum stays


def test_it_lies_beside_the_gallery(tmp_path: Path) -> None:
    assert Comparison.beside(tmp_path / "gallery.sqlite") is None
    KNOWN.write(tmp_path / "comparison.npz")
    assert Comparison.beside(tmp_path / "gallery.sqlite") is not None


@pytest.mark.parametrize("name", sorted(n for n, b in BACKBONES.items() if b.comparison))
def test_what_is_known_of_a_network_is_of_its_width(name: str) -> None:
    backbone = BACKBONES[name]
    assert backbone.comparison is not None
    known = Comparison.read(backbone.comparison)
    assert len(known.gate) == backbone.embedding_size
    for space in (known.clear, known.small):
        assert 0 < space.scale[0] < 1
        assert np.linalg.eigvalsh(space.cohort.covariance.astype(np.float64)).min() > -1e-4


Arrays = dict[str, np.ndarray]
WRONG: dict[str, Callable[[Arrays], object]] = {
    "missing": lambda a: a.pop("small_mean"),
    "a part that is missing": lambda a: a.pop("bias"),
    "not square": lambda a: a.update(clear_matrix=a["clear_matrix"][:, :-1]),
    "of another network": lambda a: a.update(small_centre=a["small_centre"][:-1]),
    "a gate that is a matrix": lambda a: a.update(gate=np.ones((32, 2))),
    "a gate that is a number": lambda a: a.update(gate=np.float32(1)),
    "many biases": lambda a: a.update(bias=np.zeros(3)),
    "three scales": lambda a: a.update(clear_scale=np.ones(3)),
    "upside down": lambda a: a.update(clear_scale=np.array([-1.0, 0.0])),
    "scales in a table": lambda a: a.update(clear_scale=np.ones((2, 2))),
    "not a number": lambda a: a["small_covariance"].__setitem__((3, 4), np.nan),
    "infinite": lambda a: a.update(bias=np.inf),
    "too large for single precision": lambda a: a.update(clear_mean=np.full(32, 1e300)),
    "text": lambda a: a.update(gate=np.array(["x"] * 32)),
    "complex": lambda a: a.update(gate=1j * a["gate"]),
    "objects": lambda a: a.update(gate=np.array([None] * 32)),
    "too large": lambda a: a.update(more=np.zeros(3_000_000)),
}


def refused(path: Path) -> None:
    with pytest.raises(KnownfaceError, match="cannot be read") as caught:
        Comparison.read(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: how faces are compared cannot be read (")
    assert said.endswith("); copy it again or train again")
    assert "\n" not in said


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("wrong", sorted(WRONG))
def test_a_file_of_something_else_is_one_sentence(wrong: str, tmp_path: Path) -> None:
    KNOWN.write(tmp_path / "comparison.npz")
    with np.load(tmp_path / "comparison.npz") as archive:
        arrays = dict(archive)
    WRONG[wrong](arrays)
    np.savez(tmp_path / "wrong.npz", **arrays)  # type: ignore[arg-type]
    refused(tmp_path / "wrong.npz")


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "comparison.npz"
    refused(path)
    path.mkdir()
    refused(path)
    path.rmdir()
    KNOWN.write(path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for content in (b"", b"text", whole[:-1], whole[: len(whole) // 2], whole[:40]):
        path.write_bytes(content)
        refused(path)
    for _ in range(60):
        place = int(rng.integers(len(whole)))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            Comparison.read(path)  # a date, or a padding, says nothing
        except KnownfaceError:
            refused(path)


# ---------------------------------------------------------------- matchers


def test_each_kind_has_its_templates_and_its_space() -> None:
    known = gallery_of(4, 6, spread=0.4)
    embeddings, labels = known.embeddings, known.labels
    means = Matcher.fit("means", embeddings, labels)
    expected = mean_templates(embeddings, labels, 4)
    np.testing.assert_array_equal(means.scores(embeddings), embeddings @ expected.T)
    head = np.eye(4, 32, dtype=np.float32)
    columns = Matcher.fit("columns", embeddings, labels, head)
    np.testing.assert_array_equal(columns.scores(embeddings), embeddings @ head.T)
    whitened = Matcher.fit("whitened", embeddings, labels, head)
    moved = Whitening.fit(embeddings, labels)(embeddings)
    np.testing.assert_array_equal(
        whitened.scores(embeddings), moved @ mean_templates(moved, labels, 4).T
    )


def test_columns_need_a_head() -> None:
    known = gallery_of(2, 2)
    with pytest.raises(ValueError, match="a head has to be trained"):
        Matcher.fit("columns", known.embeddings, known.labels)


def test_what_is_known_of_a_network_is_needed_to_normalise() -> None:
    known = gallery_of(2, 2)
    with pytest.raises(ValueError, match="nothing is known of this network"):
        Matcher.fit("normalised", known.embeddings, known.labels)


def test_means_are_normalised_where_they_can_be() -> None:
    known = gallery_of(4, 6, spread=0.4)
    faces, labels = known.embeddings, known.labels
    small = embeddings(np.random.default_rng(8), faces, 0.2)
    means, few = (mean_templates(each, labels, 4) for each in (faces, small))
    found = Matcher.of_means(faces, labels, small, KNOWN)
    expected = Templates(means, few, KNOWN).scores(faces)
    np.testing.assert_array_equal(found.scores(faces), expected)
    plain = Matcher.of_means(faces, labels, small, None)
    np.testing.assert_array_equal(plain.scores(faces), faces @ means.T)
