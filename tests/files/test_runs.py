"""Run folders: whole or not at all, one process at a time, and what was trained is never lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from knownface.errors import Interrupted, KnownfaceError
from knownface.files import runs
from knownface.files.runs import run_folder

FULL = OSError(errno.ENOSPC, "No space left on device")


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())


def cut_off(place: Path, error: BaseException, checkpoints: bool = True) -> None:
    """A run in `place` that ends with an error, after its first epoch or before."""
    with run_folder(place, "x") as run:
        if checkpoints:
            (run.work / "checkpoints").mkdir()
            (run.work / "checkpoints" / "epoch").write_text("trained for hours")
        raise error


def finish(place: Path, text: str = "finished") -> None:
    with run_folder(place, "x") as run:
        (run.work / "result").write_text(text)


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    with pytest.raises(RuntimeError):
        cut_off(tmp_path / "run", RuntimeError("power cut"))
    return tmp_path / ".run.unfinished"


# ---------------------------------------------------------------- whole, or not at all
def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", "x") as run:
        (run.work / "checkpoints").mkdir()
        (run.work / "result").touch()
        assert not run.final.exists()
    assert [path.name for path in run.final.iterdir()] == ["result"]
    assert list(tmp_path.iterdir()) == [run.final]


@pytest.mark.parametrize("error", [KnownfaceError("mend it"), RuntimeError("a fault"), FULL])
def test_nothing_is_left_of_a_failure_without_checkpoints(tmp_path: Path, error: Exception) -> None:
    with pytest.raises((KnownfaceError, RuntimeError)):
        cut_off(tmp_path / "run", error, checkpoints=False)
    assert not list(tmp_path.iterdir())


def test_an_interruption_says_what_is_left(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"nothing of .*run was left behind"):
        cut_off(tmp_path / "run", KeyboardInterrupt(), checkpoints=False)
    assert not list(tmp_path.iterdir())
    with pytest.raises(Interrupted, match=r"\.run\.unfinished keeps.*resume=True.* goes on"):
        cut_off(tmp_path / "run", KeyboardInterrupt())
    assert (tmp_path / ".run.unfinished" / "checkpoints" / "epoch").is_file()


# ---------------------------------------------------------------- what was trained is kept
@pytest.mark.parametrize(
    "error", [KnownfaceError("mend it"), RuntimeError("a fault"), FULL, KeyboardInterrupt()]
)
@pytest.mark.parametrize("resume", [False, True])
def test_checkpoints_outlive_every_failure(
    tmp_path: Path, error: BaseException, resume: bool
) -> None:
    place, kept = tmp_path / "run", tmp_path / ".run.unfinished" / "checkpoints" / "epoch"
    with pytest.raises((Exception, KeyboardInterrupt)):
        cut_off(place, error)
    if resume:
        with pytest.raises((Exception, KeyboardInterrupt)), run_folder(place, "x", resume=True):
            raise error
    assert kept.read_text() == "trained for hours"
    with run_folder(place, "x", resume=True) as run:
        assert (run.work / "checkpoints" / "epoch").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_full_disk_is_a_sentence_that_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match=r"run: cannot be written \(No space.*goes on with"):
        cut_off(tmp_path / "run", FULL)


def test_another_file_is_not_blamed_on_the_run(tmp_path: Path) -> None:
    elsewhere = OSError(errno.ENOSPC, "No space left on device", "/elsewhere/cache")
    with pytest.raises(OSError, match="/elsewhere/cache"):
        cut_off(tmp_path / "run", elsewhere)


def test_a_forgotten_request_begins_nothing_anew(unfinished: Path, tmp_path: Path) -> None:
    before = files_of(tmp_path)
    with pytest.raises(KnownfaceError, match=r"run: was cut off.*resume=True.*another out begins"):
        finish(tmp_path / "run")
    assert files_of(tmp_path) == before
    finish(tmp_path / "other")
    assert (unfinished / "checkpoints" / "epoch").is_file()


def test_a_new_name_is_no_way_around_it(
    unfinished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    unfinished.rename(tmp_path / "runs" / ".run.unfinished")
    with pytest.raises(KnownfaceError, match="was cut off"), run_folder(None, "run"):
        pass
    with run_folder(None, "run", resume=True) as run:
        assert (run.work / "checkpoints" / "epoch").is_file()


def test_what_was_killed_before_its_first_checkpoint_starts_anew(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), run_folder(tmp_path / "run", "x") as run:  # noqa: PT012
        (run.work / "half").touch()
        kept = {path.name: path.read_bytes() for path in run.work.iterdir()}
        raise RuntimeError
    run.work.mkdir()
    for name, content in kept.items():  # as if the process had been killed
        (run.work / name).write_bytes(content)
    with run_folder(tmp_path / "run", "x") as run:
        assert not (run.work / "half").exists()


def test_there_must_be_something_to_continue(tmp_path: Path) -> None:
    with (
        pytest.raises(KnownfaceError, match="no unfinished run"),
        run_folder(tmp_path / "run", "x", resume=True),
    ):
        pass
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- what is somebody else's
@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("kind", ["folder", "link", "dangling", "file"])
def test_a_working_folder_of_somebody_else_is_never_touched(
    kind: str, resume: bool, tmp_path: Path
) -> None:
    theirs, taken = tmp_path / "theirs", tmp_path / ".run.unfinished"
    (theirs / "checkpoints").mkdir(parents=True)
    (theirs / "checkpoints" / "mine").write_text("precious")
    if kind == "folder":
        theirs.rename(taken)
    elif kind == "file":
        taken.write_text("precious")
    else:
        taken.symlink_to(theirs if kind == "link" else tmp_path / "nowhere")
    before = files_of(tmp_path)
    with (
        pytest.raises(KnownfaceError, match="not made by knownface; move it away"),
        run_folder(tmp_path / "run", "x", resume=resume),
    ):
        pass
    assert files_of(tmp_path) == before
    assert os.path.lexists(taken)


def test_links_inside_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "mine").write_text("precious")
    work = tmp_path / ".run.unfinished"
    work.mkdir()
    (work / runs.MARK).write_text("/\n")
    (work / "link").symlink_to(tmp_path / "theirs")
    finish(tmp_path / "run")
    assert files_of(tmp_path / "run") == ["result"]
    assert files_of(tmp_path / "theirs") == ["mine"]


@pytest.mark.parametrize("kind", ["run", "file", "link"])
def test_what_appears_meanwhile_is_left_alone(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "run"
    with run_folder(place, "x") as run:
        (run.work / "result").write_text("ours")
        if kind == "run":
            place.mkdir()
            (place / "result").write_text("theirs")
        elif kind == "file":
            place.write_text("theirs")
        else:
            place.symlink_to(tmp_path / "nowhere")
    assert run.final == tmp_path / "run-2"
    assert (run.final / "result").read_text() == "ours"
    if kind != "link":
        assert ((place / "result") if kind == "run" else place).read_text() == "theirs"
    assert "run: appeared meanwhile and was left alone; this run is" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run-2"]


# ---------------------------------------------------------------- one at a time
def test_two_runs_never_write_one_folder(tmp_path: Path) -> None:
    with run_folder(tmp_path / "run", "x") as run:
        (run.work / "mine").touch()
        with pytest.raises(KnownfaceError, match="another run"), run_folder(run.final, "x"):
            pass
        assert (run.work / "mine").is_file()
    assert (run.final / "mine").is_file()


SECOND = """
import sys
from pathlib import Path
from knownface.files.runs import run_folder
with run_folder(Path(sys.argv[1]), "x") as run:
    (run.work / "second").touch()
