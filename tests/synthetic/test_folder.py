"""Invented people: the same for a seed, found by the detector, one person each, and labelled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image
from typer.testing import CliRunner

from knownface.cli.commands import app
from knownface.dataset.folder import scan
from knownface.errors import KnownfaceError
from knownface.synthetic.folder import LABEL, demo, write_photos
from knownface.synthetic.model import FILE, load_model

PEOPLE, PHOTOS = 3, 8


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "people"
    demo(folder, people=PEOPLE, photos=PHOTOS, seed=3)
    return folder


def test_folder_is_ready_for_training(invented: Path) -> None:
    dataset = scan(invented)
    assert len(dataset.people) == PEOPLE
    assert np.bincount(dataset.labels).tolist() == [PHOTOS] * PEOPLE
    assert [path.name for path in dataset.paths[:2]] == ["photo_01.jpg", "photo_02.jpg"]


def test_every_photo_and_the_folder_say_that_nobody_is_shown(invented: Path) -> None:
    for path in scan(invented).paths:
        with Image.open(path) as image:
            assert image.info["comment"].decode() == LABEL
            assert image.getexif()[ExifTags.Base.ImageDescription] == LABEL
            assert 240 <= min(image.size) <= 480
    text = (invented / "README.txt").read_text()
    assert "do not exist" in text
    assert "never evidence of accuracy" in text


def test_same_seed_same_bytes_and_more_people_change_nothing(
    invented: Path, tmp_path: Path
) -> None:
    demo(tmp_path / "more", people=PEOPLE + 1, photos=PHOTOS + 1, seed=3)
    for path in scan(invented).paths:
        assert (tmp_path / "more" / path.relative_to(invented)).read_bytes() == path.read_bytes()
    demo(tmp_path / "other", people=PEOPLE, photos=1, seed=4)
    assert not set(scan(tmp_path / "other").people) & set(scan(invented).people)


def test_two_at_once_leave_opencv_as_it_was(tmp_path: Path, three_threads: None) -> None:
    first, second = (write_photos([(tmp_path / name, (0, 2, 0), 2)], 2) for name in "ab")
    next(first)
    next(second)
    assert len(list(first)) == 1
    assert cv2.getNumThreads() == 1
    assert len(list(second)) == 1
    assert cv2.getNumThreads() == 3


def test_one_face_each_and_one_identity_per_person(invented: Path, shared: Path) -> None:
    from knownface.dataset.split import group_photos
    from knownface.embed.frozen import backbone_embedder
    from knownface.faces.crops import FaceCropper
    from knownface.faces.detectors import load_detector
    from knownface.faces.fingerprint import near_duplicates
    from knownface.networks.zoo import get_backbone

    dataset = scan(invented)
    record = get_backbone("mobilefacenet")
    photos = list(FaceCropper(record.crop, load_detector()).crop_photos(dataset.paths))
    faces = np.array([len(photo.faces) for photo in photos])
    assert np.mean(faces == 1) >= 0.9
    marks = np.stack([photo.fingerprint for photo in photos if photo.fingerprint is not None])
    groups = group_photos(near_duplicates(marks), len(photos))
    assert len(np.unique(groups)) == len(photos)  # no photo is a near-duplicate of another

    crops = np.stack([photo.crops[0] for photo in photos if photo.faces])
    embeddings = backbone_embedder(record, precision="float32").embed(crops)
    labels = dataset.labels[faces > 0]
    cosines, same = embeddings @ embeddings.T, labels[:, None] == labels
    pairs = np.triu(np.ones_like(same), 1)
    within, between = cosines[same & pairs], cosines[~same & pairs]
    assert within.mean() > between.mean() + 0.15
    assert within.min() < between.max()  # neither perfect


def test_strangers_lie_beside_the_people(tmp_path: Path) -> None:
    demo(tmp_path / "demo", people=2, photos=1, strangers=2)
    people, strangers = scan(tmp_path / "demo" / "people"), scan(tmp_path / "demo" / "strangers")
    assert len(people.people) == len(strangers.people) == 2
    assert not set(people.people) & set(strangers.people)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"people": 0}, "^people must be 1 or more, not 0"),
        ({"people": 9999}, "9999 people are too many"),
        ({"photos": 0}, "^photos must be between 1 and 1000, not 0"),
        ({"strangers": -1}, "^strangers must be 0 or more"),
        ({"seed": -1}, "^seed must be 0 or more"),
    ],
)
def test_impossible_numbers(arguments: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match=message):
        demo(tmp_path / "demo", **arguments)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(KnownfaceError, match="exists already"):
        demo(tmp_path, people=1, photos=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(items: Iterator[None], description: str, total: int) -> Iterator[None]:
        yield next(items)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo(tmp_path / "demo", people=1, photos=3, track=interrupted)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_command(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = CliRunner().invoke(
        app, ["demo", str(folder), "--people", "2", "--photos", "1", "--json"]
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"folder": str(folder), "people": 2, "photos": 2}
    again = CliRunner().invoke(app, ["demo", str(folder), "--quiet"])
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert len(again.stderr.strip().splitlines()) == 1


def test_the_model_holds_directions_and_nobody() -> None:
    model = load_model()
    assert (len(model.mean), len(model.people), len(model.photos)) == (1, 48, 40)
    assert FILE.stat().st_size < 2 * 2**20
