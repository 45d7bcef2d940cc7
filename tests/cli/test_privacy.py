"""What commands write is for its owner only; copies of photos are for whoever may read those."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import knownface as shell


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Others may read new files, as most systems have it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o777


@pytest.mark.usefixtures("usual_umask")
def test_everything_that_is_written_is_for_its_owner_only(people: Path, tmp_path: Path) -> None:
    for name in ("Megan_Fox", "Tom_Cruise", "Johnny_Depp"):
        (tmp_path / "people" / name).mkdir(parents=True)
        for photo in sorted((people / name).iterdir())[:4]:
            shutil.copy(photo, tmp_path / "people" / name)
    (tmp_path / "new" / "Megan_Fox").mkdir(parents=True)
    shutil.copy(people / "Megan_Fox" / "009.jpg", tmp_path / "new" / "Megan_Fox")
    (tmp_path / "photos").mkdir()
    shutil.copy(people / "Megan_Fox" / "001.jpg", tmp_path / "photos")
    given = set(tmp_path.rglob("*"))
    out = tmp_path / "out"
    commands: list[list[object]] = [
        ["train", tmp_path / "people", "--strangers", tmp_path / "photos", "--recipe", "frozen",
         "--out", out / "runs" / "one"],
        ["evaluate", out / "runs/one", tmp_path / "new", "--out", out / "again"],
        ["report", out / "runs" / "one", "--out", out / "pages" / "report.html"],
        ["check", tmp_path / "people", "--out", out / "check.html", "--fix", out / "clean"],
        ["recognize", out / "runs" / "one", tmp_path / "photos", "--out", out / "drawn", "--csv",
         out / "tables" / "faces.csv", "--albums", out / "albums", "--xmp"],
    ]  # fmt: skip
    fonts = str(tmp_path.parent / "matplotlib")
    for command in commands:
        done = shell(*command, XDG_CACHE_HOME=str(tmp_path / "cache"), MPLCONFIGDIR=fonts)
        assert done.returncode == 0, done.stderr
    written = set(tmp_path.rglob("*")) - given
    copies = {path for part in ("clean", "albums") for path in (out / part).rglob("*.jpg")}
    assert len(copies) >= 2
    assert {mode(path) for path in copies} == {mode(tmp_path / "photos" / "001.jpg")}
    assert [path for path in written - copies if mode(path) & 0o077] == []
    names = {path.name for path in written}
    assert {
        "gallery.sqlite",
        "embedder.keras",
        "embedder.onnx",
        "report.html",
        "check.html",
    } <= names
    assert {"001.jpg.xmp", "faces.csv", "crops", "embedders"} <= names


@pytest.mark.parametrize("theirs", [0o640, 0o600, 0o444, 0o755])
def test_a_sidecar_is_for_whoever_may_read_the_photo(
    theirs: int, run_folder: Path, people: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    shutil.copy(people / "Megan_Fox" / "001.jpg", photo)
    photo.chmod(theirs)
    before = os.umask(0o022)
    try:
        for _ in range(2):
            assert shell("recognize", run_folder, photo, "--xmp").returncode == 0
    finally:
        os.umask(before)
    assert mode(tmp_path / "photo.jpg.xmp") == 0o600 | theirs & 0o066
