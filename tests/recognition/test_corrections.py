"""What was said of faces overrules templates: by photo and place, by likeness, person by person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from living_people import unit
from support import gallery_of

from knownface.recognition.corrections import Corrections, Said
from knownface.recognition.gallery import Gallery
from knownface.recognition.standing import measure

BOX, BESIDE, NEARLY = (10.0, 10.0, 50.0, 60.0), (70.0, 10.0, 50.0, 60.0), (14.0, 8.0, 48.0, 62.0)


@pytest.fixture
def gallery() -> Gallery:
    return gallery_of(6, 5)


NOBODY, NONE = np.zeros((0, 32), np.float32), np.zeros(0, np.int64)


def corrected(gallery: Gallery, **said: object) -> Gallery:
    return replace(
        gallery, corrections=replace(Corrections(NOBODY, NONE, NOBODY, NONE, NOBODY), **said)
    )


def named(gallery: Gallery, face: np.ndarray, *photo: object) -> tuple[int, float, bool]:
    best, similarity, ignored = gallery.named(face[None], 0.5, *photo)  # type: ignore[arg-type]
    return int(best[0]), float(similarity[0]), bool(ignored[0])


def test_nothing_said_changes_nothing(gallery: Gallery) -> None:
    plain = gallery.named(gallery.embeddings, 0.5)
    said = corrected(gallery).named(gallery.embeddings, 0.5)
    for one, other in zip(plain, said, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_photo_is_known_by_content_and_place(gallery: Gallery) -> None:
    """A network that sees nobody there changes nothing about it."""
    photos = {"photo": [Said(BOX, is_=3, not_=(1,)), Said(BESIDE, nobody=True)]}
    known, face = corrected(gallery, photos=photos), gallery.embeddings[0]
    assert named(known, face, "photo", [NEARLY]) == (3, 1.0, False)
    assert named(known, face, "photo", [BESIDE])[2]
    for photo in (("photo", [(300.0, 300.0, 50.0, 60.0)]), ("another", [BOX]), ()):
        assert named(known, face, *photo)[::2] == (0, False)


def test_who_it_is_not_is_the_next_best(gallery: Gallery) -> None:
    face = gallery.embeddings[0]
    order = np.argsort(-gallery.scores(face[None])[0])
    photos = {"photo": [Said(BOX, not_=(int(order[0]), int(order[1])))]}
    assert named(corrected(gallery, photos=photos), face, "photo", [BOX])[0] == order[2]


def test_a_rejected_face_speaks_for_faces_like_it_alone(gallery: Gallery) -> None:
    rng = np.random.default_rng(3)
    rejected = unit(gallery.templates[2] + 0.15 * rng.normal(size=32))
    known = corrected(gallery, refused=rejected[None], of=np.array([2]))
    like_it = unit(rejected + 0.02 * rng.normal(size=32))
    assert named(gallery, like_it)[0] == 2
    assert named(known, like_it)[0] != 2
    for own in gallery.embeddings[gallery.labels == 2]:
        assert named(known, own)[0] == 2


def test_a_name_that_was_given_holds_in_a_copy(gallery: Gallery) -> None:
    face = unit(np.random.default_rng(4).normal(size=32))
    known = corrected(gallery, said=face[None], whose=np.array([4]))
    copy = unit(face + 0.03 * np.random.default_rng(5).normal(size=32))
    person, similarity, _ = named(known, copy)
    assert person == 4
    assert similarity == pytest.approx(float(copy @ face))
    assert named(known, unit(np.random.default_rng(6).normal(size=32)))[1] < 0.85


def test_what_is_ignored_is_refused_as_itself_only(gallery: Gallery) -> None:
    ignored = unit(gallery.templates[2] + 0.2 * np.random.default_rng(7).normal(size=32))
    known = corrected(gallery, ignored=ignored[None])
    assert named(known, ignored)[2]
    assert not named(known, gallery.templates[2])[2]
    far = unit(np.random.default_rng(8).normal(size=32))
    assert not named(known, far)[2]  # below the threshold it is unknown, not ignored


def test_the_standing_tests_each_face_without_itself() -> None:
    gallery = gallery_of(5, 3, spread=0.3)
    sums = np.stack([gallery.embeddings[gallery.labels == p].sum(0) for p in range(5)])
    tested = np.arange(0, 15, 2)
    strangers = unit(np.random.default_rng(9).normal(size=(40, 32)))
    found = measure(gallery, sums.astype(np.float64), tested, strangers, gallery.templates[:0], 0.3)
    right = []
    for row in tested:
        others = np.arange(15) != row
        own = (gallery.labels == gallery.labels[row]) & others
        templates = gallery.templates.copy()
        templates[gallery.labels[row]] = unit(gallery.embeddings[own].sum(0))
        scores = templates @ gallery.embeddings[row]
        right.append(scores.argmax() == gallery.labels[row] and scores.max() >= 0.3)
    assert found.dir == pytest.approx(np.mean(right))
    assert 0 < np.mean(right) <= 1
    assert found.far == pytest.approx(((strangers @ gallery.templates.T).max(1) >= 0.3).mean())
    assert (found.known, found.strangers) == (8, 40)
