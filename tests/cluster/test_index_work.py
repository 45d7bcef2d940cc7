"""Work in several processes: a photo by which one dies is that photo's error alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from painted import recognizer

from knownface.cluster import index_work
from knownface.cluster.index_rows import PhotoFile, Rows
from knownface.cluster.index_work import Reader, in_processes
from knownface.faces.crops import FaceCropper
from knownface.faces.face import Crop, Face
from knownface.faces.photo import write_image
from knownface.faces.picture import Picture


class Deadly:
    """A detector that finds one face everywhere, and by which a black photo ends the process."""

    name, file = "deadly", None

    def find_faces(self, picture: Picture) -> list[Face]:
        if not picture.whole().any():
            os._exit(11)
        marks = np.array([[4, 5], [10, 5], [7, 8], [5, 11], [9, 11]], np.float32)
        return [Face((1.0, 1.0, 14.0, 14.0), marks, 0.9)]


def test_the_rest_goes_on_where_a_photo_ends_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_work, "BATCH", 3)
    files = []
    for i in range(7):
        path = tmp_path / f"{i}.png"
        write_image(path, np.full((16, 16, 3), 0 if i == 5 else 99 + i, np.uint8))
        files.append(PhotoFile(str(path), path.stat().st_size, 7))
    embedder = recognizer(tmp_path / "recognizer").embedder
    reader = Reader(FaceCropper(Crop("box", 16), Deadly()), embedder)  # type: ignore[arg-type]
    found = Rows.together(list(in_processes(reader, files, 2, 1)))
    assert found.photos["path"].to_pylist() == [file.path for file in files]
    errors = found.photos["error"].to_pylist()
    assert [i for i, error in enumerate(errors) if error] == [5]
    assert errors[5].startswith(f"{files[5].path}: the process that read it was ended")
    assert found.faces["photo"].to_pylist() == [file.path for file in files if file != files[5]]


WORKING = """
import os, sys, time
from pathlib import Path
from knownface.cluster import index_work

class Reader:
    def rows(self, files, threads):
        Path(sys.argv[1] if len(sys.argv) > 1 else files[0], str(os.getpid())).touch()
        time.sleep(60)
        return iter(())

if __name__ == "__main__":
    list(index_work.in_processes(Reader(), [sys.argv[1]] * 65, 2, 1))
"""


def test_no_process_outlives_the_one_that_asked(tmp_path: Path) -> None:
    (tmp_path / "working.py").write_text(WORKING)
    (tmp_path / "pids").mkdir()
    command = [sys.executable, str(tmp_path / "working.py"), str(tmp_path / "pids")]
    running = subprocess.Popen(command)
    while len(pids := [int(path.name) for path in (tmp_path / "pids").iterdir()]) < 2:
        assert running.poll() is None
        time.sleep(0.05)
    running.kill()
    running.wait()
    for _ in range(200):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return
        time.sleep(0.05)
    raise AssertionError(f"still there: {pids}")