"""


def second_run(place: Path) -> str:
    """Another process that wants the same folder: what it says."""
    command = [sys.executable, "-c", SECOND, str(place)]
    return subprocess.run(command, capture_output=True, text=True).stderr


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_second_run_waits_until_the_first_has_its_name(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename: Callable[..., Path] = Path.rename
    said = []

    def watched(path: Path, target: Path) -> Path:
        if when == "before":
            said.append(second_run(tmp_path / "run"))
        renamed = rename(path, target)
        if when == "after":
            said.append(second_run(tmp_path / "run"))
        return renamed

    monkeypatch.setattr(Path, "rename", watched)
    finish(tmp_path / "run")
    monkeypatch.undo()
    assert len(said) == 1
    assert "KnownfaceError" in said[0]
    assert files_of(tmp_path) == ["run/result"]


# ---------------------------------------------------------------- where, and for whom
def test_a_run_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        finish(tmp_path / "new" / "run")
    finally:
        os.umask(before)
    for folder in (tmp_path / "new", tmp_path / "new" / "run"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_the_longest_names_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a" * 255, "é" * 127):
        for number in range(2):
            with run_folder(None, name) as run:
                (run.work / "result").touch()
            assert run.final.name.startswith(name[:100])
            assert run.final.name.endswith("-2") == bool(number)
    assert len(list((tmp_path / "runs").iterdir())) == 4


@pytest.mark.parametrize("place", ["file", "file/run", "file/deep/run"])
def test_no_folder_can_be_made_there(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(KnownfaceError, match=r"is a file|cannot be written"):
        finish(tmp_path / place)
    assert files_of(tmp_path) == ["file"]
