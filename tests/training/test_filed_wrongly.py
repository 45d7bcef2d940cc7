"""Folders as people have them: what is filed wrongly in one does not decide for everybody."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from plant_faults import copy_people, plant

from knownface.dataset.folder import scan
from knownface.diagnosis.check import diagnose
from knownface.embed.frozen import frozen_pipeline
from knownface.embed.stream import FacePipeline
from knownface.networks.record import Backbone
from knownface.progress import silent
from knownface.recognition.about import About
from knownface.recognition.comparison import Comparison
from knownface.recognition.recognizer import Recognizer
from knownface.training.config import TrainingConfig
from knownface.training.photos import SAID, TrainingPhotos, collect
from knownface.training.race import Outcome
from knownface.training.train import enroll, train

Network = tuple[Backbone, FacePipeline]


@pytest.fixture(scope="module")
def network() -> Network:
    record, pipeline = frozen_pipeline("mobilefacenet", cache=True)
    return record, replace(pipeline, mirrored=True)


def learn(data: Path, network: Network) -> tuple[TrainingPhotos, Recognizer]:
    """As recipe `frozen` does, without a run folder."""
    record, pipeline = network
    photos = collect(scan(data), None, pipeline, silent, validation=0.2, seed=0)
    config = TrainingConfig(data=data, recipe="frozen")
    assert record.comparison is not None
    known = Comparison.read(record.comparison)
    outcome = Outcome([], "frozen", "frozen, as asked", comparison=known)
    photos = photos.with_small(pipeline.embedder, silent)
    return photos, enroll(photos, pipeline.embedder, outcome, record, config, About())[0]


@pytest.fixture(scope="module")
def clean(people: Path, network: Network) -> float:
    """The threshold of well filed photos."""
    photos, recognizer = learn(people, network)
    assert not {note.kind for note in photos.everyone.notes} & {*SAID}
    assert photos.one_person == ()
    return recognizer.threshold.value


def first(people: Path, person: int = 0) -> Path:
    return sorted(sorted(people.iterdir())[person].iterdir())[0]


def copy(data: Path) -> None:
    shutil.copy(first(data), first(data, 1).with_name("IMG_7001.jpg"))


def mirrored(data: Path) -> None:
    ImageOps.mirror(Image.open(first(data))).save(first(data, 1).with_name("IMG_7001.jpg"))


@pytest.mark.parametrize("plant", [copy, mirrored])
def test_a_copy_in_another_folder_takes_no_part(
    plant: Callable[[Path], None],
    people: Path,
    network: Network,
    clean: float,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = Path(shutil.copytree(people, tmp_path / "people"))
    plant(data)
    photos, recognizer = learn(data, network)
    assert recognizer.threshold.value == pytest.approx(clean, abs=0.03)
    name = f"{first(data, 1).parent.name}/IMG_7001.jpg"
    assert name not in photos.everyone.photos
    assert [note.photo for note in photos.everyone.notes if note.kind == "two_names"] == [name]
    (said,) = [line for line in caplog.messages if name in line]
    assert "keep it where it belongs" in said


def test_photos_in_a_wrong_folder_are_tested_but_not_trained_on(
    people: Path, network: Network, clean: float, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(people, tmp_path / "people"))
    for photo in sorted(first(data).parent.iterdir())[:3]:
        photo.rename(first(data, 1).with_name(f"moved_{photo.name}"))
    photos, recognizer = learn(data, network)
    moved = [name for name in photos.everyone.photos if "moved_" in name]
    assert len(moved) == 3
    assert not set(moved) & set(photos.training.photos)
    assert recognizer.threshold.value == pytest.approx(clean, abs=0.05)
    told = [note for note in photos.everyone.notes if note.kind == "mislabel"]
    assert sorted(note.photo for note in told) == sorted(moved)


def test_one_person_in_two_folders_does_not_decide(
    people: Path, network: Network, clean: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = Path(shutil.copytree(people, tmp_path / "people"))
    person = first(data).parent
    (data / f"{person.name.lower()} 2").mkdir()
    for photo in sorted(person.iterdir())[:5]:
        photo.rename(data / f"{person.name.lower()} 2" / photo.name)
    photos, recognizer = learn(data, network)
    assert photos.one_person == ((person.name, f"{person.name.lower()} 2"),)
    assert recognizer.threshold.value == pytest.approx(clean, abs=0.06)
    (said,) = [line for line in caplog.messages if "probably one person" in line]
    assert "merge the folders" in said


def test_a_folder_of_nobody_is_left_out(
    people: Path, shared: Path, clean: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole job, whose evaluation says it."""
    data = Path(shutil.copytree(people, tmp_path / "people"))
    (data / "unknown").mkdir()
    strange = [
        photo
        for folder in sorted((shared / "data" / "strangers").iterdir())
        for photo in sorted(folder.iterdir())[:4]
    ]
    for i, photo in enumerate(strange):
        shutil.copy(photo, data / "unknown" / f"{i:03}.jpg")
    with caplog.at_level(logging.WARNING):
        run = train(data, out=tmp_path / "run", recipe="frozen", backbone="mobilefacenet")
    assert run.recognizer.people == tuple(sorted(folder.name for folder in people.iterdir()))
    assert run.evaluation.open_set.threshold == pytest.approx(clean, abs=1e-3)
    kinds = [note["kind"] for note in run.evaluation.notes]
    assert [kind for kind in kinds if kind in SAID] == ["not_one_person"]
    (said,) = [line for line in caplog.messages if line.startswith("unknown: ")]
    assert "is not one person" in said
    assert "is not one person" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_copies_stay_on_one_side_of_the_split(
    people: Path, network: Network, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(people, tmp_path / "people"))
    originals = sorted(data.glob("*/00[1-3].jpg"))
    for photo in originals:
        image = Image.open(photo).convert("RGB")
        width, height = image.size
        box = (width // 16, height // 16, width - width // 20, height - height // 20)
        image.crop(box).save(photo.with_name(f"cut_{photo.name}"), quality=90)
        ImageOps.mirror(image).save(photo.with_name(f"mirror_{photo.name}"), quality=90)
        image.convert("L").save(photo.with_name(f"grey_{photo.name}"), quality=90)
    photos, _ = learn(data, network)
    groups = dict(zip(photos.everyone.photos, photos.groups.tolist(), strict=True))
    for photo in originals:
        same = {groups[f"{photo.parent.name}/{how}{photo.name}"]
                for how in ("", "cut_", "mirror_", "grey_")}  # fmt: skip
        assert len(same) == 1, photo
    assert len(np.unique(photos.groups)) == len(sorted(people.glob("*/*.jpg")))


def test_training_counts_as_check_does(shared: Path, network: Network, tmp_path: Path) -> None:
    data = tmp_path / "people"
    copy_people(shared / "data" / "people", data, np.random.default_rng(3), 6)
    for folder in sorted(data.iterdir())[8:]:
        shutil.rmtree(folder)
    plant(data, 5, {"mislabel": 2, "duplicate": 2, "two_names": 2, "blurred": 1, "unreadable": 2})
    lying = first(data, 7)
    Image.open(lying).rotate(90, expand=True).save(lying)
    photos, _ = learn(data, network)
    problems = diagnose(scan(data), network[1]).problems
    assert {"mislabel", "two_names", "unreadable", "sideways"} <= {p.kind for p in problems}
    noted = [(note.kind, note.photo, note.person) for note in photos.everyone.notes]
    assert sorted(noted) == sorted((p.kind, p.photo or "", p.person) for p in problems)
    assert not [note for note in photos.everyone.notes if str(tmp_path) in note.detail]


def stamped(data: Path, photos: list[Path]) -> None:
    """Copies of photos, all with one capture time."""
    for photo in photos:
        (data / photo.parent.name).mkdir(parents=True, exist_ok=True)
        image = Image.open(photo).convert("RGB")
        image.getexif().get_ifd(0x8769)[0x9003] = "2024:05:01 10:00:00"
        image.save(data / photo.parent.name / photo.name, exif=image.getexif())


def test_different_photos_of_one_second_are_no_burst(
    people: Path, network: Network, tmp_path: Path
) -> None:
    folders = sorted(people.iterdir())[:4]
    stamped(tmp_path, [photo for folder in folders for photo in sorted(folder.iterdir())[:8]])
    photos, _ = learn(tmp_path, network)
    assert len(photos.held_out) >= 4
    assert len(np.unique(photos.groups)) > 16


def test_bursts_alone_are_enrolled_untested(
    people: Path, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knownface.diagnosis.agreement.SESSION", -1.0)  # everything is alike
    folders = sorted(people.iterdir())[:3]
    stamped(tmp_path, [photo for folder in folders for photo in sorted(folder.iterdir())[:5]])
    photos, _ = learn(tmp_path, network)
    assert len(photos.held_out) == 0
    assert len(photos.enrolled) == 15
    assert {note.kind for note in photos.everyone.notes} >= {"burst"}


def test_copies_of_one_picture_agree_with_each_other(
    people: Path, network: Network, tmp_path: Path
) -> None:
    for name in ("Ann", "Bob"):
        (tmp_path / name).mkdir()
        for i in range(5):
            shutil.copy(first(people), tmp_path / name / f"{i}.jpg")
    problems = diagnose(scan(tmp_path), network[1]).problems
    kinds = Counter(p.kind for p in problems if p.photo)
    assert kinds == {"duplicate": 8, "two_names": 2}
