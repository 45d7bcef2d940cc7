"""Arrays from archives: nothing is believed that their headers say."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from knownface.files.arrays import read_npz


def saved(array: np.ndarray, shape: str = "", version: tuple[int, int] | None = None) -> bytes:
    """An array as `.npy`, with another shape in its header."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    if shape:
        old = f"'shape': {array.shape}, }}"
        new = f"'shape': {shape}, }}"
        width = len(old) + 60
        content = stream.getvalue()
        start = content.index(old.encode())
        assert content[start : start + width].endswith(b" ")
        return content[:start] + new.ljust(width).encode() + content[start + width :]
    return stream.getvalue()


def archived(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    return path


def test_arrays_come_back(tmp_path: Path) -> None:
    arrays = {
        "rows": np.arange(6.0).reshape(2, 3), "columns": np.asfortranarray(np.eye(3)[:2]),
        "text": np.array(["å", ""]), "one": np.array("x"), "none": np.zeros((0, 4), np.float32),
    }  # fmt: skip
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        found = read_npz(tmp_path / "a.npz", 10_000)
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (saved(np.zeros(8), "(1000000000000,)"), "not as long as its header says"),
        (saved(np.zeros(8), "(-1, -8)"), "negative"),
        (saved(np.zeros(8))[:-8], "not as long as its header says"),
        (saved(np.zeros(8))[:20], "EOF"),
        (saved(np.array([{}], object)), "holds objects"),
        (saved(np.zeros(8), version=(3, 0)), "has a format that"),
        (b"no array", "magic"),
        (b"", "EOF"),
    ],
)
def test_what_is_no_array_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        read_npz(archived(tmp_path / "a.npz", content), 10_000)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = archived(tmp_path / "a.npz", saved(np.zeros(8)))
    content = bytearray(path.read_bytes())
    content[150] ^= 1
    for damaged in (content, content[:-30], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"."):
            read_npz(path, 10_000)
    with pytest.raises(OSError, match="No such file"):
        read_npz(tmp_path / "none.npz", 10_000)
