"""Files of an earlier version: read as they are, and brought up to date by the first change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from living_people import Cast, answer, living, made_before

from knownface.errors import KnownfaceError
from knownface.recognition.living import moving, schema
from knownface.recognition.living.gallery import LivingGallery

CAST = Cast(12)


@pytest.fixture
def gallery(tmp_path: Path) -> LivingGallery:
    gallery = living(tmp_path / "recognizer", CAST, 4, 3)
    made_before(gallery.path)
    return gallery


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def test_dates_lie_in_the_file(tmp_path: Path) -> None:
    gallery = living(tmp_path / "recognizer", CAST, 2, 2)
    gallery.enroll("A", [CAST.face(0, 7)])
    assert gallery.read().gallery.taken == (1e9, 1.01e9, 1e9, 1.01e9, 1.07e9)


@pytest.mark.parametrize("writable", [False, True])
def test_reading_changes_nothing(
    writable: bool, gallery: LivingGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gallery.path.read_bytes()
    monkeypatch.setattr("os.access", lambda *_: writable)
    assert gallery.read().gallery.taken == (None,) * 12
    assert len(gallery.faces("A")) == 3
    assert gallery.path.read_bytes() == before


def test_the_first_change_brings_it_up_to_date(gallery: LivingGallery) -> None:
    gallery.enroll("New", [CAST.face(8, 1)])
    assert version(gallery.path) == schema.VERSION
    assert gallery.read().gallery.taken == (*(None,) * 12, 1.01e9)
    gallery.undo()
    assert answer(gallery, CAST.face(8, 1)) is None
    assert gallery.read().gallery.taken == (None,) * 12


def test_a_change_that_fails_leaves_it_as_it_was(gallery: LivingGallery) -> None:
    before = gallery.path.read_bytes()
    with pytest.raises(KnownfaceError):
        gallery.rename("A", "B")
    assert gallery.path.read_bytes() == before


def test_a_removed_face_comes_back_into_the_new_table(gallery: LivingGallery) -> None:
    gallery.remove(gallery.faces("A")[0].id)
    made_before(gallery.path)
    gallery.undo()
    assert len(gallery.faces("A")) == 3


def test_it_is_restored_and_trained_again(gallery: LivingGallery, tmp_path: Path) -> None:
    def never(_: object, __: object) -> None:
        raise AssertionError("the network is the same")

    moving.copy(gallery.path, tmp_path / "backup")
    elsewhere = living(tmp_path / "elsewhere", CAST, 2, 2)
    moving.restore(tmp_path / "backup", elsewhere.path, never)
    assert elsewhere.names() == ["A", "B", "C", "D"]
    trained = living(tmp_path / "trained", CAST, 4, 3)
    moving.carry_over(gallery.path, trained.path, never)
    assert trained.read().gallery.taken == (1e9, 1.01e9, 1.02e9) * 4


def test_a_date_that_is_none_is_said(tmp_path: Path) -> None:
    gallery = living(tmp_path / "recognizer", CAST, 2, 2)
    with closing(sqlite3.connect(gallery.path)) as database, database:
        database.execute("UPDATE faces SET taken = 'yesterday' WHERE id = 1")
    with pytest.raises(KnownfaceError, match="not a usable gallery"):
        gallery.read()
