"""The training loop on a small network: it learns, stops, and goes on to the same end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_network import PLAN, Examples, coloured_people, end, run

from knownface.errors import KnownfaceError
from knownface.networks.layers import keras
from knownface.training.head import Classifier
from knownface.training.views import Changes

pytestmark = pytest.mark.backends

TESTS = Path(__file__).parents[1]


@pytest.fixture
def examples() -> Examples:
    return coloured_people()


def test_it_learns_and_says_so_after_every_epoch(examples: Examples, tmp_path: Path) -> None:
    trained, (_, rows) = run(examples, tmp_path, replace(PLAN, epochs=15))
    assert trained.epochs == 15 == len(rows)
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]
    assert rows[-1]["accuracy"] > 0.8
    np.testing.assert_allclose(np.linalg.norm(trained.templates, axis=1), 1, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow traces steps")
def test_a_step_is_traced_once(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced twice, MobileFaceNet began ten seconds later."""
    traced, step = [], Classifier.train_step

    def counted(self: Classifier, *arguments: Any) -> Any:
        traced.append(arguments)
        return step(self, *arguments)

    monkeypatch.setattr(Classifier, "train_step", counted)
    run(examples, tmp_path, PLAN, checks=examples)
    assert len(traced) == 1


def test_equal_seeds_end_equally_and_others_do_not(examples: Examples, tmp_path: Path) -> None:
    ends = [
        run(examples, tmp_path / str(i), replace(PLAN, seed=seed))[0].templates
        for i, seed in enumerate((3, 3, 4))
    ]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert np.abs(ends[0] - ends[2]).max() > 1e-3


@pytest.mark.parametrize("changes", [Changes(), None])
def test_a_run_that_is_cut_off_goes_on_to_the_same_end(
    examples: Examples, tmp_path: Path, changes: Changes | None
) -> None:
    plan = replace(PLAN, changes=changes)
    whole, (weights, rows) = run(examples, tmp_path / "whole", plan)

    def cut(seen: list[Any]) -> None:
        if len(seen) == 2:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        run(examples, tmp_path / "cut", plan, watch=cut)
    again, (weights_again, rows_again) = run(examples, tmp_path / "cut", plan)
    np.testing.assert_array_equal(whole.templates, again.templates)
    for one, other in zip(weights, weights_again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert rows == rows_again


def test_ctrl_c_keeps_the_last_whole_epoch(examples: Examples, tmp_path: Path) -> None:
    def interrupt(seen: list[Any]) -> None:
        if len(seen) == 2:
            raise KeyboardInterrupt

    trained, _ = run(examples, tmp_path / "kept", watch=interrupt, stoppable=True)
    assert trained.epochs == 2
    with pytest.raises(KeyboardInterrupt):
        run(examples, tmp_path / "lost", watch=interrupt)


def test_a_loss_that_is_no_number_stops_with_the_reason(examples: Examples, tmp_path: Path) -> None:
    plan = replace(PLAN, learning_rate=1e30, falling=False, epochs=9, precision="float32")
    with pytest.raises(KnownfaceError, match=r"diverged.*lower learning_rate from 1e\+30"):
        run(examples, tmp_path, plan)
    assert not list(tmp_path.rglob("*.h5"))


def test_a_full_disk_is_said_and_keeps_the_epochs_before(
    examples: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(seen: list[Any]) -> None:
        if len(seen) == 1:
            full = type(shutil.disk_usage(tmp_path))(100, 100, 0)
            monkeypatch.setattr(shutil, "disk_usage", lambda _: full)

    with pytest.raises(OSError, match="No space left"):
        run(examples, tmp_path, watch=fill)
    monkeypatch.undo()
    trained, (_, rows) = run(examples, tmp_path)
    assert trained.epochs == PLAN.epochs == len(rows)


def test_a_start_is_where_the_head_begins(examples: Examples, tmp_path: Path) -> None:
    start = np.eye(3, 8, dtype=np.float32)
    plan = replace(PLAN, epochs=1, learning_rate=1e-7)
    trained, _ = run(examples, tmp_path, plan, start=start)
    np.testing.assert_allclose(trained.templates, start, atol=1e-3)


PROGRAM = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np
from dataclasses import replace
from pathlib import Path
from knownface.networks.layers import keras
from knownface.training.precision import share_work, shares
devices = int(sys.argv[3])
if devices > 1:
    share_work(7)
    assert shares() == 1  # seven cannot be dealt out
    share_work(8)
assert shares() == devices
from small_network import end
np.save(Path(sys.argv[2]) / "end.npy", end(Path(sys.argv[2])))
share_work(7)
assert shares() == 1  # what one run shared is over for the next
"""


def end_elsewhere(folder: Path, backend: str, devices: int = 1) -> np.ndarray:
    """`small_network.end` in a process of its own, with another back end or more devices."""
    folder.mkdir()
    flags = {
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    command = [sys.executable, "-c", PROGRAM, str(TESTS), str(folder), str(devices)]
    subprocess.run(command, check=True, env={**os.environ, **flags})
    return np.asarray(np.load(folder / "end.npy"))


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_backend_ends_where_this_one_does(backend: str, tmp_path: Path) -> None:
    if backend == keras.backend.backend():
        pytest.skip(f"{backend} is what this process computes with")
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    there = end_elsewhere(tmp_path / backend, backend)
    np.testing.assert_allclose(there, end(tmp_path), atol=1e-4)


def test_two_devices_share_the_work_and_end_as_one_would(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    one, two = (end_elsewhere(tmp_path / str(n), "jax", devices=n) for n in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-4)
