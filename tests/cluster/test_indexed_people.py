"""People in an index: photos, names and crops are the folder's, and no face is looked for twice."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs
import pytest
from command_line import knownface as shell
from command_line import refused
from PIL import Image

import knownface
from knownface.cluster import index_place
from knownface.cluster.index import Index
from knownface.cluster.indexed_people import people_of
from knownface.dataset.folder import FaceDataset, scan
from knownface.dataset.portraits import Portraits, collect_portraits
from knownface.embed.embedder import Embedder
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.crops import FaceCropper
from knownface.faces.detectors import load_detector
from knownface.faces.face import Crop, Detector, Face
from knownface.faces.picture import Picture


class Asked:
    """A detector that says which photos it was asked about, by their sizes."""

    def __init__(self, detector: Detector) -> None:
        self.detector, self.name, self.file = detector, detector.name, detector.file
        self.seen: list[tuple[int, int]] = []

    def find_faces(self, picture: Picture) -> list[Face]:
        self.seen.append((picture.width, picture.height))
        return self.detector.find_faces(picture)


@pytest.fixture(scope="module", autouse=True)
def nobody_to_fetch_from() -> Iterator[None]:
    """On an empty machine the detector is MTCNN, at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", "http://127.0.0.1:9")
        yield


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector()


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return frozen_pipeline("mini", faces="cropped")[1].embedder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people as folders have them, and an index of them; not to be changed."""
    place = tmp_path_factory.mktemp("indexed")
    knownface.demo(place / "demo", people=2, photos=4, strangers=1, seed=5)
    people = place / "people"
    for name, album in zip(("Zoë", "bob"), sorted((place / "demo/people").iterdir()), strict=True):
        shutil.copytree(album, people / name)
    first, second, third, *_ = sorted((people / "Zoë").iterdir())
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(first) as image:
        image.save(people / "Zoë" / "9 turned.jpg", exif=exif, quality=95)
        image.rotate(90, expand=True).save(people / "Zoë" / "on its side.png")
        both = Image.new("RGB", (image.width + 400, image.height))
        both.paste(image)
        with Image.open(sorted((people / "bob").iterdir())[0]) as other:
            both.paste(other.resize((400, 400)), (image.width, 0))
    both.resize((2 * both.width, 2 * both.height)).save(people / "Zoë" / "both.jpg", quality=95)
    for folder in (people / "bob" / "2019", people / "Zoë" / "A"):
        folder.mkdir()
    shutil.copy(second, people / "bob" / "2019" / "copy.jpg")
    shutil.move(third, people / "Zoë" / "A" / "b.jpg")
    Image.new("RGB", (90, 70), "white").save(people / "bob" / "nobody.png")
    (people / "bob" / "broken.jpg").write_text("no photo")
    (people / "notes.txt").write_text("no photo")
    knownface.index(people, out=place / "index", backbone="mini", workers=1)
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """The same, indexed where the test may change them."""
    shutil.copytree(made / "people", tmp_path / "people")
    return tmp_path


def index(place: Path, *photos: Path, faces: Any = "detect", name: str = "index") -> Path:
    knownface.index(photos, out=place / name, backbone="mini", workers=1, faces=faces)
    return place / name


def same_photos(found: FaceDataset, expected: FaceDataset) -> bool:
    np.testing.assert_array_equal(found.labels, expected.labels)
    return (found.people, found.names) == (expected.people, expected.names)


def read(people: FaceDataset, crop: Crop, detector: Any, embedder: Embedder) -> Portraits:
    return collect_portraits(people, FacePipeline(FaceCropper(crop, detector), embedder))


CROPS = [Crop("five_point", 112), Crop("box", 112, 0.3)]


@pytest.mark.parametrize("crop", CROPS, ids=lambda crop: crop.kind)
def test_crops_are_those_of_the_folder_and_nothing_is_looked_for(
    crop: Crop, made: Path, detector: Detector, embedder: Embedder
) -> None:
    asked = Asked(detector)
    folder, (indexed, _) = scan(made / "people"), people_of(made / "index")
    assert same_photos(indexed, folder)
    expected = read(folder, crop, detector, embedder)
    found = read(indexed, crop, asked, embedder)
    assert asked.seen == []
    assert (found.photos, found.digests, found.taken) == (
        expected.photos, expected.digests, expected.taken,
    )  # fmt: skip
    assert found.notes == expected.notes
    assert {"unreadable", "no_face", "several_faces"} <= {note.kind for note in found.notes}
    for name in ("crops", "embeddings", "boxes", "fingerprints", "labels"):
        one, other = (np.asarray(getattr(each, name)[:]) for each in (found, expected))
        np.testing.assert_array_equal(one, other, err_msg=name)


def test_what_changed_or_is_gone_is_said_or_looked_for_anew(
    place: Path, detector: Detector, embedder: Embedder, caplog: pytest.LogCaptureFixture
) -> None:
    people = place / "people"
    known = index(place, people)
    first, second, *_ = sorted((people / "bob").glob("*.jpg"))
    first.unlink()
    with Image.open(sorted((people / "Zoë").glob("*.jpg"))[0]) as image:
        image.resize((333, 333)).save(second)
    asked = Asked(detector)
    found = read(people_of(known)[0], CROPS[0], asked, embedder)
    assert asked.seen == [(333, 333)]
    assert f"1 of 14 photos are gone and left out, such as {first}" in caplog.text
    expected = read(scan(people), CROPS[0], detector, embedder)
    np.testing.assert_array_equal(np.asarray(found.crops[:]), np.asarray(expected.crops[:]))
    shutil.rmtree(people)
    with pytest.raises(KnownfaceError, match=r"index: none of its photos is where it was, such as"):
        people_of(known)


def test_an_index_may_lie_in_an_object_store(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = pyarrow.fs.SubTreeFileSystem(str(made), pyarrow.fs.LocalFileSystem())
    monkeypatch.setattr(index_place, "store", lambda address: (store, "index"))
    address = "s3://key:secret@bucket/index"
    people, strangers = people_of(address, address)
    assert same_photos(people, scan(made / "people"))
    assert strangers is not None
    assert same_photos(strangers, scan(made / "people", loose=True))
    done = shell("train", address, "--faces", "cropped", "--backbone", "mini")
    refused(done, "s3://bucket/index: its faces come from")


@pytest.mark.parametrize("loose", [False, True])
def test_names_come_in_the_folder_s_order(loose: bool, tmp_path: Path) -> None:
    files = ["b/1.jpg", "b/1/x.jpg", "b/10.jpg", "b/1 a/y.jpg", "B/c/d/2.jpg", "B/c.jpg", "a.jpg"]
    for name in files:
        (tmp_path / "all" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "all" / name)
    random.Random(0).shuffle(files)
    some = [tmp_path / "all" / name for name in files]
    for number, part in enumerate((some[:4], some[4:])):
        index(tmp_path, *part, faces="cropped")
        assert Index.open(tmp_path / "index").photo_count == (4, 7)[number]
    people, strangers = people_of(tmp_path / "index", tmp_path / "index")
    found = strangers if loose else people
    assert found is not None
    assert same_photos(found, scan(tmp_path / "all", loose))


def test_folders_and_photos_that_are_links_are_those_of_training(tmp_path: Path) -> None:
    people, elsewhere = tmp_path / "people", tmp_path / "elsewhere"
    for name in ("Ann", "Bob", "more"):
        (elsewhere / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(elsewhere / name / "1.png")
    (people / "Cy").mkdir(parents=True)
    (people / "Cy" / "1.png").symlink_to(elsewhere / "Ann" / "1.png")
    (people / "Cy" / "more").symlink_to(elsewhere / "more")  # which training does not follow
    (people / "Cy" / "again").symlink_to(people)
    for name, place in {"Ann": "Ann", "Bob": "Bob", ".no": "more", "@eaDir": "more"}.items():
        (people / name).symlink_to(elsewhere / place)
    (people / "all").symlink_to(people)
    (people / "gone").symlink_to(tmp_path / "nowhere")
    expected = scan(people)
    assert expected.people == ("Ann", "Bob", "Cy", "all")
    assert same_photos(people_of(index(tmp_path, people, faces="cropped"))[0], expected)


@pytest.mark.parametrize("inside", ["", "2019", "2019/01"])
@pytest.mark.parametrize("loose", [False, True])
def test_one_person_is_not_a_folder_of_people(loose: bool, inside: str, tmp_path: Path) -> None:
    people = tmp_path / "people"
    for name in (inside, "2020" if inside else ""):
        (people / "Ann" / name).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            Image.new("RGB", (8, 8)).save(people / "Ann" / name / f"{number}.png")
    known = index(tmp_path, people, faces="cropped")
    index(tmp_path, people / "Ann", faces="cropped")  # whatever is looked at again
    found = people_of(known, known)[loose]
    assert found is not None
    assert same_photos(found, scan(people, loose))
    assert found.people == ("Ann",)


def test_people_who_came_one_by_one_lie_in_the_folder_of_all(tmp_path: Path) -> None:
    people = tmp_path / "people"
    for name in ("Ann/2019", "Ann/2020", "Bob"):
        (people / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(people / name / "1.png")
    for name in ("Ann", "Bob"):
        known = index(tmp_path, people / name, faces="cropped")
    assert same_photos(people_of(known)[0], scan(people))
    shutil.rmtree(people / "Bob")  # who is left alone is one person still
    assert same_photos(people_of(known)[0], scan(people))


def test_an_index_of_before_folders_were_kept_is_read(made: Path, tmp_path: Path) -> None:
    known = shutil.copytree(made / "index", tmp_path / "index")
    record = json.loads((known / "index.json").read_text())
    assert record.pop("folders") == [str(made / "people")]
    (known / "index.json").write_text(json.dumps(record))
    assert same_photos(people_of(known)[0], scan(made / "people"))


@pytest.mark.parametrize("names", [("Ann/1.jpg", "Bob/1.jpg"), ("Ann.jpg", "Bob.jpg")])
def test_people_may_have_an_index_of_somebody_else_beside_them(
    names: Sequence[str], tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "index.json").write_text('{"Ann": 1}')
    assert people_of(tmp_path)[0].people == ("Ann", "Bob")


PILES: list[tuple[Sequence[str], str]] = [
    (("IMG_0001.jpg", "IMG_0002.jpg"), "no photos in sub-folders"),
    (("one/Ann/1.jpg", "two/Bob/1.jpg"), "one and two hold folders instead of photos"),
]


@pytest.mark.parametrize(("files", "why"), PILES, ids=["a flat pile", "several folders"])
def test_where_nobody_is_a_folder_group_makes_them(
    files: Sequence[str], why: str, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    known = index(tmp_path, *(tmp_path / name for name in files), faces="cropped")
    for verb in ("train", "check"):
        done = shell(verb, known, "--faces", "cropped")
        refused(
            done, f"{known}: its photos do not lie in one folder per person ({tmp_path}: {why})",
            f"or sort these with knownface group {known} --out DIR",
        )  # fmt: skip


@pytest.mark.parametrize("verb", ["train", "check"])
def test_group_makes_the_folders_of_a_flat_folder_too(verb: str, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "IMG_0001.jpg")
    done = shell(verb, tmp_path, "--faces", "cropped")
    refused(done, f"/<person>/, or sort them with knownface group {tmp_path} --out DIR")


def test_faces_that_were_found_in_another_way_are_refused(place: Path, made: Path) -> None:
    known = index(place, place / "people", faces="cropped")
    options = ("--backbone", "mini", "--recipe", "frozen", "--out", place / "run")
    done = shell("train", known, *options)
    refused(done, f"{known}: its faces come from ready crops", "--faces, or make the index anew")
    refused(shell("train", made / "index", *options, "--faces", "cropped"), "from ready crops")
    assert not list(place.glob("*run*"))


def test_a_damaged_or_empty_index_is_one_sentence(place: Path) -> None:
    known = index(place, place / "people")
    faces = next((known / "faces").iterdir())
    whole = faces.read_bytes()
    faces.write_bytes(whole[: len(whole) // 2])
    refused(shell("train", known), f"{known}: cannot be read", "make it anew")
    faces.unlink()
    refused(shell("train", known), f"{known}: cannot be read", "make it anew")
    other = index(place, place / "people" / "bob", name="other")
    shutil.copy(next((other / "faces").iterdir()), faces)
    refused(shell("train", known), f"{known}: its photos have other faces than its rows")
    (known / "index.json").write_text("{}")
    refused(shell("train", known), f"{known}: its index.json cannot be read")
    opened = Index.open(other)
    with opened.writing():
        opened.commit(without={str(path) for path in scan(place / "people").paths})
    refused(shell("train", other), f"{other}: an index without photos")
