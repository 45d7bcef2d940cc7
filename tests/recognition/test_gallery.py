"""Templates per person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support import embeddings, gallery_of, with_small

from knownface.recognition.comparison import Templates
from knownface.recognition.gallery import Gallery
from knownface.stats.vectors import mean_templates

RNG = np.random.default_rng(5)


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def gallery() -> Gallery:
    centres = unit(RNG.normal(size=(3, 16)))
    labels = np.repeat([0, 1, 2], 4)
    embeddings = unit(centres[labels] + 0.1 * RNG.normal(size=(12, 16)))
    photos = [f"{'ABC'[label]}/{i}.jpg" for i, label in enumerate(labels)]
    return Gallery.enroll(
        ("أ", "B b", "C"), embeddings, labels, photos, [f"{i:032x}" for i in range(12)]
    )


def test_templates_are_unit_means() -> None:
    known = gallery()
    for person in range(3):
        expected = unit(known.embeddings[known.labels == person].mean(0))
        np.testing.assert_allclose(known.templates[person], expected, atol=1e-6)


def test_match_is_the_highest_cosine() -> None:
    known = gallery()
    probes = unit(RNG.normal(size=(50, 16)))
    best, cosines = known.match(probes)
    expected = probes @ known.templates.T
    assert (best == expected.argmax(1)).all()
    np.testing.assert_allclose(cosines, expected.max(1))
    assert (known.match(known.embeddings)[0] == known.labels).all()


def test_nearest_photos_are_sorted_and_of_that_person() -> None:
    known = gallery()
    probe = known.embeddings[5]
    nearest = known.nearest_photos(probe, 1, 10)
    assert nearest[0] == known.photos[5]
    cosines = [float(known.embeddings[known.photos.index(photo)] @ probe) for photo in nearest]
    assert cosines == sorted(cosines, reverse=True)
    assert all(photo.startswith("B/") for photo in nearest)
    assert len(nearest) == 4


def first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Another value in the first place."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array.flat[0] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("templates", lambda a: a * 1000, "templates must be finite and of unit length"),
        ("templates", first(np.nan), "templates must be finite and of unit length"),
        ("embeddings", first(-np.inf), "embeddings must be finite and of unit length"),
        ("embeddings", lambda a: a * np.float32(1e38), "embeddings must be finite"),
        ("embeddings", lambda a: np.array(0.5), "embeddings must be rows of numbers"),
        ("embeddings", lambda a: unit(a[:, :8]), "of different networks"),
        ("embeddings", lambda a: a[1:], "differ in number"),
        ("labels", first(3), "labels must name each of the people, and nobody else"),
        ("labels", first(-1), "labels must name each of the people, and nobody else"),
        ("labels", np.zeros_like, "labels must name each of the people, and nobody else"),
        ("labels", lambda a: a.astype(float), "labels must be whole numbers"),
        ("labels", lambda a: np.array(7), "labels must be whole numbers"),
        ("people", lambda a: ("A", "A", "B"), "names twice"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    name: str, change: Callable[[np.ndarray], np.ndarray], words: str
) -> None:
    known = gallery()
    with pytest.raises(ValueError, match=words):
        replace(known, **{name: change(getattr(known, name))})


def test_a_person_without_photos_is_refused() -> None:
    with pytest.raises(ValueError, match="without any usable embedding"):
        mean_templates(np.ones((2, 4)), np.array([0, 0]), 2)
    with pytest.raises(ValueError, match="names twice"):
        Gallery(("A", "A"), np.eye(2), np.eye(2), np.array([0, 1]), ("a", "b"), ("c", "d"))


def test_more_photos_give_what_all_together_would() -> None:
    whole = gallery()
    first, more = np.arange(12) % 4 < 3, np.arange(12) % 4 == 3
    part = Gallery.enroll(
        whole.people, whole.embeddings[first], whole.labels[first],
        [whole.photos[i] for i in np.flatnonzero(first)],
        [whole.digests[i] for i in np.flatnonzero(first)],
    )  # fmt: skip
    rows = np.flatnonzero(more)
    grown = part.with_photos(
        whole.embeddings[rows], whole.labels[rows],
        [whole.photos[i] for i in rows], [whole.digests[i] for i in rows],
    )  # fmt: skip
    np.testing.assert_allclose(grown.templates, whole.templates, atol=1e-6)
    assert sorted(grown.photos) == sorted(whole.photos)
    assert len(part.photos) == 9  # a value: the first gallery stays as it was


def test_a_column_moves_towards_new_photos_as_a_mean_would() -> None:
    whole = gallery()
    columns = unit(whole.templates + 0.3 * RNG.normal(size=whole.templates.shape))
    head = Gallery.enroll(
        whole.people, whole.embeddings, whole.labels, whole.photos, whole.digests, columns
    )
    new = whole.embeddings[:1]
    moved = head.with_photos(new, whole.labels[:1], ["new.jpg"], ["f" * 32])
    np.testing.assert_allclose(moved.templates[1:], columns[1:], atol=1e-6)
    before, after = columns[0] @ new[0], moved.templates[0] @ new[0]
    assert before < after < 1
    assert moved.templates[0] @ columns[0] > 0.9


def test_photos_are_taken_back_as_they_were_added() -> None:
    """Also where the templates are no means of their photos."""
    everyone, rng = gallery_of(5, 8), np.random.default_rng(3)
    columns = embeddings(rng, everyone.templates, 0.05)
    rows = np.flatnonzero(np.arange(40) % 8 < 6)
    others = np.setdiff1d(np.arange(40), rows)
    for templates in (None, columns):
        before = Gallery.enroll(
            everyone.people, everyone.embeddings[rows], everyone.labels[rows],
            [everyone.photos[i] for i in rows], [everyone.digests[i] for i in rows], templates, "a",
        )  # fmt: skip
        after = before.with_photos(
            everyone.embeddings[others], everyone.labels[others],
            [everyone.photos[i] for i in others], [everyone.digests[i] for i in others],
        )  # fmt: skip
        again = after.only(np.arange(len(rows)))
        assert np.allclose(again.templates, before.templates, atol=1e-5)
        assert again.photos == before.photos
        assert again.contract == "a"


def test_another_network_moves_means_to_means_and_others_with_them() -> None:
    known, rng = gallery_of(4, 6), np.random.default_rng(5)
    seen = embeddings(rng, known.embeddings, 0.02)
    moved = known.seen_by(seen, "b")
    assert moved.contract == "b"
    assert np.allclose(moved.templates, mean_templates(seen, known.labels, 4), atol=1e-6)
    turn, upper = np.linalg.qr(np.eye(32) + 0.01 * rng.normal(size=(32, 32)))
    turn *= np.sign(upper.diagonal())  # a small one, and no reflection
    head = replace(known, templates=embeddings(rng, known.templates, 0.05))
    turned = head.seen_by((known.embeddings @ turn).astype(np.float32), "b")
    cosines = (turned.templates * (head.templates @ turn)).sum(1)
    assert cosines.min() > 0.99


# ---------------------------------------------------------------- with a comparison
def of_rows(known: Gallery, rows: np.ndarray) -> Gallery:
    """Enrolled from scratch with some of the photos."""
    assert known.small is not None
    return Gallery.enroll(
        known.people, known.embeddings[rows], known.labels[rows],
        [known.photos[i] for i in rows], [known.digests[i] for i in rows],
        small=known.small[rows], comparison=known.comparison,
    )  # fmt: skip


def test_small_faces_are_compared_with_small_templates() -> None:
    known = with_small(gallery_of(6, 5, spread=0.3))
    assert known.small is not None
    faces = embeddings(np.random.default_rng(9), np.zeros((50, 32)), 1.0)
    small = mean_templates(known.small, known.labels, 6)
    expected = Templates(known.templates, small, known.comparison).scores(faces)
    np.testing.assert_allclose(known.scores(faces), expected, atol=1e-6)
    without = replace(known, small=None).scores(faces)
    assert known.comparison is not None
    little = known.comparison.is_small(faces)
    np.testing.assert_allclose(without[~little], expected[~little], atol=1e-6)
    assert np.abs(without[little] - expected[little]).max() > 0.01
    best, similarity = known.match(faces)
    np.testing.assert_array_equal(best, expected.argmax(1))
    np.testing.assert_allclose(similarity, expected.max(1), atol=1e-6)


def test_photos_come_and_go_as_if_all_were_enrolled_at_once() -> None:
    known = with_small(gallery_of(5, 8, spread=0.3))
    assert known.small is not None
    faces = embeddings(np.random.default_rng(9), np.zeros((50, 32)), 1.0)
    rows = np.flatnonzero(np.arange(40) % 8 < 6)
    others = np.setdiff1d(np.arange(40), rows)
    part = of_rows(known, rows)
    grown = part.with_photos(
        known.embeddings[others], known.labels[others], [known.photos[i] for i in others],
        [known.digests[i] for i in others], small=known.small[others],
    )  # fmt: skip
    np.testing.assert_allclose(grown.scores(faces), known.scores(faces), atol=1e-4)
    np.testing.assert_allclose(
        grown.only(np.arange(30)).scores(faces), part.scores(faces), atol=1e-4
    )
    np.testing.assert_allclose(known.of_photos(rows).scores(faces), part.scores(faces), atol=1e-6)
    np.testing.assert_allclose(
        known.of_photos(np.arange(40) % 8 < 6).scores(faces), part.scores(faces), atol=1e-6
    )


def test_photos_without_small_views_stand_for_themselves() -> None:
    """As those do that were enrolled before there were any."""
    known = with_small(gallery_of(3, 4))
    new = known.embeddings[:2]
    grown = known.with_photos(new, known.labels[:2], ["a", "b"], ["a", "b"])
    assert grown.small is not None
    assert known.small is not None
    np.testing.assert_array_equal(grown.small, np.concatenate([known.small, new]))


def test_each_photo_is_tested_without_itself_also_as_a_small_one() -> None:
    known = with_small(gallery_of(4, 3, spread=0.4))
    assert known.comparison is not None
    scores, labels = known.scores_without_itself()
    little = known.comparison.is_small(known.embeddings)
    assert 2 <= little.sum() <= 10
    for row, face in enumerate(known.embeddings):
        rest = of_rows(known, np.setdiff1d(np.arange(12), [row]))
        np.testing.assert_allclose(scores[row], rest.scores(face[None])[0], atol=1e-5)
    np.testing.assert_array_equal(labels, known.labels)


def test_a_network_in_another_precision_is_compared_in_the_same_way() -> None:
    known = with_small(gallery_of(4, 3))
    moved = known.seen_by(known.embeddings, "b", known.small)
    assert moved.contract == "b"
    np.testing.assert_allclose(
        moved.scores(known.embeddings), known.scores(known.embeddings), atol=1e-5
    )


def test_what_is_known_of_a_network_is_not_known_of_another() -> None:
    known = with_small(gallery_of(4, 3))
    with pytest.raises(ValueError, match="of different networks"):
        replace(gallery(), comparison=known.comparison)
    with pytest.raises(ValueError, match="as many embeddings"):
        replace(known, small=known.embeddings[:3])
    with pytest.raises(ValueError, match="small must be finite"):
        replace(known, small=2 * known.embeddings)
