"""Two photos compared, where one holds several faces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import knownface as shell

import knownface
from knownface.faces.photo import read_image, write_image


@pytest.fixture
def pair(people: Path, tmp_path: Path) -> Path:
    """Two people side by side; she is the second and smaller."""
    he, she = (read_image(people / name / "001.jpg") for name in ("Johnny_Depp", "Megan_Fox"))
    she = she[::2, ::2]
    sheet = np.full((max(len(he), len(she)), he.shape[1] + she.shape[1], 3), 128, np.uint8)
    sheet[: len(he), : he.shape[1]] = he
    sheet[: len(she), he.shape[1] :] = she
    write_image(tmp_path / "pair.jpg", sheet)
    return tmp_path / "pair.jpg"


@pytest.mark.parametrize("order", [1, -1])
def test_the_best_pair_is_compared_whoever_stands_in_front(
    order: int, people: Path, run_folder: Path, pair: Path
) -> None:
    for name, same in (("Megan_Fox", True), ("Johnny_Depp", True), ("Tom_Cruise", False)):
        photos = [pair, people / name / "002.jpg"][::order]
        found = knownface.verify(*photos, recognizer=run_folder, far=0.05)
        assert found.same == same
        assert found.faces == (2, 1)[::order]
        left = found.boxes[0 if order == 1 else 1][0]
        if same:
            assert (left > read_image(pair).shape[1] / 2) == (name == "Megan_Fox")
    alone = knownface.verify(*[people / "Tom_Cruise" / f"00{i}.jpg" for i in (1, 2)],
                             recognizer=run_folder, far=0.05)  # fmt: skip
    assert alone.faces == (1, 1)
    assert alone.threshold < found.threshold  # of two pairs, each has half of the rate
    assert alone.far == found.far


def test_the_shell_says_it(people: Path, run_folder: Path, pair: Path) -> None:
    photos = [pair, people / "Megan_Fox" / "002.jpg"]
    done = shell("verify", *photos, "--recognizer", run_folder)
    assert "same person" in done.stdout
    assert "the best pair of 2 and 1 faces" in done.stdout
    assert "pair.jpg: 2 faces; compared is [" in " ".join(done.stderr.split())
    document = json.loads(shell("verify", *photos, "--json").stdout)
    assert document["faces"] == [2, 1]
    assert len(document["boxes"][0]) == 4
