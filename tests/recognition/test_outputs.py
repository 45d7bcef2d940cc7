"""What `recognize` writes: tables, albums, face regions; and where it refuses to write."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from command_line import knownface as shell
from command_line import refused

import knownface
from knownface.dataset.folder import scan
from knownface.faces.find import find_photos, is_made, mark_made
from knownface.faces.photo import read_image, write_image
from knownface.recognition.albums import Albums, folder_name
from knownface.recognition.result import Recognition, RecognizedFace
from knownface.recognition.sidecar import NAMESPACES, write_sidecar
from knownface.recognition.table import FaceTable

BOX = (10.0, 20.0, 40.0, 50.0)
ANN = RecognizedFace(BOX, "Ann", 0.8, None, "Ann", 0.98)
BOB = RecognizedFace(BOX, "Bob", 0.7, None, "Bob", 0.95)
NOBODY = RecognizedFace((-10.0, 20.0, 40.0, 500.0), None, 0.1, "unknown", "Bob", 0.01)


@pytest.fixture
def photos(people: Path, strangers: Path, tmp_path: Path) -> Path:
    """A folder with two known people together, one of them alone, a stranger, and no photo."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    fox, depp = people / "Megan_Fox" / "001.jpg", people / "Johnny_Depp" / "001.jpg"
    pair = [read_image(path) for path in (fox, depp)]
    height = min(image.shape[0] for image in pair)
    write_image(folder / "two.jpg", np.concatenate([image[:height] for image in pair], axis=1))
    shutil.copy(fox, folder / "one.jpg")
    shutil.copy(strangers / "Rihanna" / min(p.name for p in (strangers / "Rihanna").iterdir()),
                folder / "deep" / "one.jpg")  # fmt: skip
    (folder / "bad.jpg").write_text("no photo")
    return folder


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())


# ---------------------------------------------------------------- threshold
def test_a_threshold_decides_who_gets_a_name(run_folder: Path, photos: Path) -> None:
    def named(threshold: float | None) -> list[str | None]:
        found = knownface.recognize(run_folder, photos, threshold=threshold)
        return [face.name for each in found for face in each.faces]

    assert named(1.0) == [None] * 4
    assert sorted(map(str, named(None))) == ["Johnny_Depp", "Megan_Fox", "Megan_Fox", "None"]
    assert None not in named(-1.0)
    with pytest.raises(knownface.KnownfaceError, match=r"^threshold must be between -1 and 1"):
        knownface.recognize(run_folder, photos, threshold=1.5)
    refused(shell("recognize", run_folder, photos, "--threshold", "2"), "--threshold must be")


