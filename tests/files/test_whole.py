"""A file appears whole or not at all."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from knownface.files.runs import write_json
from knownface.files.whole import hidden_beside, private_folder, whole_file


def test_a_file_appears_after_success_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.weights.txt"
    with whole_file(path) as part:
        assert part.name.startswith(f".{path.name}.")
        assert part.suffixes[-2:] == path.suffixes  # some libraries write by them
        part.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"

    def cut_off() -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("umask", "like", "expected"),
    [(0o022, None, 0o600), (0o000, None, 0o600), (0o277, None, 0o400), (0o022, 0o644, 0o644),
     (0o077, 0o644, 0o600), (0o022, 0o400, 0o600), (0o022, 0o777, 0o644)],
)  # fmt: skip
def test_who_may_read_it(umask: int, like: int | None, expected: int, tmp_path: Path) -> None:
    photo, path = tmp_path / "photo", tmp_path / "new" / "deep" / "file"
    photo.touch()
    photo.chmod(like or 0)
    private_folder(path.parent)
    before = os.umask(umask)
    try:
        with whole_file(path, like=photo if like else None) as part:
            assert part.stat().st_mode & 0o777 == expected
            if expected & 0o200:
                part.write_text("faces")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == expected


def test_missing_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    before = os.umask(0o022)
    try:
        private_folder(shared / "new" / "deep")
        private_folder(shared)
    finally:
        os.umask(before)
    folders = (shared / "new" / "deep", shared / "new", shared)
    assert [path.stat().st_mode & 0o777 for path in folders] == [0o700, 0o700, 0o755]


def test_long_names_have_hidden_ones_of_their_own(tmp_path: Path) -> None:
    long = [tmp_path / ("é" * 120 + end) for end in ("1.jpg", "2.jpg")]
    for path in long:
        with whole_file(path) as part:
            part.write_text(path.name)
    assert [path.read_text() for path in long] == [path.name for path in long]
    hidden = [hidden_beside(path, ".unfinished") for path in (*long, tmp_path / "short")]
    assert len({*hidden}) == 3
    assert hidden[-1].name == ".short.unfinished"


def test_json_is_whole_and_has_no_number_that_json_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "new" / "document.json"
    write_json(path, {"name": "Zoë", "far": 0.01})
    first = path.read_text(encoding="utf-8")
    assert first == '{\n  "name": "Zoë",\n  "far": 0.01\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"far": float("nan")})
    with pytest.raises(TypeError):
        write_json(path, {"far": path})
    assert path.read_text(encoding="utf-8") == first
    assert list(path.parent.iterdir()) == [path]


def test_many_threads_make_one_folder(tmp_path: Path) -> None:
    """One of nine crops was not remembered: its folder was taken for a file."""
    with ThreadPoolExecutor(8) as pool:
        for number in range(300):
            list(pool.map(private_folder, [tmp_path / str(number) / "a" / "b"] * 8))
            assert (tmp_path / str(number) / "a" / "b").is_dir()
