"""A living gallery beside a comparison: small views come, go, and take part in what is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from living_people import Cast, living, made_before, unit
from support import comparison_of

from knownface.recognition.comparison import Comparison, Templates
from knownface.recognition.living import moving
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import SeenFace
from knownface.stats.vectors import mean_templates

CAST = Cast(12)
KNOWN = comparison_of(slope=0.17)


def from_further_away(faces: Sequence[SeenFace]) -> list[SeenFace]:
    return [replace(face, small=unit(face.embedding[::-1] + 0.1)) for face in faces]


@pytest.fixture
def gallery(tmp_path: Path) -> LivingGallery:
    """A to D with three photos each, of which nothing is known from further away."""
    folder = living(tmp_path / "recognizer", CAST, 4, 3).folder
    KNOWN.write(folder / "comparison.npz")
    return LivingGallery(folder, from_further_away)


def expected(gallery: LivingGallery) -> np.ndarray:
    """Small views as they should be: of what was enrolled since, and what stands for the others."""
    known = gallery.read().gallery
    new = from_further_away([CAST.face(p, n) for p in (0, 8) for n in (7, 8, 9)])
    views = {face.digest: face.small for face in new}
    rows = zip(known.digests, known.embeddings, strict=True)
    return np.stack([views.get(digest, embedding) for digest, embedding in rows])


def test_what_is_enrolled_is_seen_from_further_away(gallery: LivingGallery) -> None:
    gallery.enroll("A", [CAST.face(0, 7)])
    gallery.correct(CAST.face(0, 8), is_="A")
    gallery.enroll("New", [CAST.face(8, 7), CAST.face(8, 8)])
    known = gallery.read().gallery
    assert known.small is not None
    np.testing.assert_array_equal(known.small, expected(gallery))
    assert not np.array_equal(known.small, known.embeddings)
    gallery.undo()
    again = gallery.read().gallery
    np.testing.assert_array_equal(again.small, expected(gallery))
    assert len(again.photos) == len(known.photos) - 2


def test_what_is_taken_away_comes_back_with_it(gallery: LivingGallery) -> None:
    gallery.enroll("A", [CAST.face(0, 7)])
    number = next(face.id for face in gallery.faces("A") if face.source == "0-7.jpg")
    gallery.remove(number)
    gallery.undo()
    np.testing.assert_array_equal(gallery.read().gallery.small, expected(gallery))


def test_the_standing_is_that_of_the_comparison(tmp_path: Path) -> None:
    folder = living(tmp_path / "many", Cast(24, spread=0.2), 12, 3).folder
    KNOWN.write(folder / "comparison.npz")
    gallery = LivingGallery(folder, from_further_away)
    gallery.enroll("A", [CAST.face(0, 7), CAST.face(0, 8)])
    found, known = gallery.standing(), gallery.read()
    people, small = known.gallery, expected(gallery)
    best = people.scores(known.strangers).max(1)
    assert found.far == np.mean(best >= found.threshold)
    right = []
    for row in known.tested:
        rest = np.setdiff1d(np.arange(len(people.labels)), [row])
        means, smalls = (
            mean_templates(each[rest], people.labels[rest], 12)
            for each in (people.embeddings, small)
        )
        compared = Templates(means, smalls, Comparison.beside(gallery.path))
        scores = compared.scores(people.embeddings[[row]])[0]
        right.append(scores.argmax() == people.labels[row] and scores.max() >= found.threshold)
    assert found.dir == pytest.approx(np.mean(right))
    assert 0 < np.mean(right) < 1
    assert found.far > 0


def test_a_file_of_an_earlier_version_gets_the_column(gallery: LivingGallery) -> None:
    made_before(gallery.path)
    known = gallery.read().gallery
    np.testing.assert_array_equal(known.small, known.embeddings)
    gallery.enroll("A", [CAST.face(0, 7)])
    np.testing.assert_array_equal(gallery.read().gallery.small, expected(gallery))


def test_another_network_and_training_again_bring_their_own(
    gallery: LivingGallery, tmp_path: Path
) -> None:
    def seen(portraits: list[bytes], _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        every = [CAST.face(p, n) for p in range(12) for n in range(12)]
        known = {face.portrait: np.roll(face.embedding, 1) for face in every}
        vectors = np.stack([known[portrait] for portrait in portraits])
        return vectors, unit(vectors + 0.2)

    moving.copy(gallery.path, tmp_path / "backup")
    other = living(tmp_path / "other", CAST, 2, 2, contract="another")
    KNOWN.write(other.folder / "comparison.npz")
    moving.restore(tmp_path / "backup", other.path, seen)
    found = other.read().gallery
    np.testing.assert_allclose(found.small, unit(found.embeddings + 0.2), atol=1e-6)
    trained = living(tmp_path / "trained", CAST, 4, 3)
    KNOWN.write(trained.folder / "comparison.npz")
    gallery.enroll("A", [CAST.face(0, 7)])
    before, now = (unit(np.eye(1, 32, place))[0] for place in (3, 4))
    for path, small in ((gallery.path, before), (trained.path, now)):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE faces SET small = ? WHERE id = 1", (small.tobytes(),))
    moving.carry_over(gallery.path, trained.path, seen)
    known = trained.read().gallery
    wanted = expected(trained)
    wanted[known.digests.index(CAST.face(0, 0).digest)] = now
    np.testing.assert_array_equal(known.small, wanted)
