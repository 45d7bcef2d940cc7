"""The first inferences of a process may be asked for by several threads at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from knownface.faces.crops import load_cropper
from knownface.faces.face import Crop
photos = sorted(Path(sys.argv[1]).rglob("*.jpg"))[:2]
assert len(list(load_cropper(Crop("five_point", 112), "detect").crop_photos(photos))) == 2
"""


def test_two_threads_do_not_wait_for_each_other(people: Path) -> None:
    for _ in range(10):  # 4 of 14 processes hung
        subprocess.run([sys.executable, "-c", PROGRAM, str(people)], check=True, timeout=30)
