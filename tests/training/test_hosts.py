"""Two processes that train together, on this machine, with JAX."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from knownface.errors import KnownfaceError
from knownface.training.config import TrainingConfig
from knownface.training.hosts import Hosts, joined

TESTS = Path(__file__).parents[1]

PROGRAM = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from pathlib import Path
import numpy as np
from knownface.training.config import TrainingConfig
from knownface.training.hosts import joined
with joined(TrainingConfig(sys.argv[2], recipe="seed")) as together:
    from small_network import PLAN, coloured_people, run
    from knownface.training.precision import share_work
    share_work(8)
    folder, people = Path(sys.argv[2]) / str(together.number), coloured_people()
    if together.number and sys.argv[3] == "other":
        people.labels[0] = 2
    def watch(rows):
        if len(rows) == 2 and together.number and sys.argv[3] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        seen[:] = rows
    seen = []
    plan = replace(PLAN, precision="float32", loss="arcface", epochs=4, changes=None)
    start = np.random.default_rng(1).normal(size=(3, 8))
    trained, _ = run(people, folder, plan, start=start, checks=people, watch=watch)
    print(json.dumps([seen, trained.templates.tolist()]))
    together.leave()
"""


def started(folder: Path, count: int, what: str = "same") -> list[subprocess.Popen[str]]:
    """Processes that train `small_network` for 20 steps; each prints its history and templates."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, str(TESTS), str(folder), what]
    flags = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=1"}
    launched = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{port}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
    }
    return [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | flags | launched | {"KERAS_DISTRIBUTION_PROCESS_ID": str(number)},
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.backends
def test_two_processes_end_as_one_would(tmp_path: Path) -> None:
    """Each with its half of every batch: what is drawn for a batch would differ for two wholes."""
    pytest.importorskip("jax", reason="JAX is not installed")
    runs = [*started(tmp_path / "one", 1), *started(tmp_path / "two", 2)]
    ends = [json.loads(run.communicate()[0].splitlines()[-1]) for run in runs]
    (rows, templates), *others = ends
    assert len(rows) == 4
    for seen, made in others:
        for mine, theirs in zip(rows, seen, strict=True):
            assert mine == pytest.approx(theirs, abs=1e-4)
        np.testing.assert_allclose(made, templates, atol=1e-4)


@pytest.mark.backends
def test_where_one_is_killed_the_other_says_so_and_both_go_on_to_the_same_end(
    tmp_path: Path,
) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    whole = started(tmp_path / "whole", 1)[0]
    left, killed = started(tmp_path / "cut", 2, "killed")
    assert "Another process of this training has ended" in left.communicate()[1]
    assert left.returncode
    killed.communicate()
    shutil.rmtree(tmp_path / "cut" / "1")  # the first one hands its checkpoint on
    rows, templates = json.loads(whole.communicate()[0].splitlines()[-1])
    for run in started(tmp_path / "cut", 2):
        seen, made = json.loads(run.communicate()[0].splitlines()[-1])
        assert [row["loss"] for row in seen] == pytest.approx([row["loss"] for row in rows])
        np.testing.assert_allclose(made, templates, atol=1e-4)


@pytest.mark.backends
def test_processes_that_see_other_photos_do_not_wait_for_one_another(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    for run in started(tmp_path, 2, "other"):
        assert "Process 1 of 2 has other photos to learn from" in run.communicate()[1]
        assert run.returncode


def test_each_process_takes_its_part_of_a_batch() -> None:
    batch = np.arange(12)
    parts = [Hosts(number, 3).part(batch) for number in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), batch)
    assert {len(part) for part in parts} == {4}


@pytest.mark.parametrize("recipe", ["best", "frozen"])
@pytest.mark.backends
def test_what_several_processes_cannot_do_is_said(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knownface.networks.layers import keras

    launched = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0"}
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    jax = keras.backend.backend() == "jax"
    words = f"recipe='seed' alone, not {recipe}" if jax else "needs KERAS_BACKEND=jax"
    config = TrainingConfig(tmp_path, recipe=recipe)
    with pytest.raises(KnownfaceError, match=words), joined(config):
        pass
