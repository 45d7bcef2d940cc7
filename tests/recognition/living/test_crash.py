"""Killed in the middle of changes, by two writers: what was acknowledged is there, nothing half."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from living_people import Cast, living

from knownface.recognition.living.gallery import LivingGallery

# Enrols newcomers with two photos each, merges the last two, and says each name once it is done.
WRITER = """
import sys
from living_people import Cast
from knownface.recognition.living.gallery import LivingGallery
gallery, cast, who = LivingGallery(sys.argv[1]), Cast(12), sys.argv[2]
for number in range(10_000):
    name = f"{who} {number}"
    gallery.enroll(name, [cast.face(8, 2 * number), cast.face(9, 2 * number)])
    print(name, flush=True)
    if number % 5 == 4:
        gallery.merge(name, f"{who} {number - 1}")
        print(f"{name} > {who} {number - 1}", flush=True)
"""


def killed(folder: Path, seconds: float, who: str) -> list[str]:
    """What two writers had acknowledged when they were killed; the last line may be half."""
    tests = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, tests])}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), f"{who} {i}"],
                         stdout=subprocess.PIPE, text=True, env=environment)
        for i in range(2)
    ]  # fmt: skip
    first = [writer.stdout.readline() for writer in writers if writer.stdout]
    time.sleep(seconds)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
    said = [line for each in (writer.communicate()[0] for writer in writers)
            for line in each.splitlines(True)]  # fmt: skip
    return [line.strip() for line in [*first, *said] if line.endswith("\n")]


def look(gallery: LivingGallery, said: list[str]) -> None:
    """Everything that was acknowledged is there, and nothing is half."""
    people = {str(person.name): person for person in gallery.people()}
    for line in said:
        name = line.split(" > ")[0]
        there = gallery.person(name)  # of a merge, the other name; it may be done and not yet said
        assert there.name == name or there.photos == 4
    with sqlite3.connect(gallery.path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert not database.execute(
            "SELECT 1 FROM faces WHERE person NOT IN (SELECT id FROM people)"
        ).fetchall()
        without = "SELECT 1 FROM people WHERE id NOT IN (SELECT person FROM templates)"
        assert not database.execute(without).fetchall()
        assert not database.execute("SELECT 1 FROM history WHERE text = ''").fetchall()
    assert all(person.photos in (2, 4) for name, person in people.items() if " " in name)


def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    gallery = living(tmp_path / "recognizer", Cast(12), 4, 2)
    rng, said = random.Random(0), list[str]()
    for kill in range(int(os.environ.get("KNOWNFACE_KILLS", "3"))):
        said += killed(gallery.folder, rng.uniform(0, 0.4), f"writer {kill}")
        look(gallery, said)
    assert len(said) >= 6
