"""A pile of photos becomes folders, and what somebody says of them stays said."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import knownface

import knownface as api
from knownface.cluster.folders import Copy, Folders
from knownface.errors import KnownfaceError
from knownface.faces.photo import digest_of
from knownface.recognition.living.gallery import LivingGallery

PHOTOS = 8  # of each person


@pytest.fixture(scope="module")
def pile(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of five people in one folder, whose names say nothing; `truth` knows."""
    folder = tmp_path_factory.mktemp("pile")
    for person in sorted(people.iterdir()):
        for photo in sorted(person.iterdir())[:PHOTOS]:
            shutil.copy(photo, folder / f"{_number(person.name, photo.name)}.jpg")
    return folder


@pytest.fixture(scope="module")
def truth(people: Path) -> Callable[[Path], str]:
    names = {
        f"{_number(person.name, photo.name)}.jpg": person.name
        for person in people.iterdir() for photo in person.iterdir()
    }  # fmt: skip
    return lambda photo: names[photo.name]


def _number(*names: str) -> int:
    return sum(ord(letter) * 31**at for at, letter in enumerate("/".join(names)[::-1])) % 10**9


@pytest.fixture(scope="module")
def grouped(pile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sorted") / "people"
    api.group(pile, out=out)
    return out


@pytest.fixture
def sorted_photos(grouped: Path, tmp_path: Path) -> Path:
    return shutil.copytree(grouped, tmp_path / "sorted", symlinks=True)


def photos(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*.jpg") if ".knownface" not in path.parts
    )  # fmt: skip


def largest(folder: Path) -> list[Path]:
    folders = {path.parent for path in photos(folder) if path.parent.name.startswith("person-")}
    return sorted(folders, key=lambda each: (-len(list(each.iterdir())), each.name))


def whose(folder: Path, truth: Callable[[Path], str]) -> str:
    return Counter(truth(photo) for photo in folder.iterdir()).most_common(1)[0][0]


def test_every_photo_lies_with_its_person(
    grouped: Path, pile: Path, truth: Callable[[Path], str]
) -> None:
    found = photos(grouped)
    assert {photo.name for photo in found} == {photo.name for photo in pile.iterdir()}
    of_folders = Counter((photo.parent, truth(photo)) for photo in found)
    right = sum(max(of_folders[key] for key in of_folders if key[0] == folder)
                for folder in {key[0] for key in of_folders})  # fmt: skip
    assert right >= 0.95 * len(found)
    five = largest(grouped)[:5]
    assert {whose(folder, truth) for folder in five} == {truth(photo) for photo in found}
    assert five[0].name == "person-0001"  # the lower the number, the more photos


def test_folders_are_for_their_owner(grouped: Path) -> None:
    for path in (grouped, grouped / ".knownface", *largest(grouped)):
        assert path.stat().st_mode & 0o077 == 0


def test_calling_again_changes_nothing(sorted_photos: Path, pile: Path) -> None:
    before = {photo: photo.stat().st_mtime_ns for photo in photos(sorted_photos)}
    again = api.group(pile, out=sorted_photos)
    assert (again.new, again.moved) == (0, 0)
    assert {photo: photo.stat().st_mtime_ns for photo in photos(sorted_photos)} == before


def test_a_name_said_stays_and_new_photos_join_it(
    sorted_photos: Path, pile: Path, people: Path, tmp_path: Path, truth: Callable[[Path], str]
) -> None:
    first = largest(sorted_photos)[0]
    person, number = whose(first, truth), int(first.name.removeprefix("person-"))
    LivingGallery(sorted_photos).name(number, "Ann")
    more = shutil.copytree(pile, tmp_path / "more")
    unseen = sorted((people / person).iterdir())[PHOTOS]
    shutil.copy(unseen, more / "new.jpg")
    again = api.group([pile, more / "new.jpg"], out=sorted_photos)
    assert (again.new, again.unreadable) == (1, 0)
    assert [each.name for each in again.people if each.name] == ["Ann"]
    assert (sorted_photos / "Ann" / "new.jpg").read_bytes() == unseen.read_bytes()
    assert not first.exists()
    assert [each.name for each in api.people(sorted_photos)] == ["Ann"]


def test_a_renamed_folder_and_a_moved_photo_are_said(sorted_photos: Path, pile: Path) -> None:
    first, second = largest(sorted_photos)[:2]
    first.rename(sorted_photos / "Ann")
    moved = sorted(second.iterdir())[0]
    moved.rename(sorted_photos / "Ann" / moved.name)
    mine = sorted_photos / "Ann" / "notes.txt"
    mine.write_text("mine")
    number = len(list((sorted_photos / "Ann").glob("*.jpg")))
    again = api.group(pile, out=sorted_photos)
    assert again.moved == number
    ann = next(each for each in again.people if each.name == "Ann")
    assert (ann.folder, ann.faces) == ("Ann", number)
    assert len(list((sorted_photos / "Ann").glob("*.jpg"))) == number
    assert not (second / moved.name).exists()
    assert mine.read_text() == "mine"
    assert api.group(pile, out=sorted_photos).moved == 0


def test_what_was_deleted_stays_deleted(sorted_photos: Path, pile: Path) -> None:
    gone = sorted(largest(sorted_photos)[0].iterdir())[0]
    gone.unlink()
    for _ in range(2):
        api.group(pile, out=sorted_photos)
        assert not gone.exists()


def test_a_name_given_moves_the_photos_and_nothing_that_was_done_to_them_is_lost(
    sorted_photos: Path, pile: Path
) -> None:
    """A photo was deleted and another dragged elsewhere before the folder got its name."""
    first, second = largest(sorted_photos)[:2]
    deleted, dragged, *others = sorted(first.iterdir())
    files = {photo.name: photo.stat().st_ino for photo in others}
    deleted.unlink()
    dragged.rename(second / dragged.name)
    LivingGallery(sorted_photos).name(int(first.name.removeprefix("person-")), "Ann")
    again = api.group(pile, out=sorted_photos)
    assert again.moved == 1
    assert {p.name: p.stat().st_ino for p in (sorted_photos / "Ann").iterdir()} == files
    assert (second / dragged.name).is_file()
    assert not first.exists()
    assert len(photos(sorted_photos)) == len(list(pile.iterdir())) - 1


def test_an_interruption_between_writing_and_noting_says_nothing_of_anybody(
    sorted_photos: Path, pile: Path
) -> None:
    noted = sorted_photos / ".knownface" / "copies.json"
    before = noted.read_bytes()
    first = largest(sorted_photos)[0]
    LivingGallery(sorted_photos).name(int(first.name.removeprefix("person-")), "Ann")
    api.group(pile, out=sorted_photos)
    there = photos(sorted_photos)
    noted.write_bytes(before)
    assert api.group(pile, out=sorted_photos).moved == 0
    assert photos(sorted_photos) == there
    noted.write_text("damaged")
    assert api.group(pile, out=sorted_photos).moved == 0
    assert photos(sorted_photos) == there


def test_photos_of_one_name_change_places(tmp_path: Path) -> None:
    """What lies where another photo is to lie gives way, and is not lost; what is changed stays."""
    sources = []
    for number in range(3):
        source = tmp_path / f"album {number}" / "IMG_1.jpg"
        source.parent.mkdir()
        source.write_bytes(b"photo %d" % number)
        sources.append(source)
    digests = [digest_of(source.read_bytes()) for source in sources]

    def copies(*folders: str) -> list[Copy]:
        return [
            Copy(Path(folder) / "IMG_1.jpg", source, digest, face)
            for face, (folder, source, digest) in enumerate(
                zip(folders, sources, digests, strict=False), 1
            )
        ]

    def lie(*folders: str) -> bool:
        return [(out / each / "IMG_1.jpg").read_bytes() for each in folders] == [
            source.read_bytes() for source in sources[: len(folders)]
        ]

    out, memory = tmp_path / "out", tmp_path / "memory"
    out.mkdir()
    Folders(out, memory, links=False).write(copies("A", "B", "C"))
    assert lie("A", "B", "C")
    Folders(out, memory, links=False).write(copies("B", "C", "A"))
    assert lie("B", "C", "A")
    (out / "B" / "IMG_1.jpg").write_bytes(b"somebody's own")
    Folders(out, memory, links=False).write(copies("C", "A"))
    assert lie("C", "A")
    assert (out / "B" / "IMG_1.jpg").read_bytes() == b"somebody's own"
    Folders(out, memory, links=True).write(copies("A", "C"))
    assert lie("A", "C")


def test_an_ignored_group_has_no_folder(sorted_photos: Path, pile: Path) -> None:
    last = largest(sorted_photos)[-1]
    number, faces = int(last.name.removeprefix("person-")), len(list(last.iterdir()))
    LivingGallery(sorted_photos).ignore(number)
    again = api.group(pile, out=sorted_photos)
    assert again.ignored >= faces
    assert not last.exists()


def test_who_was_told_apart_stays_apart(
    sorted_photos: Path, pile: Path, truth: Callable[[Path], str]
) -> None:
    """Half of somebody's photos are said to be somebody else."""
    first = largest(sorted_photos)[0]
    gallery = LivingGallery(sorted_photos)
    number = int(first.name.removeprefix("person-"))
    gallery.name(number, "Ann")
    half = [face.id for face in gallery.faces("Ann")][::2]
    gallery.split("Ann", half, "Not Ann")
    again = api.group(pile, out=sorted_photos)
    assert {each.name: each.faces for each in again.people if each.name} == {
        "Ann": len(gallery.faces("Ann")), "Not Ann": len(half),
    }  # fmt: skip


def test_a_forgotten_person_has_no_folder(sorted_photos: Path, pile: Path) -> None:
    first = largest(sorted_photos)[0]
    gallery = LivingGallery(sorted_photos)
    gallery.name(int(first.name.removeprefix("person-")), "Ann")
    api.group(pile, out=sorted_photos)
    assert (sorted_photos / "Ann").is_dir()
    receipt = api.forget(sorted_photos, "Ann")
    assert receipt.searched["found"] == 0
    assert not (sorted_photos / "Ann").exists()
    api.group(pile, out=sorted_photos)  # nobody looks at the photos again
    assert not first.exists()
    assert not (sorted_photos / "Ann").exists()
    for path in (sorted_photos / ".knownface").glob("*.[jt]*"):
        assert "Ann" not in path.read_text()


def test_a_pile_without_faces_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "nobody"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    done = knownface("group", folder, "--out", tmp_path / "out", "--backbone", "mini",
                     "--faces", "cropped")  # fmt: skip
    assert done.returncode == 2
    assert "no photo shows a face" in done.stderr


def test_a_name_that_is_no_text_costs_its_photo_alone(pile: Path, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    odd, *others = sorted(pile.iterdir())[:4]
    for photo in others:
        shutil.copy(photo, folder)
    shutil.copy(odd, os.path.join(os.fsencode(folder), b"Jos\xe9.jpg"))
    done = knownface("group", folder, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0
    assert "Jos\\xe9.jpg: its name is not UTF-8; rename it" in done.stderr
    document = json.loads(done.stdout)
    assert (document["photos"], document["unreadable"]) == (len(others), 1)


def test_wrong_use_is_one_sentence(grouped: Path, pile: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ([tmp_path / "nowhere", "--out", tmp_path / "out"], "nowhere"),
        ([pile, "--out", pile / "inside"], "lies among the photos"),
        ([pile, "--out", grouped, "--backbone", "mini"], "was grouped with mobilefacenet"),
        ([pile, "--out", grouped, "--faces", "cropped"], "faces"),
        ([pile, "--out", tmp_path / "out", "--recognizer", tmp_path], "recognizer"),
    ):
        done = knownface("group", *arguments, "--quiet")
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("links", [False, True], ids=["folders", "links"])
def test_no_pile_is_poured_into_folders_that_were_not_grouped(
    links: bool, people: Path, pile: Path, tmp_path: Path
) -> None:
    out = tmp_path / "lab"
    if links:
        out.mkdir()
        for person in people.iterdir():
            (out / person.name).symlink_to(person)
    else:
        shutil.copytree(people, out)
    before = sorted(out.rglob("*"))
    done = knownface("group", pile, "--out", out, "--quiet")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--out {out}: holds folders of photos that were not grouped there" in done.stderr
    assert "name another folder" in done.stderr
    assert "--recognizer RUN" in done.stderr
    assert sorted(out.rglob("*")) == before
    assert [each.name for each in tmp_path.iterdir()] == ["lab"]


def test_people_of_a_recogniser_get_their_names(
    run_folder: Path, people: Path, pile: Path, tmp_path: Path, truth: Callable[[Path], str]
) -> None:
    found = api.group(pile, out=tmp_path / "out", recognizer=run_folder, links=True)
    named = [each for each in found.people if each.name]
    assert {each.name for each in named} == {person.name for person in people.iterdir()}
    for each in named:
        assert {truth(photo) for photo in (tmp_path / "out" / each.folder).iterdir()} == {each.name}
    link = next((tmp_path / "out" / named[0].folder).iterdir())
    assert link.is_symlink()
    assert link.resolve().parent == pile.resolve()


def test_folders_that_were_copied_are_ours_still(
    sorted_photos: Path, pile: Path, tmp_path: Path
) -> None:
    """As `cp -r` copies them, with the date of today; what somebody changed there is theirs."""
    copied = shutil.copytree(sorted_photos, tmp_path / "copied", copy_function=shutil.copy)
    first = largest(copied)[0]
    changed = sorted(first.iterdir())[0]
    changed.write_bytes(changed.read_bytes() + b"changed")
    LivingGallery(copied).name(int(first.name.removeprefix("person-")), "Ann")
    api.group(pile, out=copied)
    assert [photo.name for photo in first.iterdir()] == [changed.name]
    assert len(list((copied / "Ann").iterdir())) == len(LivingGallery(copied).faces("Ann"))


def test_what_has_no_name_is_not_left_to_expire(grouped: Path) -> None:
    done = knownface("serve", grouped, "--keep-days", 30, "--port", 0)
    assert done.returncode == 2
    assert "who have no name yet" in done.stderr


def test_json_says_the_same(sorted_photos: Path, pile: Path) -> None:
    done = knownface("group", pile, "--out", sorted_photos, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["faces"] >= 5 * PHOTOS
    assert sum(each["faces"] for each in document["people"]) == (
        document["faces"] - document["unclear"] - document["ignored"]
    )


def test_a_recogniser_without_people_knows_nobody(grouped: Path, pile: Path) -> None:
    """What `group` remembers is a recogniser like any other."""
    photo = next(pile.iterdir())
    (answer,) = api.recognize(grouped, photo)
    assert {face.name for face in answer.faces} == {None}
    assert api.people(grouped) == []
    with pytest.raises(KnownfaceError, match="nobody is called"):
        LivingGallery(grouped).person("Ann")


def test_an_index_is_sorted_as_its_photos_are(
    pile: Path, tmp_path: Path, truth: Callable[[Path], str]
) -> None:
    pytest.importorskip("pyarrow")
    api.index(pile, out=tmp_path / "index", workers=1)
    found = api.group(tmp_path / "index", out=tmp_path / "out")
    assert found.photos == found.new == len(list(pile.iterdir()))
    five = largest(tmp_path / "out")[:5]
    assert len({whose(folder, truth) for folder in five}) == 5
    assert api.group(tmp_path / "index", out=tmp_path / "out").new == 0
    done = knownface(
        "group", tmp_path / "index", "--out", tmp_path / "b", "--backbone", "mini", "-q"
    )
    assert done.returncode == 2
    assert "is of mobilefacenet" in done.stderr
