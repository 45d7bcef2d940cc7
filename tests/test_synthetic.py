"""People who do not exist: the same for each seed, themselves in every photo, and labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from knownface.backbones import get_backbone
from knownface.crops import FaceCropper
from knownface.dataset import group_photos, scan
from knownface.detection import load_detector
from knownface.errors import KnownfaceError
from knownface.export import backbone_embedder
from knownface.synthetic.folder import write_people


@pytest.fixture(scope="module")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("invented") / "people"
    write_people(folder, people=4, photos=8, seed=3)
    return folder


def test_the_same_seed_gives_the_same_bytes(invented: Path, tmp_path: Path) -> None:
    write_people(tmp_path / "again", people=2, photos=3, seed=3)
    for photo in sorted((tmp_path / "again").glob("*/*.jpg")):
        assert photo.read_bytes() == (invented / photo.relative_to(tmp_path / "again")).read_bytes()
    write_people(tmp_path / "other", people=2, photos=1, seed=4)
    assert not {p.name for p in (tmp_path / "other").iterdir() if p.is_dir()} & {
        p.name for p in invented.iterdir() if p.is_dir()
    }


def test_every_photo_says_that_nobody_is_shown(invented: Path) -> None:
    assert "do not exist" in (invented / "README.txt").read_text()
    for photo in invented.glob("*/*.jpg"):
        with Image.open(photo) as image:
            assert "does not exist" in image.getexif()[ExifTags.Base.ImageDescription]
            assert b"synthetic" in image.info["comment"]


def test_faces_are_found_and_stay_themselves(invented: Path, shared: Path) -> None:
    found = scan(invented)
    cropper = FaceCropper(get_backbone("mobilefacenet").crop, load_detector())
    photos = list(cropper.crop_photos(found.paths))
    assert np.mean([len(photo.faces) == 1 for photo in photos]) >= 0.9
    seen = [i for i, photo in enumerate(photos) if photo.faces]
    embedder = backbone_embedder(get_backbone("mobilefacenet"))
    embeddings = embedder.embed(np.stack([photos[i].crops[0] for i in seen]))
    labels = found.labels[seen]
    similarity = embeddings @ embeddings.T
    same = labels[:, None] == labels
    apart = ~np.eye(len(labels), dtype=bool)
    assert similarity[same & apart].mean() > similarity[~same].mean() + 0.2
    marks = np.stack([photo.fingerprint for photo in photos if photo.fingerprint is not None])
    groups = group_photos(marks, found.labels, [None] * len(marks))
    assert len(np.unique(groups)) >= 0.9 * len(marks)


def test_strangers_lie_beside_the_people(tmp_path: Path) -> None:
    write_people(tmp_path / "demo", people=2, photos=1, strangers=3)
    counts = [len(list((tmp_path / "demo" / name).iterdir())) for name in ("people", "strangers")]
    assert counts == [2, 3]


def test_wrong_use_leaves_nothing(invented: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match="exists already"):
        write_people(invented)
    with pytest.raises(KnownfaceError, match=r"--people must be 1 or more, not 0"):
        write_people(tmp_path / "demo", people=0)

    def interrupted(items, description, total):  # type: ignore[no-untyped-def]
        yield next(iter(items))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_people(tmp_path / "demo", people=2, photos=2, track=interrupted)
    assert not list(tmp_path.iterdir())