# ---------------------------------------------------------------- where not to write
def test_nothing_is_written_among_the_sources(
    run_folder: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(photos)
    before = files_of(tmp_path)
    wrong: list[tuple[Any, Any]] = [
        (photos, photos), (photos, photos / "drawn"), ("photos", "photos/deep/drawn"),
        (photos, tmp_path), (photos / "one.jpg", photos), (photos / "deep" / "one.jpg", photos),
        (f"{photos}/*.jpg", photos), (f"{photos}/**/*.jpg", photos / "drawn"),
        ("link", photos / "drawn"), (photos, "link/drawn"),
    ]  # fmt: skip
    for option in ("out", "albums"):
        for sources, folder in wrong:
            with pytest.raises(knownface.KnownfaceError, match=f"^{option}=.*among the photos"):
                knownface.recognize(run_folder, sources, **{option: folder})
        with pytest.raises(knownface.KnownfaceError, match=f"^{option} must name a folder"):
            knownface.recognize(run_folder, photos, **{option: ""})
    assert files_of(tmp_path) == before
    assert not (photos / "drawn").exists()
    refused(shell("recognize", run_folder, photos, "--out", photos / "drawn"), "--out", "among")


def test_copies_beside_a_photo_are_not_read_again(
    run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    before = [each.path for each in knownface.recognize(run_folder, photos)]
    for option in ("out", "albums"):
        one = knownface.recognize(run_folder, photos / "one.jpg", **{option: photos / option})
        assert len(list(one)) == 1
    assert files_of(photos / "out") == ["one.jpg"]
    assert [each.path for each in knownface.recognize(run_folder, photos)] == before
    assert scan(photos).people == ("deep",)
    again = knownface.recognize(run_folder, photos / "out", out=tmp_path / "again")
    assert len(list(again)) == 1  # asked for by name


def test_copies_are_not_drawn_among_other_photos(
    run_folder: Path, people: Path, photos: Path, tmp_path: Path
) -> None:
    data, loose, apart = tmp_path / "data", tmp_path / "loose", tmp_path / "apart"
    shutil.copytree(people / "Megan_Fox", data / "Megan_Fox")
    shutil.copytree(people / "Megan_Fox", loose)
    before = files_of(tmp_path)
    for folder, found in ((data, "Megan_Fox"), (loose, "001.jpg")):
        with pytest.raises(knownface.KnownfaceError, match=rf"^out=.*no copies.*\({found}\)"):
            knownface.recognize(run_folder, photos, out=folder)
    refused(shell("recognize", run_folder, photos, "--out", data), "--out", "name another folder")
    assert files_of(tmp_path) == before
    for drawn in (["one.jpg"], ["one-2.jpg", "one.jpg"]):  # an earlier run's own copies
        assert len(list(knownface.recognize(run_folder, photos / "one.jpg", out=apart))) == 1
        assert files_of(apart) == drawn


def test_drawn_copies_are_known_where_nothing_can_be_written_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "drawn"
    folder.mkdir()
    (tmp_path / ".drawn.made-by-knownface").mkdir()  # as good as a folder that is read alone
    mark_made(folder)
    (tmp_path / ".drawn.made-by-knownface").rmdir()
    assert is_made(folder)
    (folder / "1.jpg").touch()
    assert find_photos(tmp_path).photos == ()


def test_a_table_takes_no_other_file_s_place(run_folder: Path, photos: Path) -> None:
    notes = photos / "notes.csv"
    notes.write_text("mine")
    for name, words in [("one.jpg", "must name a file"), ("", "must name"), (".", "must name"),
                        ("notes.csv", "holds something else"),
                        ("one.jpg/x.csv", "cannot be written")]:  # fmt: skip
        given = "" if not name else photos / name
        with pytest.raises(knownface.KnownfaceError, match=f"^csv=.*{words}"):
            knownface.recognize(run_folder, photos, csv=given)
    assert notes.read_text() == "mine"


# ---------------------------------------------------------------- table
def test_a_line_per_face(run_folder: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "faces.csv"
    for _ in range(2):  # the second replaces the first
        done = shell("recognize", run_folder, photos, "--csv", path)
        assert done.returncode == 0
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4
    assert [Path(row["path"]).name for row in rows] == [
        "one.jpg", "two.jpg", "two.jpg", "one.jpg",
    ]  # fmt: skip
    stranger = next(row for row in rows if "deep" in row["path"])
    assert (stranger["name"], stranger["reason"]) == ("", "unknown")
    assert stranger["nearest"]
    assert all(0 <= float(row["confidence"]) <= 1 and float(row["width"]) > 20 for row in rows)
    assert path.stat().st_mode & 0o77 == 0


def test_what_an_interrupted_run_leaves_can_be_read(
    run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    path = tmp_path / "faces.csv"
    found = knownface.recognize(run_folder, photos, csv=path)
    each = next(each for each in found if each.faces)
    with pytest.raises(KeyboardInterrupt):
        found.throw(KeyboardInterrupt)  # type: ignore[attr-defined] # while it waits for the next
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(str(each.path))


def test_an_interruption_says_what_is_left(
    run_folder: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("knownface.cli.recognize.print_recognition", interrupt)
    done = shell("recognize", run_folder, photos, "--csv", tmp_path / "a.csv", "--xmp")
    assert done.returncode == 130
    left = (
        f"first 1 photos stays in {tmp_path / 'a.csv'}, the files beside the photos, and the same"
    )
    assert left in done.stderr
    done = shell("recognize", run_folder, photos)
    assert done.stderr.splitlines()[-1] == "knownface: interrupted"


def test_names_with_commas_and_quotes_come_back(tmp_path: Path) -> None:
    name = 'Ann, "the first" 李'
    table = FaceTable(tmp_path / "faces.csv")
    table(Recognition("a,b.jpg", (RecognizedFace(BOX, name, 0.8, None, name, 1.0),)))
    with table.path.open(newline="", encoding="utf-8") as stream:
        [row] = csv.DictReader(stream)
    assert (row["path"], row["name"]) == ("a,b.jpg", name)


# ---------------------------------------------------------------- albums
@pytest.mark.parametrize("links", [False, True])
def test_a_photo_lies_with_everybody_who_is_in_it(
    links: bool, run_folder: Path, photos: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*.jpg")}
    for _ in range(2):  # nothing is added twice
        list(knownface.recognize(run_folder, photos, albums=tmp_path / "albums", links=links))
    assert files_of(tmp_path / "albums") == [
        "Johnny_Depp/two.jpg", "Megan_Fox/one.jpg", "Megan_Fox/two.jpg", "unknown/one.jpg",
    ]  # fmt: skip
    placed = tmp_path / "albums" / "Megan_Fox" / "one.jpg"
    assert placed.is_symlink() == links
    assert placed.read_bytes() == (photos / "one.jpg").read_bytes()
    assert {path: path.read_bytes() for path in photos.rglob("*.jpg")} == before


def test_albums_stay_apart_whatever_people_are_called(tmp_path: Path) -> None:
    for name in ("a/1.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    albums = Albums(tmp_path / "albums", ["Unknown", "../Eve", ".."], links=False)
    eve, dots = (RecognizedFace(BOX, n, 0.8, None, n, 1.0) for n in ("../Eve", ".."))
    for name in ("a/1.jpg", "b/1.jpg"):  # two photos of one name
        albums(Recognition(str(tmp_path / name), (eve, dots, NOBODY)))
    albums(Recognition(str(tmp_path / "a/1.jpg"), (NOBODY,)))
    albums(Recognition(str(tmp_path / "a/1.jpg"), ()))
    assert files_of(tmp_path / "albums") == [
        ".._Eve/1-2.jpg", ".._Eve/1.jpg", "_../1-2.jpg", "_../1.jpg", "unknown-2/1.jpg",
    ]  # fmt: skip
    assert [folder_name(name) for name in ("Ann Lee", "李", " ", "a\\b\n")] == [
        "Ann Lee", "李", "_ ", "a_b_",
    ]  # fmt: skip


# ---------------------------------------------------------------- face regions
def parsed(path: Path) -> ElementTree.Element:
    return ElementTree.fromstring(path.read_text(encoding="utf-8").split("\n", 1)[1])


def texts(root: ElementTree.Element, path: str) -> list[str | None]:
    return [each.text for each in root.iterfind(path, NAMESPACES)]


def test_regions_are_shares_of_the_upright_photo(tmp_path: Path) -> None:
    odd = RecognizedFace(BOX, "<Ann> & \x07李", 0.8, None, None, 1.0)
    photo = tmp_path / "a.jpg"
    photo.touch()
    write_sidecar(Recognition(str(photo), (ANN, NOBODY, odd), size=(200, 100)), photo)
    root = parsed(tmp_path / "a.jpg.xmp")
    regions = root.findall(".//mwg-rs:RegionList/rdf:Bag/rdf:li", NAMESPACES)
    areas = [region.find("mwg-rs:Area", NAMESPACES) for region in regions]
    assert [{k.split("}")[1]: v for k, v in area.attrib.items()} for area in areas[:2]] == [
        {"x": "0.150000", "y": "0.450000", "w": "0.200000", "h": "0.500000", "unit": "normalized"},
        {"x": "0.075000", "y": "0.600000", "w": "0.150000", "h": "0.800000", "unit": "normalized"},
    ]
    assert texts(root, ".//mwg-rs:Name") == ["Ann", "<Ann> & \ufffd李"]  # none of the unknown one
    assert texts(root, ".//mwg-rs:Type") == ["Face"] * 3
    size = root.find(".//mwg-rs:AppliedToDimensions", NAMESPACES)
    assert sorted(size.attrib.values()) == ["100", "200", "pixel"]
    for kind in ("dc:subject", "Iptc4xmpExt:PersonInImage"):
        assert texts(root, f".//{kind}/rdf:Bag/rdf:li") == ["<Ann> & \ufffd李", "Ann"]


def test_sidecars_beside_photos_or_copies(run_folder: Path, photos: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*.jpg")}
    for _ in range(2):
        list(knownface.recognize(run_folder, photos, xmp=True))
    written = {f"{path.relative_to(photos)}.xmp" for path in before} - {"bad.jpg.xmp"}
    assert {name for name in files_of(photos) if name.endswith(".xmp")} == written
    assert sorted(texts(parsed(photos / "two.jpg.xmp"), ".//mwg-rs:Name")) == [
        "Johnny_Depp", "Megan_Fox",
    ]  # fmt: skip
    done = shell("recognize", run_folder, photos, "--xmp", "--out", tmp_path / "drawn")
    assert done.returncode == 0
    assert files_of(tmp_path / "drawn") == [
        "one-2.jpg", "one-2.jpg.xmp", "one.jpg", "one.jpg.xmp", "two.jpg", "two.jpg.xmp",
    ]  # fmt: skip
    assert {path: path.read_bytes() for path in photos.rglob("*.jpg")} == before


def test_another_program_s_sidecar_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.jpg.xmp"
    path.write_text("my captions")
    write_sidecar(Recognition("a.jpg", (ANN, BOB), size=(200, 100)), tmp_path / "a.jpg")
    assert path.read_text() == "my captions"
    assert "another program's" in caplog.text
