"""A run that needs neither photos of people nor a download: pictures of colours, and mini."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


def pictures(folder: Path, people: int, photos: int, seed: int) -> Path:
    """Ready crops of so many people, each of whom has colours of their own."""
    rng = np.random.default_rng(seed)
    for person in range(people):
        place = folder / f"person {person}"
        place.mkdir(parents=True)
        own = rng.uniform(0, 255, (7, 7, 3))
        for photo in range(photos):
            mixed = 0.78 * own + 0.22 * rng.uniform(0, 255, (7, 7, 3))
            picture = cv2.resize(mixed.astype(np.uint8), (112, 112), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(place / f"{photo}.png"), picture)
    return folder


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its own photos beside it; not to be changed."""
    from knownface.training.train import train

    place = tmp_path_factory.mktemp("small")
    pictures(place / "people", 4, 10, 0)
    pictures(place / "strangers", 6, 4, 1)
    run = train(
        place / "people", out=place / "run", recipe="frozen", backbone="mini", faces="cropped",
        strangers=str(place / "strangers"),
    )  # fmt: skip
    return run.folder
