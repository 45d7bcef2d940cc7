"""What is said of groups of unknown faces holds: when they are grouped again, and until undone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from living_people import Cast, grouped, living
from typer.testing import CliRunner

from knownface.cli.commands import app
from knownface.errors import KnownfaceError
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.regrouping import Pile, gather

CAST = Cast(12)


def said(gallery: LivingGallery, person: int | None) -> set[bool]:
    """What is noted of the faces of somebody, or of nobody."""
    with sqlite3.connect(gallery.path) as database:
        rows = database.execute("SELECT said FROM faces WHERE person IS ?", (person,))
        return {bool(row[0]) for row in rows}


def content(gallery: LivingGallery) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(gallery.path) as database:
        return {
            table: database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("people", "aliases", "faces", "templates", "constraints")
        }


@pytest.fixture
def gallery(tmp_path: Path) -> LivingGallery:
    """A and B are known."""
    return living(tmp_path / "recognizer", CAST, 2, 3)


@pytest.fixture
def three(gallery: LivingGallery) -> list[int]:
    """Three people without a name, of four, two and one faces."""
    return grouped(gallery, CAST, [[(4, i) for i in range(4)], [(6, 0), (6, 1)], [(8, 0)]])


def test_what_is_no_face_is_never_grouped_nor_shown(
    gallery: LivingGallery, three: list[int]
) -> None:
    before = content(gallery)
    change = gallery.not_a_face(three[1])
    assert change.text == f"2 are no faces: the unknown person {three[1]} is gone"
    assert [each.id for each in gallery.people("unknown")] == [three[0], three[2]]
    assert said(gallery, None) == {True}
    assert not content(gallery)["constraints"]
    pile = Pile.read(gallery.path)
    assert len(pile.ids) == 6 + 4 + 1
    gather(gallery.path, [CAST.face(6, 0)])  # the photo is found again
    assert len(Pile.read(gallery.path).ids) == len(pile.ids)
    gallery.undo()
    assert content(gallery) == before
    with pytest.raises(KnownfaceError, match="A is known"):
        gallery.not_a_face(gallery.person("A").id)


def test_a_face_that_was_said_to_be_none_is_forgotten_with_its_person(
    gallery: LivingGallery,
) -> None:
    (wrong,) = grouped(gallery, CAST, [[(0, 7)]])  # A's
    face = CAST.face(0, 7)
    gallery.not_a_face(wrong)
    receipt = gallery.forget("A")
    assert receipt.faces == 3 + 1
    assert receipt.searched["found"] == 0
    assert face.embedding.tobytes() not in gallery.path.read_bytes()
    assert face.digest.encode() not in gallery.path.read_bytes()


def test_faces_that_are_taken_out_are_somebody_else(
    gallery: LivingGallery, three: list[int]
) -> None:
    before = content(gallery)
    faces = [each.id for each in gallery.faces(three[0])]
    change = gallery.part(three[0], faces[:1])
    new = max(each.id for each in gallery.people("unknown"))
    assert change.text == (
        f"1 face of the unknown person {three[0]} is somebody else: the unknown person {new}"
    )
    assert [each.id for each in gallery.faces(new)] == faces[:1]
    assert (said(gallery, new), said(gallery, three[0])) == ({False}, {True})
    with pytest.raises(KnownfaceError, match="was said not to be"):
        gallery.merge(new, three[0])
    pile = Pile.read(gallery.path)
    taken = int(np.flatnonzero(pile.ids == faces[0])[0])
    against = {int(pile.said[other]) for one, other in pile.apart if one == taken}
    assert against == {three[0]}  # grouping again knows it, too
    gallery.undo()
    assert content(gallery) == before


def test_a_known_person_loses_faces_that_are_not_theirs(gallery: LivingGallery) -> None:
    faces = [each.id for each in gallery.faces("A")]
    gallery.feature("A", faces[0])
    gallery.part("A", faces[:2])
    (new,) = gallery.people("unknown")
    assert (new.photos, gallery.person("A").photos) == (2, 1)
    assert gallery.person("A").featured == faces[2]
    for none in (faces[2:], [], [999]):
        with pytest.raises(KnownfaceError, match=r"A: (no face|face 999)|all faces of A"):
            gallery.part("A", none)


@pytest.mark.parametrize(
    "say",
    [
        lambda gallery, one, other: gallery.merge(other, one),
        lambda gallery, one, other: gallery.never_same(one, other),
    ],
)
def test_of_two_unknown_people_all_faces_are_said(
    say: Callable[[LivingGallery, int, int], object], gallery: LivingGallery, three: list[int]
) -> None:
    before = content(gallery)
    say(gallery, three[0], three[1])
    assert said(gallery, three[0]) == {True}
    assert said(gallery, three[1]) <= {True}
    assert said(gallery, three[2]) == {False}
    gallery.undo()
    assert content(gallery) == before


def test_a_known_person_is_not_said_for_being_merged(
    gallery: LivingGallery, three: list[int]
) -> None:
    gallery.never_same("A", three[0])
    assert said(gallery, gallery.person("A").id) == {False}
    assert said(gallery, three[0]) == {True}


@pytest.mark.parametrize(
    "say", [lambda gallery, who: gallery.name(who, "C"), lambda gallery, who: gallery.ignore(who)]
)
def test_naming_and_ignoring_say_it_of_all_faces(
    say: Callable[[LivingGallery, int], object], gallery: LivingGallery, three: list[int]
) -> None:
    say(gallery, three[0])
    assert said(gallery, three[0]) == {True}


def test_what_is_said_of_the_merged_names_no_name_that_there_is_not(
    gallery: LivingGallery, three: list[int]
) -> None:
    change = gallery.merge(three[1], three[0])
    assert change.text == (
        f"The unknown person {three[1]} is the unknown person {three[0]}: 2 faces moved"
    )


def test_a_name_is_kept_whoever_is_merged_into_whom(
    gallery: LivingGallery, three: list[int]
) -> None:
    gallery.merge("A", three[0])
    assert gallery.person("A").photos == 3 + 4
    assert gallery.count("unknown") == 2


def test_in_the_shell_people_without_a_name_have_numbers(
    gallery: LivingGallery, three: list[int]
) -> None:
    def shell(*words: object) -> str:
        done = CliRunner().invoke(app, ["people", *map(str, words)])
        assert done.exit_code == 0, done.stderr
        return done.stdout

    first, second, third = three
    faces = [each.id for each in gallery.faces(first)]
    shown = shell("faces", gallery.folder, first)
    assert [int(line.split()[0]) for line in shown.splitlines() if line] == faces
    shell("part", gallery.folder, first, *faces[:2])
    assert gallery.person(first).photos == 2
    shell("not-a-face", gallery.folder, second)
    shell("merge", gallery.folder, third, first)
    assert gallery.person(first).photos == 3
    gallery.rename("A", str(first))  # a name is a name
    assert "1-0" not in shell("faces", gallery.folder, first)
    assert "0-0" in shell("faces", gallery.folder, first)
