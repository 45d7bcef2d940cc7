"""Odd machines: commands work, or say in one true sentence what is wrong."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import knownface as shell
from command_line import knownface_process, refused

# ---------------------------------------------------------------- Ctrl-C while importing
CUT = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["CUT_AT"]:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""
TRAIN_MODEL = Path(__file__).parents[2] / "train_model.py"


@pytest.mark.parametrize("module", ["knownface.cli.commands", "typer", "rich", "numpy", "keras"])
@pytest.mark.parametrize("start", [["-m", "knownface", "train", "data"], [str(TRAIN_MODEL)]])
def test_ctrl_c_while_importing_is_quiet(module: str, start: list[str], tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CUT)
    (tmp_path / "data" / "Ann").mkdir(parents=True)
    (tmp_path / "data" / "Ann" / "1.jpg").write_bytes(b"\xff\xd8\xff")
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, *start, "--backbone", "mini"], cwd=tmp_path, capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": paths, "CUT_AT": module},
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


# ---------------------------------------------------------------- libraries' threads
@pytest.mark.parametrize("asked", [None, "12"])
def test_openblas_is_told_not_to_wait_before_it_is_loaded(
    asked: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    code = """
import os, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("wait", os.environ.get("OPENBLAS_THREAD_TIMEOUT"))

sys.meta_path.insert(0, Finder())
from knownface.cli import main
main()
"""
    own = {"OPENBLAS_THREAD_TIMEOUT": asked} if asked else {}
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(tmp_path)], capture_output=True, text=True,
        env=os.environ | own,
    )  # fmt: skip
    assert done.stdout.splitlines()[0] == f"wait {asked or 20}", done.stderr


# ---------------------------------------------------------------- what is printed
def test_the_first_use_of_a_network_shows_nothing_of_tensorflow(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    photos = sorted((people / "Tom_Cruise").iterdir())[:2]
    cache = {"XDG_CACHE_HOME": str(tmp_path)}  # so that mini is written once more
    done = knownface_process("verify", *photos, "--backbone", "mini", **cache)
    assert done.stdout.startswith("same person"), done.stderr
    assert "TensorFlow" not in done.stderr


def test_quiet_is_quiet_whatever_libraries_print(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    for name in ("Tom_Cruise", "Megan_Fox"):
        (tmp_path / "people" / name).mkdir(parents=True)
        for photo in sorted((people / name).iterdir())[:4]:
            shutil.copy(photo, tmp_path / "people" / name)
    code = """
import logging, sys, warnings
import knownface.training.train as training
from knownface.cli import main

real = training.run_recipe

def loud(*arguments):
    warnings.warn("a library's warning")
    logging.getLogger("library").warning("a library's log")
    return real(*arguments)

training.run_recipe = loud
main()
"""
    options = ["--recipe", "frozen", "--backbone", "mini", "--out", tmp_path / "run"]
    command = [sys.executable, "-c", code, "train", tmp_path / "people", *options, "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_terminal_shows_any_name(
    encoding: str, run_folder: Path, people: Path, tmp_path: Path
) -> None:
    name = "李 🙂 é.jpg"
    shutil.copy(people / "Tom_Cruise" / "001.jpg", tmp_path / name)
    command = [sys.executable, "-m", "knownface", "recognize", run_folder, tmp_path]
    environment = os.environ | {"PYTHONIOENCODING": f"{encoding}:strict"}
    for more in ([], ["--json"]):
        done = subprocess.run([*command, *more], capture_output=True, env=environment)
        assert done.returncode == 0, done.stderr
        shown = done.stdout.decode(encoding)
        assert "Tom_Cruise" in shown
    assert json.loads(shown)["photos"][0]["path"] == str(tmp_path / name)


# ---------------------------------------------------------------- disks and clocks
def test_keras_obeys_nobody_else_s_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)  # set where this process has imported it
    code = (
        "from knownface.networks.layers import keras; print(keras.src.backend.config.keras_home())"
    )
    access = "import os; os.access = lambda *_, **__: False; "  # a home that cannot be written
    done = subprocess.run(
        [sys.executable, "-c", access + code], capture_output=True, text=True,
        env={**os.environ, "HOME": "/nowhere"},
    )  # fmt: skip
    assert done.stdout.strip() == "/nowhere/.keras", done.stderr


def test_a_clock_before_1980_is_said(people: Path, tmp_path: Path) -> None:
    code = "import sys, time; time.time = lambda: 1e6; from knownface.cli import main; main()"
    out = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", str(people), "--recipe", "frozen", "--out", str(out)],
        capture_output=True, text=True,
    )  # fmt: skip
    refused(done, "clock stands before 1980")
    assert not list(tmp_path.iterdir())


def test_no_folder_for_temporary_files_is_said(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._candidate_tempdir_list", lambda: [str(tmp_path / "file")])
    done = shell("train", people, "--recipe", "frozen", "--out", tmp_path / "run")
    refused(done, "no folder for temporary files", "TMPDIR")


def test_people_with_the_longest_names(people: Path, tmp_path: Path) -> None:
    for letter, name in (("a", "Tom_Cruise"), ("b", "Megan_Fox")):
        target = tmp_path / ("x" * 255) / (letter * 255)
        target.mkdir(parents=True)
        for photo in ("001.jpg", "002.jpg", "003.jpg"):
            shutil.copy(people / name / photo, target)
    run, photos = tmp_path / "run", tmp_path / ("x" * 255)
    done = shell("train", photos, "--recipe", "frozen", "--out", run)
    assert done.returncode == 0, done.stderr
    done = shell("recognize", run, photos, "--albums", tmp_path / "albums", "--out", tmp_path / "o")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "albums").iterdir()} >= {"a" * 255, "b" * 255}


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_a_file_is_no_place_for_a_run(place: str, people: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(shell("train", people, "--out", tmp_path / place), "file", "ot a")


@pytest.mark.parametrize("quiet", [["--quiet"], []])
def test_what_calls_a_command_finds_logging_and_signals_as_they_were(
    quiet: list[str], tmp_path: Path
) -> None:
    logger = logging.getLogger("knownface")
    before = logger.level, list(logger.handlers), signal.getsignal(signal.SIGTERM)
    refused(shell("train", tmp_path / "nothing", *quiet), "nothing")
    assert before == (logger.level, logger.handlers, signal.getsignal(signal.SIGTERM))
