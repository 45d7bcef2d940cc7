"""Photos by the years between them and the nearest enrolled one, from EXIF to the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import knownface
from PIL import Image
from support import gallery_of

from knownface.measure.evaluation import Evaluation
from knownface.measure.trial import Trial
from knownface.measure.years import YEAR, measure_years, years_apart
from knownface.recognition.living.gallery import LivingGallery

PEOPLE = ("Ann", "Bob", "Cat", "Dan")


# ---------------------------------------------------------------- years
def test_the_nearest_dated_photo_of_the_same_person_counts() -> None:
    gallery = gallery_of(3, 2)
    gallery = replace(gallery, taken=(0.0, 20 * YEAR, None, 5 * YEAR, None, None))
    truth, taken = np.array([0, 0, 1, 1, 2]), [8 * YEAR, 26 * YEAR, 4 * YEAR, None, 1.0]
    apart = years_apart(gallery, truth, taken)
    np.testing.assert_allclose(apart, [8, 6, 1, np.nan, np.nan])


@pytest.mark.parametrize(("years", "row"), [
    (0.0, "under 1 year"), (0.99, "under 1 year"), (-0.5, "under 1 year"), (1.0, "1 to 3 years"),
    (-2.5, "1 to 3 years"), (3.0, "3 to 10 years"), (10.0, "over 10 years"),
    (90.0, "over 10 years"),
])  # fmt: skip
def test_each_photo_has_its_row(years: float, row: str) -> None:
    gallery = replace(gallery_of(2, 1), taken=(0.0, None))
    trial = Trial(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]), np.zeros(0))
    (score,) = measure_years(gallery, trial, 0.5, [years * YEAR, years * YEAR])
    assert (score.name, score.people, score.photos, score.dir) == (row, 1, 1, 1.0)


def test_without_dates_there_are_no_rows() -> None:
    trial = Trial(np.array([[0.9, 0.1]]), np.array([0]), np.zeros(0))
    assert measure_years(gallery_of(2, 1), trial, 0.5, [1e9]) == []
    assert measure_years(replace(gallery_of(2, 1), taken=(1e9, 1e9)), trial, 0.5, [None]) == []


# ---------------------------------------------------------------- from EXIF to the report
def photo(path: Path, person: int, number: int, date: str = "") -> Path:
    """Somebody's pattern under a weaker one that is the photo's own, and a date by the camera."""
    own, each = np.random.default_rng(person), np.random.default_rng((person, number))
    pattern = own.integers(0, 256, (7, 7, 3)).repeat(16, 0).repeat(16, 1)
    pattern += each.integers(-60, 60, (14, 14, 3)).repeat(8, 0).repeat(8, 1)
    pixels = np.clip(pattern, 0, 255).astype(np.uint8)
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({36867: date} if date else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    return path


@pytest.fixture(scope="module")
def dated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people with eight photos each, one a month of 2010."""
    folder = tmp_path_factory.mktemp("dated")
    for person, name in enumerate(PEOPLE):
        for i in range(8):
            date = f"2010:{i + 1:02}:15 12:00:00"
            photo(folder / "data" / name / f"{i}.jpg", person, 100 * i, date)
    done = knownface(
        "train", folder / "data", "--backbone", "mini", "--faces", "cropped", "--recipe", "frozen",
        "--out", folder / "run", "--quiet", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def probes(dated_run: Path) -> Path:
    """Of each: two photos of 2011, two of 2016, two of 2023 of somebody else, two without dates."""
    folder = dated_run.parent / "probes"
    for person, name in enumerate(PEOPLE):
        for i, date in enumerate(["2011:02:01 10:00:00", "2016:06:01 10:00:00"]):
            photo(folder / name / f"{date[:4]}-a.jpg", person, 7 + i, date)
            photo(folder / name / f"{date[:4]}-b.jpg", person, 17 + i, date)
        other = (person + 1) % len(PEOPLE)
        photo(folder / name / "late-a.jpg", other, 27, "2023:06:01 10:00:00")
        photo(folder / name / "late-b.jpg", other, 37, "2023:06:01 10:00:00")
        photo(folder / name / "when-a.jpg", person, 47)
        photo(folder / name / "when-b.jpg", person, 57, "1980:01:01 00:00:10")
    return folder


def evaluated(run: Path, probes: Path, *more: object) -> dict[str, Any]:
    done = knownface("evaluate", run, probes, "--json", *more)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_test_of_train_has_dates_too(dated_run: Path) -> None:
    evaluation = Evaluation.load(dated_run / "evaluation.json")
    (row,) = evaluation.by_years
    assert (row.name, row.photos, row.people) == ("under 1 year", evaluation.tested, 4)
    assert None not in LivingGallery(dated_run).read().gallery.taken
    assert "nothing is known of people who have grown older" in (
        dated_run / "report.html"
    ).read_text(encoding="utf-8")


def test_evaluate_shows_them_by_years(dated_run: Path, probes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = evaluated(dated_run, probes, "--out", out)["by_years"]
    assert [(row["at_least"], row["below"], row["people"], row["photos"]) for row in rows] == [
        (0, 1, 4, 8), (3, 10, 4, 8), (10, None, 4, 8),
    ]  # fmt: skip
    assert [row["accuracy"] for row in rows] == [1.0, 1.0, 0.0]
    assert rows[2]["dir"] == 0.0
    assert rows[2]["dir_ci95"][0] == 0.0 < rows[2]["dir_ci95"][1] < 1.0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert ">Growing older</h2>" in page
    assert "24 of 32 test photos have a date" in page
    assert "| over 10 years | 4, 8 | 0.0 %" in (out / "model_card.md").read_text(encoding="utf-8")


def test_a_newly_enrolled_photo_brings_the_years_nearer(
    dated_run: Path, probes: Path, tmp_path: Path
) -> None:
    new = photo(tmp_path / "new.jpg", 0, 91, "2022:12:01 10:00:00")
    assert knownface("enroll", dated_run, "Ann", new).returncode == 0
    try:
        rows = evaluated(dated_run, probes)["by_years"]
        assert [(row["at_least"], row["photos"]) for row in rows] == [(0, 10), (3, 8), (10, 6)]
        assert 1669888800.0 in LivingGallery(dated_run).read().gallery.taken
    finally:
        assert knownface("undo", dated_run).returncode == 0


def test_without_dates_nothing_is_shown(dated_run: Path, tmp_path: Path) -> None:
    for person, name in enumerate(PEOPLE):
        photo(tmp_path / "probes" / name / "a.jpg", person, 67)
    assert evaluated(dated_run, tmp_path / "probes", "--out", tmp_path / "out")["by_years"] == []
    assert "Growing older" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Growing older" not in (tmp_path / "out" / "model_card.md").read_text(encoding="utf-8")
