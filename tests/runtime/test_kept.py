"""Compiled networks are kept for the next process, and never trusted when they changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.networks.zoo import get_backbone
from knownface.runtime import kept, network

CROPS = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a network, and an empty cache for what is compiled."""
    path = backbone_embedder(get_backbone("mini")).path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(network, "_compiled", {})  # as in a new process
    return path


def in_a_new_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, list[str]]:
    """Embeddings, and which network was compiled for them."""
    compiled: list[str] = []
    start = network.start_runtime
    monkeypatch.setattr(network, "_compiled", {})
    monkeypatch.setattr(
        network, "start_runtime", lambda *given: (compiled.append(given[2].name), start(*given))[1]
    )
    found = Embedder(path, keep=True).embed(CROPS)
    monkeypatch.setattr(network, "start_runtime", start)
    return found, compiled


def test_what_was_compiled_once_is_used_again(mini: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, compiled = in_a_new_process(mini, monkeypatch)
    assert compiled == [mini.name]
    again, compiled = in_a_new_process(mini, monkeypatch)
    assert compiled == []
    np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_what_was_damaged_is_made_again(
    mini: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = in_a_new_process(mini, monkeypatch)
    (file,) = (kept.cache_folder() / "compiled").iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes({"cut": data[:999], "flipped": data, "empty": b"", "other": b"x" * 99}[damage])
    again, compiled = in_a_new_process(mini, monkeypatch)
    assert compiled == [mini.name]
    np.testing.assert_array_equal(again, first)


def test_a_cache_that_cannot_be_written_costs_only_time(
    mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.cache_folder().mkdir()
    (kept.cache_folder() / "compiled").write_text("a file where the folder should be")
    assert in_a_new_process(mini, monkeypatch)[1] == [mini.name]


def test_only_the_last_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for i in range(kept.MOST + 5):
        kept.save(str(i), bytes([i]))
    folder = kept.cache_folder() / "compiled"
    assert len(list(folder.iterdir())) == kept.MOST
    assert kept.load(str(kept.MOST + 4)) == bytes([kept.MOST + 4])
    assert all(each.stat().st_mode & 0o777 == 0o600 for each in folder.iterdir())
