"""Planted faults are found, clean photos left alone, and nothing is changed."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import knownface, knownface_process, refused
from PIL import Image, ImageDraw
from plant_faults import ACCEPTED, copy_people, plant

from knownface.dataset.folder import scan
from knownface.diagnosis.agreement import measure_agreement
from knownface.diagnosis.check import _names
from knownface.diagnosis.clean import LIST, changes, copy_good, new_copy
from knownface.diagnosis.examine import examine
from knownface.diagnosis.findings import KINDS, Diagnosis, Problem
from knownface.embed.frozen import backbone_embedder, frozen_pipeline
from knownface.errors import KnownfaceError
from knownface.faces.crops import load_cropper
from knownface.faces.fingerprint import find_copies, same_picture, small_portrait
from knownface.faces.quality import BLURRED, sharpness
from knownface.networks.zoo import get_backbone
from knownface.pages.check import write_check
from knownface.pages.verbs import check

PLANTED = {"mislabel": 4, "duplicate": 4, "two_names": 4, "blurred": 3, "unreadable": 3,
           "no_face": 2, "dark": 2, "too_small": 2}  # fmt: skip


@pytest.fixture(scope="module")
def clean(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight people with twelve photos each."""
    target = tmp_path_factory.mktemp("clean") / "people"
    copy_people(shared / "data" / "people", target, np.random.default_rng(7), 12)
    for folder in sorted(target.iterdir())[8:]:
        shutil.rmtree(folder)
    return target


