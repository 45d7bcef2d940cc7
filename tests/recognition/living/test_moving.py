"""One file holds everything about people; restored, also with another network, it is all there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from living_people import WIDTH, Cast, answer, living

from knownface.errors import KnownfaceError
from knownface.recognition.living import moving
from knownface.recognition.living.gallery import LivingGallery

CAST = Cast(12)


def turned(portraits: list[bytes], frames: np.ndarray) -> tuple[np.ndarray, None]:
    """Another network: each face's direction, turned by one."""
    faces = [CAST.face(person, number) for person in range(12) for number in range(12)]
    known = {face.portrait: np.roll(face.embedding, 1) for face in faces}
    assert frames.shape == (len(portraits), 14)
    return np.stack([known[portrait] for portrait in portraits]), None


@pytest.fixture
def gallery(tmp_path: Path) -> LivingGallery:
    gallery = living(tmp_path / "recognizer", CAST, 4, 3)
    gallery.rename("A", "Ann")
    gallery.never_same("B", "C")
    gallery.correct(CAST.face(3, 9), is_="B")
    gallery.correct(CAST.face(3, 0), not_="D")
    gallery.correct(CAST.face(8, 0), nobody=True)
    return gallery


def look(gallery: LivingGallery) -> None:
    """What was said in `gallery` holds."""
    from dataclasses import replace

    contract = gallery.read().gallery.contract
    other = contract != "one network"

    def seen(person: int, number: int) -> str | None:
        face = CAST.face(person, number)
        turned_ = replace(face, embedding=np.roll(face.embedding, 1)) if other else face
        return answer(gallery, turned_)

    assert [person.name for person in gallery.people()] == ["Ann", "B", "C", "D"]
    assert gallery.person("A").name == "Ann"
    assert seen(0, 9) == "Ann"
    assert seen(3, 9) == "B"
    assert seen(3, 0) != "D"
    assert seen(8, 0) == "ignored"
    with pytest.raises(KnownfaceError, match="were said to be two people"):
        gallery.merge("B", "C")


def test_a_backup_is_restored_elsewhere(gallery: LivingGallery, tmp_path: Path) -> None:
    moving.copy(gallery.path, tmp_path / "backup")
    elsewhere = living(tmp_path / "elsewhere", CAST, 2, 2)
    before = elsewhere.number
    assert moving.restore(tmp_path / "backup", elsewhere.path, turned) == (14, 0)
    assert elsewhere.number > before  # so that who has it open reads it again
    look(elsewhere)
    assert elsewhere.undo().text.endswith("is nobody, and is never named")


def test_another_network_sees_the_kept_faces(gallery: LivingGallery, tmp_path: Path) -> None:
    moving.copy(gallery.path, tmp_path / "backup")
    elsewhere = living(tmp_path / "elsewhere", CAST, 2, 2, contract="another")
    with sqlite3.connect(tmp_path / "backup") as database:
        database.execute("UPDATE faces SET portrait = NULL WHERE source = 'C/2-0.jpg'")
    assert moving.restore(tmp_path / "backup", elsewhere.path, turned) == (13, 1)
    look(elsewhere)
    with pytest.raises(KnownfaceError, match="nothing to undo"):
        elsewhere.undo()
    assert len(elsewhere.read().strangers) == 10  # the new network's own


def test_what_is_no_backup_changes_nothing(gallery: LivingGallery, tmp_path: Path) -> None:
    before = gallery.path.read_bytes()
    for content in (b"", b"text", b"SQLite format 3\0" + b"\0" * 4000):
        (tmp_path / "wrong").write_bytes(content)
        with pytest.raises(KnownfaceError, match="wrong: not a usable gallery"):
            moving.restore(tmp_path / "wrong", gallery.path, turned)
    assert gallery.path.read_bytes() == before
    assert gallery.read().gallery.templates.shape[1] == WIDTH


def test_training_again_keeps_what_was_said(gallery: LivingGallery, tmp_path: Path) -> None:
    gallery.enroll("Kim", [CAST.face(9, 0), CAST.face(9, 1)])
    gallery.merge("D", "C")
    fresh = living(tmp_path / "fresh", CAST, 5, 4, contract="another")
    with sqlite3.connect(fresh.path) as database:
        for row, vector in database.execute("SELECT id, embedding FROM faces").fetchall():
            new = np.roll(np.frombuffer(vector, "<f4"), 1).tobytes()
            database.execute("UPDATE faces SET embedding = ? WHERE id = ?", (new, row))
    came = moving.carry_over(gallery.path, fresh.path, turned)
    assert came == (2, 4, 0)  # Ann's folder is A; Kim has no folder
    known = [person.name for person in fresh.people()]
    assert known == ["Ann", "B", "C", "E", "Kim"]
    assert fresh.person("D").name == "C"
    assert len(fresh.faces("Kim")) == 2
    assert len(fresh.faces("Ann")) == 4
    assert "Trained again" in fresh.history()[0].text
    assert fresh.read().gallery.contract == "another"
