import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from knownface.errors import KnownfaceError
from knownface.files.rows import DiskRows
from knownface.recognition.recognizer import Recognizer


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)


@pytest.fixture
def stored(rows: np.ndarray) -> DiskRows:
    found = DiskRows((4, 4, 3))
    for start in (0, 7, 50):
        found.append(rows[start : 7 if start == 0 else None])
    return found


@pytest.mark.parametrize(
    "index", [slice(3, 40, 2), slice(0), np.array([5, 5, 0]), np.arange(50) % 3 == 0, 7, -1]
)
def test_indexed_like_an_array(rows: np.ndarray, stored: DiskRows, index: object) -> None:
    np.testing.assert_array_equal(np.asarray(stored[index]), rows[index])
    assert stored[index].shape == rows[index].shape


def test_selections_of_selections(rows: np.ndarray, stored: DiskRows) -> None:
    odd = stored[np.arange(50) % 2 == 1]
    np.testing.assert_array_equal(np.asarray(odd[10:20][np.array([3, 1])]), rows[1::2][[13, 11]])
    np.testing.assert_array_equal(np.stack(list(odd)), rows[1::2])
    assert len(stored) == 50


def test_out_of_range(stored: DiskRows) -> None:
    with pytest.raises(IndexError):
        stored[50]


def test_other_types() -> None:
    values = np.linspace(-1, 1, 12).reshape(4, 3)
    stored = DiskRows((3,), np.float16)
    stored.append(values)
    np.testing.assert_array_equal(np.asarray(stored), values.astype(np.float16))
    assert np.asarray(stored, np.float64).dtype == np.float64


def test_read_by_several_threads(rows: np.ndarray, stored: DiskRows) -> None:
    wanted = list(np.random.default_rng(1).integers(0, 50, (200, 9)))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: np.asarray(stored[index]), wanted))
    np.testing.assert_array_equal(found, rows[wanted])


def test_nothing_can_be_seen_and_nothing_is_left_after_kill(tmp_path: Path) -> None:
    code = (
        "import os, sys, numpy, knownface.files.rows as d\n"
        "rows = d.DiskRows((9,)); rows.append(numpy.ones((9, 9)))\n"
        "print(sum(len(names) for *_, names in os.walk(os.environ['XDG_CACHE_HOME'])))\n"
        "sys.stdout.flush()\n"
        "os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, stdout=-1, check=False)
    assert (ended.returncode, ended.stdout) == (-9, b"0\n")
    assert (tmp_path / "knownface").is_dir()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_home_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: np.ndarray
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    stored = DiskRows((4, 4, 3))
    stored.append(rows)
    np.testing.assert_array_equal(np.asarray(stored), rows)


def test_a_full_disk_is_an_error() -> None:
    stored = DiskRows((9,))
    stored._file = open("/dev/full", "w+b")  # noqa: SIM115 - closed with the test
    cache = os.environ["XDG_CACHE_HOME"]
    with pytest.raises(KnownfaceError, match=rf"^{cache}/knownface: .*No space left.*XDG_CACHE"):
        stored.append(np.ones((9, 9)))


def test_no_place_for_files_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: np.ndarray
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [str(tmp_path / "file")])
    with pytest.raises(KnownfaceError, match=r"Not a directory.*no folder for temporary files"):
        DiskRows((4, 4, 3))


def test_embedded_without_being_read_at_once(run_folder: Path) -> None:
    recognizer = Recognizer.load(run_folder)
    side = recognizer.crop.size
    crops = np.random.default_rng(2).integers(0, 256, (70, side, side, 3), dtype=np.uint8)
    stored = DiskRows((side, side, 3))
    stored.append(crops)
    embed = recognizer.embedder.embed
    np.testing.assert_array_equal(embed(stored[5:]), embed(crops[5:]))
    assert embed(stored[:0]).shape == embed(crops[:0]).shape