@pytest.fixture(scope="module")
def ill(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The same with planted faults, two similar names, a burst, and a photo of two people."""
    root = tmp_path_factory.mktemp("ill") / "people"
    shutil.copytree(clean, root)
    truth = plant(root, 11, PLANTED)
    (root / "AMBER heard").mkdir()
    shutil.copy(clean / "Anne_Hathaway" / first(clean / "Anne_Hathaway"), root / "AMBER heard")
    return root, truth


@pytest.fixture(scope="module")
def found(ill: tuple[Path, dict]) -> Diagnosis:
    return check(ill[0])


def first(folder: Path) -> str:
    return sorted(path.name for path in folder.iterdir())[0]


def content(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


# ---------------------------------------------------------------- findings
@pytest.mark.parametrize("kind", PLANTED)
def test_planted_faults_are_found(kind: str, ill: tuple[Path, dict], found: Diagnosis) -> None:
    named = {problem.photo for problem in found.problems if problem.kind in ACCEPTED[kind]}
    missed = [photos for photos in ill[1][kind] if not named & set(photos)]
    assert not missed, [p for p in found.problems if p.photo in missed[0]]


def test_clean_photos_are_left_alone(clean: Path, found: Diagnosis, ill: tuple[Path, dict]) -> None:
    alone = {problem.photo for problem in check(clean).problems if problem.photo}
    assert len(alone) <= 0.02 * 96
    touched = {photo for cases in ill[1].values() for photos in cases for photo in photos}
    named = {problem.photo for problem in found.problems if problem.photo}
    others = {name for name in named - touched - alone if "AMBER" not in str(name)}
    assert len(others) <= 1  # the one that lies in a second folder too


def test_a_problem_names_the_other(found: Diagnosis, ill: tuple[Path, dict]) -> None:
    truth = {photos[1]: photos[0] for photos in ill[1]["two_names"]}
    for problem in found.of_kind("two_names"):
        if problem.photo in truth:
            assert problem.other == truth[problem.photo]
    wrong = {photos[0] for photos in ill[1]["mislabel"]}
    for problem in found.of_kind("mislabel"):
        if problem.photo in wrong:
            assert problem.other in found.people
            assert problem.other != problem.person
    exact = [p for p in found.of_kind("duplicate") if p.other]
    assert all((found.root / str(p.photo)).read_bytes() == (found.root / str(p.other)).read_bytes()
               for p in exact)  # fmt: skip


def test_similar_names_and_few_photos(found: Diagnosis) -> None:
    similar = found.of_kind("similar_names")
    assert [(p.photo, p.person, p.other) for p in similar] == [(None, "Amber_Heard", "AMBER heard")]
    few = [problem.person for problem in found.of_kind("few_photos")]
    assert "AMBER heard" in few


def test_names_differ_in_more_than_spelling() -> None:
    people = ["Ann", "Anna", "José Díaz", "jose-diaz", "Strasse", "Straße", "Åsa", "Asa", "阿"]
    pairs = [(p.person, p.other) for p in _names(people)]
    assert pairs == [("jose-diaz", "José Díaz"), ("Straße", "Strasse"), ("Asa", "Åsa")]


def most_alike(folder: Path) -> list[Path]:
    """The two photos that are most alike, the first by name first, and another one."""
    record = get_backbone("mobilefacenet")
    paths, cropper = sorted(folder.iterdir()), load_cropper(record.crop, "detect")
    crops = np.stack([cropper.crop_photo(path).crops[0] for path in paths])
    embeddings = backbone_embedder(record).embed(crops)
    cosines = np.triu(embeddings @ embeddings.T, 1)
    pair = [int(i) for i in np.unravel_index(cosines.argmax(), cosines.shape)]
    rest = next(path for i, path in enumerate(paths) if i not in pair)
    return [paths[i] for i in pair] + [rest]


def test_bursts_and_several_faces(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "people"
    for name in ("Amber_Heard", "Anne_Hathaway"):
        shutil.copytree(clean / name, root / name)
    photos = most_alike(root / "Amber_Heard")
    for photo, second in zip(photos, (0, 2, 40), strict=True):
        image = Image.open(photo)
        exif = image.getexif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 10:00:{second:02d}"
        image.save(photo, exif=exif)
    pair = [Image.open(p).resize((200, 200)) for p in (photos[2], photos[0])]
    both = Image.new("RGB", (400, 200))
    both.paste(pair[0], (0, 0))
    both.paste(
        Image.open(sorted((root / "Anne_Hathaway").iterdir())[0]).resize((200, 200)), (200, 0)
    )
    both.save(root / "Amber_Heard" / "both.jpg")
    problems = check(root).problems
    burst = [(p.photo, p.other) for p in problems if p.kind == "burst"]
    assert burst == [(f"Amber_Heard/{photos[1].name}", f"Amber_Heard/{photos[0].name}")]
    assert "Amber_Heard/both.jpg" in {p.photo for p in problems if p.kind == "several_faces"}


def test_somebody_elses_photo_with_a_bystander_is_a_mislabel(clean: Path, tmp_path: Path) -> None:
    here, there, nowhere = sorted(folder.name for folder in clean.iterdir())[:3]
    for name in (here, there):
        shutil.copytree(clean / name, tmp_path / "people" / name)
    moved = sorted((tmp_path / "people" / there).iterdir())[0]
    both = Image.new("RGB", (400, 240))
    both.paste(Image.open(moved).resize((240, 240)), (0, 0))
    both.paste(Image.open(clean / nowhere / first(clean / nowhere)).resize((160, 160)), (240, 40))
    both.save(tmp_path / "people" / here / "both.jpg")
    moved.unlink()
    found = check(tmp_path / "people")
    said = {(p.kind, p.other) for p in found.problems if p.photo == f"{here}/both.jpg"}
    assert {("several_faces", None), ("mislabel", there)} <= said
    assert f"{here}/both.jpg" in found.left_out


def test_ready_crops_need_no_detector(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knownface.faces.crops.load_detector", lambda *_: pytest.fail("not needed"))
    assert len(check(clean, faces="cropped").photos) == 96


# ---------------------------------------------------------------- rules on numbers
def people_and_faces(sizes: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of people whose photos have a cosine of about 0.6 with each other."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = rng.normal(size=(len(sizes), 128))
    faces = centres[labels] + 0.8 * rng.normal(size=(len(labels), 128))
    return (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("sizes", [[40] * 5, [3] * 20, [50, 3, 10, 4, 25]])
def test_mislabels_are_outvoted_and_nobody_else(sizes: list[int]) -> None:
    faces, labels = people_and_faces(sizes)
    assert not measure_agreement(faces, labels, len(sizes)).outvoted.any()
    filed = labels.copy()
    wrong = [0, len(labels) - 1]
    filed[wrong] = [1, 0]
    agreement = measure_agreement(faces, filed, len(sizes))
    assert np.flatnonzero(agreement.outvoted).tolist() == wrong
    assert agreement.rival[wrong].tolist() == labels[wrong].tolist()


def test_a_third_of_a_folder_is_wrong() -> None:
    faces, labels = people_and_faces([40] * 5)
    filed = labels.copy()
    filed[40:58] = 0  # 18 of one other person among 40
    agreement = measure_agreement(faces, filed, 5)
    assert np.flatnonzero(agreement.outvoted).tolist() == list(range(40, 58))
    assert agreement.own[40:58].max() < 0.2 < 0.8 < agreement.own[:40].min()


def test_people_without_photos_and_alone() -> None:
    faces, labels = people_and_faces([6])
    agreement = measure_agreement(faces, labels, 2)
    assert (agreement.rival == -1).all()
    assert agreement.own.min() > 0.5
    empty = measure_agreement(faces[:0], labels[:0], 2)
    assert empty.own.shape == empty.rival.shape == (0,)


def test_many_photos_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, labels = people_and_faces([50, 3, 10, 4, 25])
    whole = measure_agreement(faces, labels, 5)
    monkeypatch.setattr("knownface.diagnosis.agreement.TOGETHER", 7)
    parts = measure_agreement(faces, labels, 5)
    monkeypatch.setattr("knownface.diagnosis.agreement.SAMPLE", 20)
    sampled = measure_agreement(faces, labels, 5)
    for name in ("own", "other", "rival", "typical"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=0.011)
    assert (sampled.rival == whole.rival).all()
    np.testing.assert_allclose(sampled.own, whole.own, atol=0.05)
    assert (sampled.other != whole.other).any()


def test_copies_are_one_picture_cut_differently(clean: Path) -> None:
    photos = sorted((clean / "Tom_Cruise").iterdir()) if (clean / "Tom_Cruise").exists() else []
    photos = photos or sorted(sorted(clean.iterdir())[0].iterdir())
    images = [Image.open(photo).resize((200, 200)) for photo in photos[:3]]
    small = [small_portrait(np.asarray(image.crop((40, 40, 160, 160)))) for image in images]
    again = small_portrait(np.asarray(images[0].crop((43, 38, 165, 160))))
    assert same_picture(small[0], again) is False  # not mirrored
    assert same_picture(small[0], small[1]) is None
    assert same_picture(small[0], again[:, ::-1]) is True
    assert same_picture(small[0], small[1][:, ::-1]) is None
    marks = np.random.default_rng(0).integers(0, 256, (4, 32), np.uint8)
    faces = np.eye(4, 8, dtype=np.float32)
    faces[3] = faces[0]
    portraits = np.stack([*small, again])
    assert find_copies(marks, portraits, faces, 0.7) == {(0, 3): False}
    assert find_copies(marks[:1], portraits[:1], faces[:1], 0.7) == {}


def test_folders_as_people_have_them(clean: Path, shared: Path, tmp_path: Path) -> None:
    """A folder of nobody, one person in two folders, and copies of which the original stays."""
    data = Path(shutil.copytree(clean, tmp_path / "people"))
    strange = sorted((shared / "data" / "strangers").glob("*/*"))[::4]
    people = sorted(folder.name for folder in data.iterdir())
    (data / "unknown").mkdir()
    (data / "twice").mkdir()
    for i, photo in enumerate(strange):
        shutil.copy(photo, data / "unknown" / f"{i:03}.jpg")
    for photo in sorted((data / people[0]).iterdir())[:6]:
        photo.rename(data / "twice" / photo.name)
    original = sorted((data / people[1]).iterdir())[0]
    image = Image.open(original).convert("RGB")
    image.convert("L").save(original.with_name("a.png"))
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(original.with_name("flip.jpg"))
    found = check(data)
    assert [(p.person, p.other) for p in found.of_kind("one_person")] == [("twice", people[0])]
    assert [p.person for p in found.of_kind("not_one_person")] == ["unknown"]
    assert "unknown" not in {
        p.person for p in found.problems if p.kind in ("mislabel", "few_photos")
    }
    assert not [photo for photo in found.good if photo.startswith("unknown/")]
    copies = {p.photo for p in found.of_kind("near_duplicate") if p.person == people[1]}
    assert {f"{people[1]}/a.png", f"{people[1]}/flip.jpg"} <= copies
    assert f"{people[1]}/{original.name}" in found.good


def test_sharpness_does_not_depend_on_light_or_enlargement(clean: Path) -> None:
    photo = Image.open(sorted(sorted(clean.iterdir())[1].iterdir())[1]).convert("L")
    grey = np.asarray(photo.resize((112, 112)))
    plain = sharpness(grey, 112)
    assert abs(sharpness((grey // 3).astype(np.uint8), 112) - plain) < 0.2 * plain
    small = np.asarray(Image.fromarray(grey).resize((40, 40)).resize((112, 112)))
    assert sharpness(small, 112) < BLURRED < sharpness(small, 40)
    assert sharpness(np.full((112, 112), 90, np.uint8), 112) == pytest.approx(0, abs=1e-3)


def test_a_problem_is_checked() -> None:
    with pytest.raises(ValueError, match="no such kind"):
        Problem("ugly", "a.jpg", "Ann", None, "why")
    with pytest.raises(ValueError, match="no detail"):
        Problem("blurred", "a.jpg", "Ann", None, "")


# ---------------------------------------------------------------- cleaned copy
def test_fix_copies_what_is_good(ill: tuple[Path, dict], found: Diagnosis, tmp_path: Path) -> None:
    root, truth = ill
    before = content(root)
    target = tmp_path / "new" / "cleaned"
    with new_copy(target, root) as work:
        count = copy_good(found, work)
    listed = (target / LIST).read_text(encoding="utf-8")
    (target / LIST).unlink()
    after = content(target)
    assert all(photo in listed for photo in found.left_out)
    assert content(root) == before
    assert after.items() <= before.items()
    assert count == len(after) == len(found.photos) - len(found.left_out)
    assert not [path for path in target.rglob("*") if path.is_symlink()]
    for kind in ("mislabel", "blurred", "unreadable", "no_face", "dark", "too_small"):
        assert not {photos[0] for photos in truth[kind]} & after.keys(), kind
    for photos in truth["duplicate"]:
        assert len(set(photos) & after.keys()) == 1, photos
    for original, copy in truth["two_names"]:
        assert copy not in after
        assert original in after or original in found.left_out
    assert [p.name for p in target.parent.iterdir()] == ["cleaned"]
    again = check(target)
    assert not {"duplicate", "near_duplicate", "two_names"} & {p.kind for p in again.problems}


def test_of_two_names_that_nobody_can_settle_one_stays(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "people"
    shutil.copytree(clean / "Amber_Heard", root / "Amber_Heard")
    photo = sorted((root / "Amber_Heard").iterdir())[0]
    for name in ("Ann", "Bob"):
        (root / name).mkdir()
        shutil.copy(photo, root / name / "one.jpg")
    photo.unlink()
    found = check(root)
    assert len({"Ann/one.jpg", "Bob/one.jpg"} & found.left_out) == 1
    [left] = [row for row in changes(found) if "or out of" in row[0]]
    assert left == (
        "suggestion: move it out of Bob, or out of Ann", "Bob/one.jpg",
        "the same picture under two names, and the face does not say whose it is",
    )  # fmt: skip


def test_fix_keeps_the_original_and_turns_it_upright(clean: Path, tmp_path: Path) -> None:
    """Copies that come first by name, in a folder where everything was written at one time."""
    root = tmp_path / "people"
    for folder in sorted(clean.iterdir())[:4]:
        shutil.copytree(folder, root / folder.name)
    person = sorted(root.iterdir())[0]
    originals = sorted(person.iterdir())
    for i, photo in enumerate(originals[:3]):
        image = Image.open(photo).convert("RGB")
        width, height = image.size
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(person / f"{i}.jpg", quality=97)
        image.crop((width // 16, height // 16, width, height)).save(person / f"{i}c.jpg")
        image.convert("L").resize((2 * width, 2 * height)).save(person / f"{i}g.jpg")
    lying = originals[5]
    image = Image.open(lying).convert("RGB").rotate(90, expand=True)
    image.getexif()[0x010F] = "a camera"
    image.save(lying, exif=image.getexif())
    found, target = check(root), tmp_path / "new"
    with new_copy(target, root) as work:
        copy_good(found, work)
    assert sorted(path.name for path in (target / person.name).iterdir()) == [
        path.name for path in originals
    ]
    assert [p.photo for p in found.of_kind("sideways")] == [f"{person.name}/{lying.name}"]
    turned = Image.open(target / person.name / lying.name)
    assert turned.size == image.size[::-1]
    assert turned.getexif()[0x010F] == "a camera"
    with (target / LIST).open(newline="", encoding="utf-8") as stream:
        rows = {row["photo or folder"]: row for row in csv.DictReader(stream)}
    mirrored = rows[f"{person.name}/1.jpg"]
    assert mirrored["what"] == "left out"
    assert mirrored["why"].endswith(f"{originals[1].name} (mirrored)")
    assert rows[f"{person.name}/{lying.name}"]["what"] == "turned upright"
    assert not {"sideways", "near_duplicate"} & {p.kind for p in check(target).problems}


def test_the_list_says_what_else_to_do(found: Diagnosis) -> None:
    problems = (
        Problem("mislabel", "Ann/1.jpg", "Ann", "Bob", "why"),
        Problem("mislabel", "Ann/2.jpg", "Ann", None, "why"),
        Problem("one_person", None, "Bob", "Ann", "both"),
        Problem("not_one_person", None, "unknown", None, "nobody"),
    )
    left_out = frozenset({"Ann/1.jpg", "unknown/1.jpg"})
    assert list(changes(replace(found, problems=problems, left_out=left_out, turns={}))) == [
        ("left out", "Ann/1.jpg", "why"),
        ("left out", "unknown/1.jpg", "unknown nobody"),
        ("suggestion: move it from Ann to Bob", "Ann/1.jpg", "why"),
        ("suggestion: look whether this is Ann", "Ann/2.jpg", "why"),
        ("suggestion: merge Bob into Ann", "Bob", "both"),
        ("suggestion: give this folder as strangers", "unknown", "nobody"),
    ]


def test_fix_leaves_nothing_when_it_is_interrupted(found: Diagnosis, tmp_path: Path) -> None:
    def cut(items: object, description: str, total: int) -> object:
        yield from list(items)[:3]  # type: ignore[call-overload]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), new_copy(tmp_path / "cleaned", found.root) as work:
        copy_good(found, work, cut)
    assert list(tmp_path.iterdir()) == []


def test_fix_refuses_at_once(found: Diagnosis, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with (
        pytest.raises(KnownfaceError, match="exists already"),
        new_copy(tmp_path, found.root),
    ):
        pass
    inside = found.root / "Amber_Heard" / "clean"
    with pytest.raises(KnownfaceError, match="never changed"), new_copy(inside, found.root):
        pass
    nothing = replace(found, left_out=frozenset(found.photos))
    with pytest.raises(KnownfaceError, match="no photo is good"):
        copy_good(nothing, tmp_path / "none")


# ---------------------------------------------------------------- page and command
def page_of(found: Diagnosis, folder: Path) -> str:
    write_check(folder / "check.html", found)
    return (folder / "check.html").read_text(encoding="utf-8")


def test_the_page_is_whole_small_and_readable(found: Diagnosis, tmp_path: Path) -> None:
    page = page_of(found, tmp_path)
    assert len(page.encode()) < 5_000_000
    assert not re.search(r"(src|href)=\"?(https?:|//)", page)
    assert page.count("image/jpeg;base64") == 1
    pictures = re.findall(r'<span class="face [^>]*>', page)
    assert pictures
    assert all(re.search(r'aria-label="[^"]+', picture) for picture in pictures)
    for kind, title in KINDS.items():
        count = len(found.of_kind(kind))
        assert (f">{title} ({count})</h2>" in page) == (count > 0)
    assert page.count("<h1>") == 1
    assert 'lang="en"' in page
    assert "color-scheme: light dark" in page
    assert "width=device-width" in page


def test_the_page_survives_names_and_numbers(
    found: Diagnosis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nasty = "<b>&\"'{x}\udcff"
    problem = Problem("mislabel", nasty, nasty, nasty, nasty)
    page = page_of(replace(found, problems=(problem,) * 3000), tmp_path)
    assert "<b>" not in page
    assert "And 2000 more" in page
    monkeypatch.setattr("knownface.pages.pictures.SHEET_PIXELS", 3 * 112**2)
    short = page_of(found, tmp_path)
    assert 0 < len(set(re.findall(r'class="face (x[^"]+)"', short))) <= 3


def test_the_command(ill: tuple[Path, dict], tmp_path: Path) -> None:
    page, copy = tmp_path / "pages" / "check.html", tmp_path / "cleaned"
    done = knownface_process("check", ill[0], "--out", page, "--fix", copy, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) == {"people", "photos", "problems"}
    assert document["people"] == 9
    keys = {"kind", "photo", "person", "other", "detail"}
    assert all(set(problem) == keys for problem in document["problems"])
    assert page.read_text().startswith("<!doctype html>")
    assert len(list(copy.rglob("*.jpg"))) < document["photos"]
    text = knownface_process("check", ill[0], "--out", page, "--quiet")
    assert text.returncode == 0
    assert "Cannot be read" in text.stdout
    assert f"Page: {page}" in text.stdout
    assert not text.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda root, tmp: [tmp / "nowhere"], "no such folder"),
        (lambda root, tmp: [root, "--faces", "some"], "detect or cropped"),
        (lambda root, tmp: [root, "--fix", root / "clean"], "never changed"),
        (lambda root, tmp: [root, "--out", tmp], "is a folder"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: Callable[[Path, Path], list], words: str, clean: Path, tmp_path: Path
) -> None:
    refused(knownface("check", *arguments(clean, tmp_path)), words)


def test_drawings_do_not_break_it(offline: None, tmp_path: Path) -> None:
    """Nobody has a face here: everything is named, and there is still a page."""
    for name in ("Ann", "Bob"):
        (tmp_path / "people" / name).mkdir(parents=True)
        image = Image.new("RGB", (60, 60), "white")
        ImageDraw.Draw(image).line((0, 0, 60, 60), fill="black")
        image.save(tmp_path / "people" / name / "1.png")
    found = check(tmp_path / "people")
    kinds = [problem.kind for problem in found.problems]
    assert kinds.count("no_face") == kinds.count("few_photos") == 2
    assert kinds.count("two_names") == 2
    assert "No face" in page_of(found, tmp_path)


def test_crops_do_not_stay_in_memory(clean: Path, shared: Path) -> None:
    found = examine(scan(clean), frozen_pipeline("mobilefacenet")[1])
    assert all(photo.crops.base is None and not photo.crops.size for photo in found.photos)
