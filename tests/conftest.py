"""What tests share: the real photos, a small folder of people, and one finished run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("KNOWNFACE_SHARED", "../shared")).resolve()
PEOPLE = ("Adriana_Lima", "Hugh_Jackman", "Johnny_Depp", "Megan_Fox", "Tom_Cruise")
STRANGERS = ("Barack_Obama", "Emma_Stone", "Keanu_Reeves", "Morgan_Freeman", "Rihanna")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nothing that a test does reaches the user's own cache, or depends on it."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        yield folder


@pytest.fixture(scope="session")
def shared() -> Iterator[Path]:
    """The folder of real photos and weights; without it a test is skipped, in CI it fails."""
    if not (SHARED / "data").is_dir():
        message = f"no real photos: {SHARED}/data is missing (set KNOWNFACE_SHARED)"
        if os.environ.get("KNOWNFACE_REQUIRE_SHARED"):
            pytest.fail(message)
        pytest.skip(message)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KNOWNFACE_WEIGHTS", str(SHARED / "weights"))
        yield SHARED


@pytest.fixture(scope="session")
def people(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five people with ten photos each."""
    return _copy(shared / "data" / "people", PEOPLE, 10, tmp_path_factory.mktemp("few") / "people")


@pytest.fixture(scope="session")
def strangers(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five other people with four photos each."""
    target = tmp_path_factory.mktemp("few") / "strangers"
    return _copy(shared / "data" / "strangers", STRANGERS, 4, target)


@pytest.fixture(scope="session")
def run_folder(people: Path, strangers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of recipe `frozen` on those people; not to be changed."""
    from knownface.training.train import train

    out = tmp_path_factory.mktemp("runs") / "frozen"
    return train(people, out=out, recipe="frozen", strangers=str(strangers)).folder


def _copy(source: Path, names: tuple[str, ...], photos: int, target: Path) -> Path:
    for name in names:
        (target / name).mkdir(parents=True)
        for photo in sorted((source / name).iterdir())[:photos]:
            shutil.copy(photo, target / name)
    return target
