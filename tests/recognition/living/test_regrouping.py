"""Faces of a pile in a gallery: gathered once, and grouped as often as wanted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from living_people import Cast, living

from knownface.errors import KnownfaceError
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import SeenFace
from knownface.recognition.living.regrouping import (
    FREE,
    Pile,
    copy_people,
    gather,
    photos_of_people,
    regroup,
    say,
)


@pytest.fixture
def cast() -> Cast:
    return Cast(6)


@pytest.fixture
def gallery(tmp_path: Path, cast: Cast) -> LivingGallery:
    """A and B are known, with two photos each; of four others, three photos each were gathered."""
    found = living(tmp_path / "run", cast, 2, 2)
    gather(found.path, [of(cast, tmp_path, p, n) for p in range(2, 6) for n in range(3)])
    return found


def of(cast: Cast, folder: Path, person: int, number: int) -> SeenFace:
    face = cast.face(person, number)
    return replace(face, source=str(folder / face.source))


def truth(pile: Pile, cast: Cast) -> np.ndarray:
    """Of each face, the person of the cast."""
    return np.asarray((pile.embeddings @ cast.centres.T).argmax(1))


def group(gallery: LivingGallery, cast: Cast) -> Pile:
    pile = Pile.read(gallery.path)
    assert regroup(gallery.path, pile, truth(pile, cast), "grouped")
    return Pile.read(gallery.path)


def test_what_was_gathered_is_nobody_s_until_it_is_grouped(
    gallery: LivingGallery, cast: Cast
) -> None:
    pile = Pile.read(gallery.path)
    assert len(pile.ids) == 2 * 2 + 4 * 3
    assert (pile.now != FREE).sum() == 4
    assert ((pile.said == FREE) == (pile.now == FREE)).all()
    assert photos_of_people(gallery.path) == []
    group(gallery, cast)
    assert [len(each.faces) for each in photos_of_people(gallery.path)] == [3] * 4
    assert [person.photos for person in gallery.people("unknown")] == [3] * 4
    assert gallery.history()[0].text == "grouped"


def test_a_photo_is_gathered_once_and_found_again_elsewhere(
    gallery: LivingGallery, cast: Cast, tmp_path: Path
) -> None:
    face = of(cast, tmp_path, 2, 0)
    assert gather(gallery.path, [face]) == 0
    elsewhere = replace(face, source=str(tmp_path / "moved" / "photo.jpg"))
    assert gather(gallery.path, [elsewhere]) == 0
    group(gallery, cast)
    sources = [source for each in photos_of_people(gallery.path) for _, source, _ in each.faces]
    assert elsewhere.source in sources
    assert face.source not in sources


def test_a_photo_of_a_training_brings_its_other_faces(
    gallery: LivingGallery, cast: Cast, tmp_path: Path
) -> None:
    """One was enrolled of it; the place is the pile's from then on."""
    enrolled = cast.face(0, 0)
    other = replace(cast.face(4, 7), digest=enrolled.digest, source=str(tmp_path / "party.jpg"))
    assert gather(gallery.path, [replace(enrolled, source=other.source), other]) == 1
    group(gallery, cast)
    (theirs,) = [each for each in photos_of_people(gallery.path) if each.name == "A"]
    assert [source for _, source, _ in theirs.faces] == [other.source]


def test_people_stay_who_they_were(gallery: LivingGallery, cast: Cast, tmp_path: Path) -> None:
    before = group(gallery, cast)
    gather(gallery.path, [of(cast, tmp_path, person, 9) for person in (2, 3)])
    after = group(gallery, cast)
    known = {int(face): int(person) for face, person in zip(before.ids, before.now, strict=True)}
    assert all(known.get(int(f), int(p)) == p for f, p in zip(after.ids, after.now, strict=True))
    assert len(after.ids) == len(before.ids) + 2
    assert set(after.now.tolist()) == set(before.now.tolist())


def test_what_somebody_said_is_not_moved(gallery: LivingGallery, cast: Cast) -> None:
    """Not even where the grouping has it otherwise."""
    pile = group(gallery, cast)
    number = int(pile.now[truth(pile, cast) == 2][0])
    gallery.name(number, "Ann")
    pile = Pile.read(gallery.path)
    assert ((pile.said != FREE) == (truth(pile, cast) <= 2)).all()
    everything = np.where(pile.said == FREE, 9, truth(pile, cast))
    assert regroup(gallery.path, pile, everything, "all others are one")
    after = Pile.read(gallery.path)
    assert len(gallery.faces("Ann")) == 3
    assert len(set(after.now[after.said == FREE].tolist())) == 1
    assert gallery.person("Ann").id == number


def test_faces_are_kept_apart(gallery: LivingGallery, cast: Cast, tmp_path: Path) -> None:
    """Two of one photo, and one that is not somebody from those who are."""
    one = of(cast, tmp_path, 2, 20)
    other = replace(of(cast, tmp_path, 3, 20), digest=one.digest, source=one.source)
    gather(gallery.path, [one, other])
    pile = group(gallery, cast)
    gallery.name(int(pile.now[truth(pile, cast) == 4][0]), "Ann")
    gallery.correct(of(cast, tmp_path, 4, 0), not_="Ann")
    pile = Pile.read(gallery.path)
    of_photo, refused = pile.apart
    assert set(truth(pile, cast)[of_photo].tolist()) == {2, 3}
    assert pile.now[refused[0]] == FREE
    assert pile.said[refused[1]] == gallery.person("Ann").id
    assert len(pile.apart) == 2


def test_a_change_in_between_is_noticed(gallery: LivingGallery, cast: Cast) -> None:
    pile = group(gallery, cast)
    gallery.name(int(pile.now[pile.now != FREE][-1]), "Ann")
    assert not regroup(gallery.path, pile, np.zeros(len(pile.ids), int), "too late")
    assert len(gallery.people()) == 3


def test_nobody_s_faces_have_no_person(gallery: LivingGallery, cast: Cast) -> None:
    pile = group(gallery, cast)
    groups = np.where(truth(pile, cast) == 5, FREE, truth(pile, cast))
    assert regroup(gallery.path, pile, groups, "one shows little")
    assert len(gallery.people("unknown")) == 3
    assert (Pile.read(gallery.path).now == FREE).sum() == 3


def test_folders_say_who_faces_are(gallery: LivingGallery, cast: Cast) -> None:
    pile = group(gallery, cast)
    rows = np.flatnonzero(truth(pile, cast) == 2)
    other = int(pile.now[truth(pile, cast) == 3][0])
    say(gallery.path, {int(pile.ids[rows[0]]): "Ann", int(pile.ids[rows[1]]): other}, "moved")
    assert len(gallery.faces("Ann")) == 1
    assert gallery.person(other).photos == 4
    with pytest.raises(KnownfaceError, match="no name"):
        say(gallery.path, {int(pile.ids[rows[2]]): "a/b"}, "moved")
    assert len(gallery.people()) == 3


def test_a_copy_knows_the_people_for_good(
    gallery: LivingGallery, cast: Cast, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.sqlite"
    copy_people(gallery.path, copy)
    pile = Pile.read(copy)
    assert (pile.said[pile.now != FREE] == pile.now[pile.now != FREE]).all()
    assert copy.stat().st_mode & 0o077 == 0
    assert not gallery.faces("A")[0].said
