"""`knownface recognize` with videos and live sources, as a shell sees it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from command_line import knownface as shell
from command_line import printed_so_far, refused
from painted import PEOPLE, STRANGER, Square, film, recognizer
from serving import streamed

import knownface

pytest.importorskip("av")


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recogniser's folder; what is loaded from it finds coloured squares."""
    loaded = recognizer(tmp_path / "colours")
    loaded.save(tmp_path / "recognizer")
    monkeypatch.setattr(knownface.Recognizer, "load", lambda *_: loaded)
    return tmp_path / "recognizer"


def red_and_a_stranger(seconds: float) -> list[Square]:
    squares: list[Square] = [(PEOPLE["Red"], 60 + 40 * seconds, 80, 40)]
    return squares + ([(STRANGER, 100, 180, 40)] if seconds >= 1 else [])


def test_names_when_they_appear_and_a_summary(known: Path, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", 3.0, red_and_a_stranger)
    done = shell("recognize", known, clip, "--every", 5, "--out", tmp_path / "annotated.mp4")
    assert done.returncode == 0, done.stderr
    first, total, *table = done.stdout.splitlines()
    assert first.startswith(f"{clip} 0:00:00.")
    assert ": Red " in first
    assert "track 1" in first
    assert total.startswith(f"{clip}: 1 known person and 1 stranger in 0:00:02.8")
    row = next(line for line in table if "Red" in line)
    assert "2.8 s" in row
    assert "times real time" in done.stderr
    assert (tmp_path / "annotated.mp4").stat().st_size > 1000


def test_json_is_a_line_per_event_and_the_summary(known: Path, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", 3.0, red_and_a_stranger)
    done = shell("recognize", known, clip, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = map(json.loads, done.stdout.splitlines())
    red = [line for line in lines if line["track"] == 1]
    assert [line["event"] for line in red] == ["came", "named", "went"]
    assert (red[2]["name"], red[2]["from"], red[2]["to"]) == ("Red", 0.0, 2.8)
    assert [line["event"] for line in lines if line["track"] == 2] == ["came", "went"]
    assert last["summary"][0]["strangers"] == 1
    assert [each["name"] for each in last["summary"][0]["people"]] == ["Red"]


def test_what_ends_early_is_said_and_used(known: Path, tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.ts", 3.0, red_and_a_stranger)
    clip.write_bytes(clip.read_bytes()[:-3000])
    done = shell("recognize", known, clip)
    assert done.returncode == 0
    assert ": Red " in done.stdout
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(1000))
    refused(shell("recognize", known, tmp_path / "broken.mp4"), "None of the videos")
    refused(shell("recognize", known, "http://127.0.0.1:9/live"), "None of the videos")


def test_ctrl_c_ends_a_live_source_with_a_summary(known: Path, tmp_path: Path) -> None:
    data = film(tmp_path / "live.ts", 3.0, red_and_a_stranger).read_bytes()
    table, copy = tmp_path / "tracks.csv", tmp_path / "copy.mp4"
    over = threading.Event()

    def interrupt() -> None:
        """As soon as the name is printed; how long that takes depends on the machine."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and ": Red " not in printed_so_far():
            if over.wait(0.05):
                return
        os.kill(os.getpid(), signal.SIGINT)

    with streamed(data, 3.0) as (address, _):
        threading.Thread(target=interrupt, daemon=True).start()
        done = shell("recognize", known, address, "--csv", table, "--out", copy, "--every", 2)
        over.set()
    assert done.returncode == 130, done.stderr
    assert ": Red " in done.stdout
    assert f"{address}: 1 known person" in done.stdout
    assert "Red" in table.read_text()
    assert copy.stat().st_size > 1000
