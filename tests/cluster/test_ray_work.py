"""A cluster of Ray gives the rows that one machine gives, also where a machine is lost."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from command_line import knownface as shell
from command_line import refused

import knownface
from knownface.cluster.index import Index
from knownface.cluster.ray_work import SILENT

MINI: dict[str, Any] = {"backbone": "mini", "faces": "cropped"}
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="Ray is not here (requirements-ray.txt), so that no cluster can be tried",
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ready crops, and a file that is none."""
    (tmp_path / "photos").mkdir()
    for i in range(40):
        coarse = np.random.default_rng(i).integers(0, 256, (7, 7, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "photos" / f"{i:02}.png"), cv2.resize(coarse, (112, 112)))
    (tmp_path / "photos" / "broken.jpg").write_text("no photo")
    return tmp_path / "photos"


def content(folder: Path) -> list[bytes]:
    index, found = Index.open(folder), []
    order = [("photo", "ascending"), ("face", "ascending")]
    for table in (
        pa.Table.from_batches(index.photos()).sort_by("path"),
        pa.Table.from_batches(index.faces()).sort_by(order),
    ):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        found.append(sink.getvalue().to_pybytes())
    return found


def test_without_ray_one_sentence_says_so(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray.data", None)
    done = shell("index", photos, "--out", tmp_path / "index", "--ray", "local")
    refused(done, "--ray needs Ray", 'pip install "knownface[ray]"')
    done = shell("index", photos, "--out", tmp_path / "index", "--ray", "local", "--workers", "2")
    refused(done, "--workers 2: is for this machine")


@needs_ray
def test_a_cluster_that_loses_a_machine_gives_the_same_rows(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SILENT.items():  # the cluster starts before `index` does
        monkeypatch.setenv(name, value)
    # Ray asks in which cloud it is, where only a cloud answers; whatever else it asks is noticed.
    clouds = "169.254.169.254,metadata.google.internal"
    monkeypatch.setenv("no_proxy", f"127.0.0.1,127.0.0.2,localhost,{clouds}")
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setattr("knownface.cluster.ray_work.BATCH", 4)
    # Ray takes 127.0.0.1 for the address that others see this machine by.
    here = {"num_cpus": 1, "include_dashboard": False, "node_ip_address": "127.0.0.2"}
    cluster = Cluster(initialize_head=True, head_node_args=here)
    lost = []

    def track(items: Iterable[Any], description: str, total: int) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == 8 and description == "Indexing photos":
                cluster.remove_node(second, allow_graceful=False)
                lost.append(second)
            yield item

    try:
        second = cluster.add_node(num_cpus=1, node_ip_address="127.0.0.2")
        cluster.wait_for_nodes()
        cluster.connect()
        out = tmp_path / "cluster"
        done = knownface.index(photos, out=out, ray=cluster.address, track=track, **MINI)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert lost
    assert (done.added, done.failed) == (41, 1)
    knownface.index(photos, out=tmp_path / "here", **MINI)
    assert content(tmp_path / "cluster") == content(tmp_path / "here")


@needs_ray
def test_a_cluster_that_is_not_there_is_one_sentence(photos: Path, tmp_path: Path) -> None:
    done = shell(
        "index", photos, "--out", tmp_path / "index", "--ray", "127.0.0.1:9",
        "--backbone", "mini", "--faces", "cropped",
    )  # fmt: skip
    refused(done, "--ray 127.0.0.1:9: the cluster cannot go on", "without --ray it is done here")
