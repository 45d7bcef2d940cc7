"""Where an index lies: the same in an object store, where one writes at a time."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import pyarrow.fs
import pytest

from knownface.cluster import index_place
from knownface.cluster.index_place import LOCK, STALE, Place
from knownface.errors import KnownfaceError


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A folder that is reached as an object store is: by nothing but its file system of Arrow."""
    (tmp_path / "faces").mkdir()
    store = pyarrow.fs.SubTreeFileSystem(str(tmp_path), pyarrow.fs.LocalFileSystem())
    monkeypatch.setattr(index_place, "store", lambda address: (store, ""))
    return Place("s3://key:secret@bucket/index")


def lease(bucket: Place, **said: Any) -> None:
    other = {"mine": "theirs", "machine": "elsewhere", "process": 1, "at": time.time()}
    bucket.put(LOCK, json.dumps(other | said).encode())


def test_files_are_written_read_listed_and_deleted(bucket: Place, tmp_path: Path) -> None:
    for place in (bucket, Place(tmp_path / "here"), Place(f"file://{tmp_path}/there")):
        assert place.read("index.json") is None
        assert place.names("faces") == []
        place.put("index.json", b"1")
        place.put("index.json", b"2")
        assert place.read("index.json") == b"2"
        with place.writing("faces/b.parquet") as stream:
            stream.write(b"rows")
        with place.reading("faces/b.parquet") as stream:
            assert stream.read() == b"rows"
        assert place.names("faces") == ["faces/b.parquet"]
        place.delete("faces/b.parquet")
        place.delete("faces/b.parquet")
        assert place.names("faces") == []
        assert place.anything()
    assert (tmp_path / "there" / "index.json").stat().st_mode & 0o077 == 0


def test_no_password_is_shown(bucket: Place) -> None:
    assert bucket.name == "s3://bucket/index"


def test_one_writes_an_object_store_at_a_time(bucket: Place) -> None:
    with bucket.locked():
        other = Place("s3://bucket/index").locked()
        with pytest.raises(KnownfaceError, match="somebody else is writing this index"), other:
            pass
        bucket.renew()
    assert bucket.read(LOCK) is None
    lease(bucket)
    with pytest.raises(KnownfaceError, match="somebody else"), bucket.locked():
        pass
    assert json.loads(bucket.read(LOCK) or b"")["mine"] == "theirs"


@pytest.mark.parametrize(
    "left",
    [
        {"at": time.time() - STALE - 1},
        {"machine": platform.node(), "process": 2**22 + 1},
        {"at": None},
    ],
)
def test_what_was_left_behind_hinders_nobody(bucket: Place, left: dict[str, Any]) -> None:
    lease(bucket, **left)
    with bucket.locked():
        assert json.loads(bucket.read(LOCK) or b"")["process"] == os.getpid()
    assert bucket.read(LOCK) is None


def test_whoever_was_taken_over_stops(bucket: Place) -> None:
    with bucket.locked():
        lease(bucket)
        with pytest.raises(KnownfaceError, match="somebody else"):
            bucket.renew()
    assert json.loads(bucket.read(LOCK) or b"")["mine"] == "theirs"


def test_what_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(KnownfaceError, match=r"^nosuch://x: cannot be read or written \(.*\)"):
        Place("nosuch://x")
