"""A Milvus on this machine, for whoever shares a gallery."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from living_people import living
from sharing import CAST, MISSING

from knownface.recognition.living import shared
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.share import share


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty Milvus on this machine; everybody looks at it at once."""
    lite = pytest.importorskip("milvus_lite.adapter.grpc.server", reason=MISSING)
    monkeypatch.setattr(shared, "OFTEN", 0.0)
    server, database, port = lite.start_server_in_thread(str(tmp_path / "milvus.db"))
    yield f"milvus://127.0.0.1:{port}"
    server.stop(0)
    database.close()


@pytest.fixture
def two(tmp_path: Path, address: str) -> tuple[LivingGallery, LivingGallery]:
    """Two servers that share a gallery of A to H, of whom B looks like A, D like C."""
    one = living(tmp_path / "one", CAST, 8, 4)
    shutil.copytree(one.folder, tmp_path / "two")
    for name in ("one", "two"):
        share(tmp_path / name, address)
    return one, LivingGallery(tmp_path / "two")
