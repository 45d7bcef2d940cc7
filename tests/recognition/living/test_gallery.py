"""People come and go: every change by itself, what it says, and taking it back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from living_people import Cast, answer, living, unit

from knownface.errors import KnownfaceError
from knownface.recognition.living.gallery import LivingGallery

CAST = Cast(12)


@pytest.fixture
def gallery(tmp_path: Path) -> LivingGallery:
    """A to H, of whom B looks like A, D like C; I to L are strangers."""
    return living(tmp_path / "recognizer", CAST, 8, 4)


def content(gallery: LivingGallery) -> dict[str, list[tuple[object, ...]]]:
    """What the file says of people."""
    with sqlite3.connect(gallery.path) as database:
        return {
            table: database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("people", "aliases", "faces", "templates", "constraints")
        }


# ---------------------------------------------------------------- enrolling
def test_a_newcomer_is_named_from_then_on(gallery: LivingGallery) -> None:
    assert answer(gallery, CAST.face(8, 9)) is None
    change = gallery.enroll("New one", [CAST.face(8, i) for i in range(3)])
    assert change.text == "New one is new, with 3 photos"
    assert answer(gallery, CAST.face(8, 9)) == "New one"
    record = json.loads((gallery.folder / "recognizer.json").read_text())
    assert "New one" in record["people"]


def test_a_name_that_is_almost_one_that_is_known_is_pointed_out(gallery: LivingGallery) -> None:
    first = gallery.enroll("Katherine", [CAST.face(8, i) for i in range(3)])
    assert not any("who you mean" in note for note in first.warnings)
    for name, change in (
        ("katherine", lambda: gallery.correct(CAST.face(9, 0), is_="katherine")),
        ("Katerine", lambda: gallery.enroll("Katerine", [CAST.face(10, 0)])),
    ):
        assert f"If Katherine is who you mean by {name}, undo this" in change().warnings
        gallery.undo()
    for number, name in enumerate(("Bartholomew", "Katherine"), 8):
        notes = gallery.correct(CAST.face(number, 5), is_=name).warnings
        assert not any("who you mean" in note for note in notes)


def test_names_and_counts_are_those_of_the_people(gallery: LivingGallery) -> None:
    people = gallery.people()
    assert gallery.names() == [person.name for person in people]
    assert (gallery.count(), gallery.count("unknown")) == (len(people), 0)


def test_templates_are_those_of_all_photos_together(gallery: LivingGallery) -> None:
    gallery.enroll("A", [CAST.face(0, i) for i in range(4, 7)])
    known = gallery.read().gallery
    own = known.embeddings[known.labels == 0]
    assert len(own) == 7
    np.testing.assert_allclose(known.templates[0], unit(own.sum(0)), atol=1e-6)


def test_a_template_that_is_no_mean_stays_none(tmp_path: Path) -> None:
    plain = living(tmp_path / "plain", CAST, 3, 4)
    known = plain.read().gallery
    from living_people import written

    columns = unit(known.templates + 0.2)
    tuned = written(tmp_path / "tuned", replace(known, templates=columns, corrections=None))
    np.testing.assert_allclose(tuned.read().gallery.templates, columns, atol=1e-6)
    change = tuned.enroll("A", [CAST.face(0, 9)])
    tuned.undo(change.id)
    np.testing.assert_allclose(tuned.read().gallery.templates, columns, atol=1e-6)


def test_what_looks_wrong_is_said(gallery: LivingGallery) -> None:
    twin = gallery.enroll("Twin", [replace(CAST.face(0, i), digest=str(i)) for i in (7, 8)])
    assert any("Twin looks like A" in warning for warning in twin.warnings)
    other = gallery.enroll("Twin", [CAST.face(5, 9)])
    assert any("does not look like the other photos of Twin" in w for w in other.warnings)
    again = gallery.enroll("Twin", [CAST.face(5, 9), replace(CAST.face(0, 9), digest="9")])
    assert "5-9.jpg is enrolled as Twin already" in again.warnings
    with pytest.raises(KnownfaceError, match=r"nothing to add; 5-9\.jpg is enrolled as Twin"):
        gallery.enroll("Twin", [CAST.face(5, 9)])


def test_an_enrolled_photo_is_not_taken_from_somebody(gallery: LivingGallery) -> None:
    with pytest.raises(KnownfaceError, match=r"0-0.jpg is enrolled as A and was left there"):
        gallery.enroll("B", [CAST.face(0, 0)])


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", ".x", "a\nb", "a\\b", "x" * 101, "\0"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str, gallery: LivingGallery) -> None:
    before = content(gallery)
    with pytest.raises(KnownfaceError, match="is no name"):
        gallery.enroll(name, [CAST.face(8, 0)])
    assert content(gallery) == before


# ---------------------------------------------------------------- correcting
def test_a_face_is_who_somebody_said(gallery: LivingGallery) -> None:
    face = CAST.face(0, 9)
    change = gallery.correct(face, is_="G")
    assert answer(gallery, face) == "G"
    assert answer(gallery, replace(face, digest="a copy"), digest=False) == "G"
    assert change.cause is not None
    assert change.cause.person == "A"
    assert change.cause.without == "A"


def test_the_photo_that_caused_a_mistake_is_found(gallery: LivingGallery) -> None:
    """One of two photos of Wrong shows somebody else, whose next photo is named so."""
    gallery.enroll("Wrong", [replace(CAST.face(8, 0), source="guilty.jpg"), CAST.face(10, 0)])
    change = gallery.correct(CAST.face(8, 9), not_="Wrong")
    assert change.cause is not None
    assert change.cause.photo == "guilty.jpg"
    assert change.cause.without != "Wrong"
    assert "guilty.jpg" in "\n".join(change.lines())


def test_a_face_is_never_who_it_is_not(gallery: LivingGallery) -> None:
    face = CAST.face(0, 0)  # an enrolled one
    gallery.correct(face, not_="A")
    assert answer(gallery, face) != "A"
    assert answer(gallery, face, digest=False) != "A"
    assert answer(gallery, CAST.face(0, 1)) == "A"
    with pytest.raises(KnownfaceError, match="is known not to be A already"):
        gallery.correct(face, not_="A")
    gallery.correct(face, is_="A")  # what is said later counts
    assert answer(gallery, face) == "A"


def test_nobody_is_never_named(gallery: LivingGallery) -> None:
    face = CAST.face(9, 0)
    gallery.enroll("I", [CAST.face(8, i) for i in range(3)])
    assert answer(gallery, face) == "I"  # they look alike
    gallery.correct(face, nobody=True)
    assert answer(gallery, face) == "ignored"
    assert answer(gallery, CAST.face(9, 1)) == "ignored"
    assert answer(gallery, CAST.face(8, 9)) == "I"
    assert [person.state for person in gallery.people("ignored")] == ["ignored"]


@pytest.mark.parametrize("said", [{}, {"is_": "A", "nobody": True}, {"is_": "A", "not_": "B"}])
def test_one_thing_is_said_of_a_face(said: dict[str, object], gallery: LivingGallery) -> None:
    with pytest.raises(KnownfaceError, match="say one thing about a face"):
        gallery.correct(CAST.face(0, 0), **said)  # type: ignore[arg-type]


def test_the_last_photo_stays(tmp_path: Path) -> None:
    gallery = living(tmp_path / "recognizer", CAST, 2, 1)
    for change in (
        lambda: gallery.correct(CAST.face(0, 0), not_="A"),
        lambda: gallery.correct(CAST.face(0, 0), is_="B"),
        lambda: gallery.remove(gallery.faces("A")[0].id),
    ):
        with pytest.raises(KnownfaceError, match="it is the only photo of A"):
            change()


# ---------------------------------------------------------------- who is who
def test_merged_people_stay_merged(gallery: LivingGallery) -> None:
    gallery.merge("B", "A")
    assert [person.name for person in gallery.people()] == list("ACDEFGH")
    assert gallery.person("B").name == "A"  # the name leads there
    gallery.enroll("B", [CAST.face(1, 9)])
    assert len(gallery.faces("A")) == 9
    with pytest.raises(KnownfaceError, match=r"somebody is called B already \(merged into A"):
        gallery.rename("C", "B")


def test_people_said_to_be_two_are_never_merged(gallery: LivingGallery) -> None:
    gallery.never_same("A", "B")
    gallery.merge("C", "B")
    with pytest.raises(KnownfaceError, match="were said to be two people"):
        gallery.merge("C", "A")  # which is B now
    with pytest.raises(KnownfaceError, match="are two people already"):
        gallery.never_same("B", "A")


def test_split_people_stay_split(gallery: LivingGallery) -> None:
    some = [face.id for face in gallery.faces("A")[:2]]
    gallery.split("A", some, "Half")
    assert {face.id for face in gallery.faces("Half")} == set(some)
    with pytest.raises(KnownfaceError, match="were said to be two people"):
        gallery.merge("Half", "A")
    with pytest.raises(KnownfaceError, match="these are all faces of Half"):
        gallery.split("Half", some, "Other")
    with pytest.raises(KnownfaceError, match="is none of theirs"):
        gallery.split("A", some, "Other")


def test_a_face_that_is_not_somebody_keeps_two_apart(gallery: LivingGallery) -> None:
    gallery.correct(CAST.face(0, 0), not_="A")
    gallery.correct(CAST.face(0, 0), is_="B")
    with pytest.raises(KnownfaceError, match="was said not to be A"):
        gallery.merge("A", "B")


def test_details_of_a_person(gallery: LivingGallery) -> None:
    face = gallery.faces("C")[-1].id
    gallery.born("C", "1990-12-31")
    gallery.feature("C", face)
    person = gallery.person("C")
    assert (person.born, person.featured, person.photos) == ("1990-12-31", face, 4)
    assert person.alike[0][0] == "D"
    for wrong in ("31.12.1990", "2990-01-01"):
        with pytest.raises(KnownfaceError, match="is no birth date"):
            gallery.born("C", wrong)
    with pytest.raises(KnownfaceError, match="nobody is called 'Zoe'; known are A, B, C, D, E, "):
        gallery.person("Zoe")


# ---------------------------------------------------------------- undo
CHANGES: dict[str, Callable[[LivingGallery], object]] = {
    "enroll": lambda g: g.enroll("New", [CAST.face(8, 0), CAST.face(8, 1)]),
    "is": lambda g: g.correct(CAST.face(0, 0), is_="B"),
    "is new": lambda g: g.correct(CAST.face(9, 0), is_="New"),
    "not": lambda g: g.correct(CAST.face(0, 0), not_="A"),
    "nobody": lambda g: g.correct(CAST.face(0, 0), nobody=True),
    "rename": lambda g: g.rename("A", "Z"),
    "merge": lambda g: g.merge("A", "B"),
    "split": lambda g: g.split("A", [g.faces("A")[0].id], "Z"),
    "remove": lambda g: g.remove(g.faces("A")[0].id),
    "feature": lambda g: g.feature("A", g.faces("A")[2].id),
    "born": lambda g: g.born("A", "2001-02-03"),
    "never same": lambda g: g.never_same("A", "B"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_taken_back_whole(what: str, gallery: LivingGallery) -> None:
    before = content(gallery)
    CHANGES[what](gallery)
    changed = content(gallery)
    assert changed != before
    done = gallery.undo()
    assert done.text.startswith("Undone: ")
    assert content(gallery) == before
    assert [entry.undone for entry in gallery.history()] == [False, True]
    with pytest.raises(KnownfaceError, match="there is nothing to undo"):
        gallery.undo()


def test_changes_are_taken_back_in_any_order_that_makes_sense(gallery: LivingGallery) -> None:
    before = content(gallery)
    first = gallery.merge("A", "B")
    second = gallery.born("H", "2001-02-03")
    third = gallery.rename("B", "Z")
    with pytest.raises(KnownfaceError, match=rf"cannot be undone before change {third.id} \(B is"):
        gallery.undo(first.id)
    gallery.undo(second.id)
    gallery.undo(third.id)
    gallery.undo(first.id)
    assert content(gallery) == before


def test_history_holds_no_portraits_of_faces_that_only_move(gallery: LivingGallery) -> None:
    portrait = np.random.default_rng(0).bytes(5000)
    many = [replace(CAST.face(8, number), portrait=portrait) for number in range(40)]
    gallery.enroll("New", many)
    before, size = content(gallery), gallery.path.stat().st_size
    gallery.merge("New", "A")
    gallery.undo()
    assert content(gallery) == before
    assert gallery.path.stat().st_size - size < len(many) * len(portrait) / 2


def test_a_name_in_use_again_is_not_brought_back_twice(gallery: LivingGallery) -> None:
    first = gallery.enroll("New", [CAST.face(8, 0)])
    gallery.undo(first.id)
    with pytest.raises(KnownfaceError, match=f"change {first.id} cannot be undone"):
        gallery.undo(first.id)


# ---------------------------------------------------------------- the test at each change
def test_each_change_says_what_it_does_to_known_faces_and_strangers(
    gallery: LivingGallery,
) -> None:
    change = gallery.never_same("A", "B")
    assert (change.before.known, change.before.strangers) == (8, 4)
    assert change.before == change.after
    worse = gallery.merge("E", "A")
    assert worse.after.dir is not None
    assert worse.before.dir is not None
    assert worse.after.dir < worse.before.dir
    assert "before: 100.0% of 8 known faces named" in worse.lines()[-1]
    accepting = gallery.enroll("Stranger", [CAST.face(10, i) for i in range(1, 4)])
    assert accepting.before.far == 0
    assert accepting.after.far is not None
    assert accepting.after.far > 0


# ---------------------------------------------------------------- the file
def test_threads_and_readers_see_whole_changes(gallery: LivingGallery) -> None:
    def work(number: int) -> int:
        other = LivingGallery(gallery.folder)
        change = other.enroll(f"Person {number}", [CAST.face(8, number), CAST.face(9, number)])
        assert other.read().gallery.people
        return change.id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(16)))
    assert len(set(ids)) == 16
    assert gallery.number == 1 + 16
    assert len(gallery.people()) == 8 + 16


@pytest.mark.parametrize("how", ["missing", "cut", "text", "other", "trigger", "vector", "newer"])
def test_a_damaged_file_is_one_sentence(how: str, gallery: LivingGallery) -> None:
    path = gallery.path
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif how == "text":
        path.write_text("no gallery at all, but long enough for a header" * 20)
    else:
        statement = {
            "other": "CREATE TABLE more (a)",
            "trigger": "CREATE TRIGGER t AFTER INSERT ON faces BEGIN DELETE FROM people; END",
            "vector": "UPDATE faces SET embedding = zeroblob(128) WHERE id = 1",
            "newer": "PRAGMA user_version = 99",
        }[how]
        with sqlite3.connect(path) as database:
            database.execute(statement)
    for use in (gallery.read, lambda: gallery.rename("A", "Z")):
        with pytest.raises(KnownfaceError, match=r"gallery\.sqlite: ") as caught:
            use()
        assert len(str(caught.value).splitlines()) == 1


def test_nobody_is_left(tmp_path: Path) -> None:
    gallery = living(tmp_path / "recognizer", CAST, 1, 2)
    gallery.forget("A")
    assert gallery.people() == []
    assert answer(gallery, CAST.face(0, 0)) is None
    gallery.enroll("B", [CAST.face(1, 0)])
    assert answer(gallery, CAST.face(1, 0)) == "B"
