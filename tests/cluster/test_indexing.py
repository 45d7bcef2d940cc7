"""Indexing: every photo once, whatever happens meanwhile, and the same bits however it is done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from command_line import knownface as shell
from command_line import refused

import knownface
from knownface.cluster import index as index_module
from knownface.cluster import indexing
from knownface.cluster.index import Index
from knownface.cluster.index_rows import numbers_of
from knownface.embed.frozen import frozen_pipeline
from knownface.errors import Interrupted, KnownfaceError

MINI: dict[str, Any] = {"backbone": "mini", "faces": "cropped"}
SHELL = ("--backbone", "mini", "--faces", "cropped")


def picture(seed: int, side: int = 112) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def write(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture(seed))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Thirty ready crops in two folders."""
    for i in range(30):
        write(tmp_path / "photos" / "ab"[i % 2] / f"{i:02}.png", i)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of few photos, so that thirty are many."""
    monkeypatch.setattr(indexing, "PHOTOS_AT_ONCE", 8)
    monkeypatch.setattr("knownface.cluster.index_work.BATCH", 4)


def rows(folder: Path) -> tuple[pa.Table, pa.Table]:
    """Photos and faces in an order that says nothing about how they were made."""
    index = Index.open(folder)
    faces = pa.Table.from_batches(index.faces()).sort_by(
        [(n, "ascending") for n in ("photo", "face")]
    )
    return pa.Table.from_batches(index.photos()).sort_by("path"), faces


def same(one: Path, other: Path) -> bool:
    """Byte for byte; landmarks of ready crops are NaN, which nothing is equal to."""
    return [content(each) for each in rows(one)] == [content(each) for each in rows(other)]


def content(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def nothing_left_over(folder: Path) -> bool:
    return {name for name in files(folder) if name.endswith("parquet")} == Index.open(folder).files


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def interrupted_after(count: int) -> Any:
    """Progress that is interrupted by Ctrl-C."""

    def track(items: Iterable[Any], description: str, total: int) -> Iterator[Any]:
        for number, item in enumerate(items):
            if description == "Indexing photos" and number == count:
                raise KeyboardInterrupt
            yield item

    return track


def test_every_photo_and_every_face_is_a_row(photos: Path, tmp_path: Path) -> None:
    (photos / "a" / "broken.jpg").write_text("no photo")
    done = knownface.index(photos, out=tmp_path / "index", **MINI)
    assert (done.photos, done.faces, done.added, done.failed) == (31, 30, 31, 1)
    found, faces = rows(tmp_path / "index")
    paths = sorted(str(path) for path in photos.rglob("*.*"))
    assert found["path"].to_pylist() == paths
    errors = {
        path: error for path, error in zip(paths, found["error"].to_pylist(), strict=True) if error
    }
    assert list(errors) == [str(photos / "a" / "broken.jpg")]
    assert errors[paths[15]].startswith(paths[15])
    assert faces["photo"].to_pylist() == [path for path in paths if path not in errors]
    pipeline = frozen_pipeline("mini", faces="cropped")[1]
    crops = np.stack([cv2.imread(path)[..., ::-1] for path in faces["photo"].to_pylist()])
    np.testing.assert_array_equal(numbers_of(faces["embedding"]), pipeline.embedder.embed(crops))
    np.testing.assert_allclose(faces["box"].to_pylist()[0], [0, 0, 112, 112])
    portrait = cv2.imdecode(np.frombuffer(faces["portrait"][3].as_py(), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(portrait[..., ::-1].astype(int) - crops[3]).mean() < 4
    state = Path(paths[0]).stat()
    first = found.slice(0, 1).to_pylist()[0]
    assert (first["bytes"], first["modified"]) == (state.st_size, state.st_mtime_ns)
    assert {first["width"], first["height"], first["faces"] * 112} == {112}


def test_a_second_run_changes_nothing(photos: Path, tmp_path: Path) -> None:
    knownface.index(photos, out=tmp_path / "index", **MINI)
    before = files(tmp_path / "index")
    done = knownface.index([photos / "b", photos], out=tmp_path / "index", faces="cropped")
    assert (done.added, done.changed, done.unchanged, done.photos) == (0, 0, 30, 30)
    assert files(tmp_path / "index") == before


def test_what_changed_is_read_again_and_what_was_copied_is_not(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "index"
    knownface.index(photos, out=out, **MINI)
    before = rows(out)[1]
    other, touched, gone = (photos / "b" / name for name in ("01.png", "03.png", "05.png"))
    write(other, 99)
    os.utime(touched, ns=(1, 10**18))
    gone.unlink()
    write(photos / "c" / "new.png", 100)
    done = knownface.index(photos, out=out, **MINI)
    assert (done.added, done.changed, done.unchanged, done.removed) == (1, 1, 28, 0)
    assert done.photos == 31  # what is gone stays
    found, faces = rows(out)
    dates = dict(zip(found["path"].to_pylist(), found["modified"].to_pylist(), strict=True))
    assert dates[str(touched)] == 10**18
    assert knownface.index(photos, out=out, **MINI).unchanged == 30
    changed = {
        name for name in before["photo"].to_pylist()
        if row_of(before, name) != row_of(faces, name)
    }  # fmt: skip
    assert changed == {str(other)}
    fresh = tmp_path / "fresh"
    knownface.index(photos, out=fresh, **MINI)
    done = knownface.index(photos / "b", out=out, prune=True, **MINI)
    assert (done.removed, done.photos) == (1, 30)
    assert same(out, fresh)
    assert nothing_left_over(out)


def row_of(faces: pa.Table, photo: str) -> Any:
    return content(faces.filter(pc.equal(faces["photo"], photo)))


def test_pruning_spares_what_was_not_asked_about(photos: Path, tmp_path: Path) -> None:
    knownface.index(photos, out=tmp_path / "index", **MINI)
    (photos / "a" / "00.png").unlink()
    done = knownface.index(photos / "b", out=tmp_path / "index", prune=True, **MINI)
    assert (done.removed, done.photos) == (0, 30)


@pytest.mark.parametrize("count", [3, 29])
def test_ctrl_c_keeps_what_was_done(photos: Path, tmp_path: Path, count: int) -> None:
    out = tmp_path / "index"
    with pytest.raises(Interrupted, match=r"of 30 photos are in .*same command goes on"):
        knownface.index(photos, out=out, track=interrupted_after(count), **MINI)
    kept = Index.open(out).photo_count
    assert kept >= count - 4
    done = knownface.index(photos, out=out, **MINI)
    assert (done.unchanged, done.added) == (kept, 30 - kept)
    knownface.index(photos, out=tmp_path / "whole", **MINI)
    assert same(out, tmp_path / "whole")


KILLED = """
import os, sys
from knownface.cluster import index_place, indexing
indexing.PHOTOS_AT_ONCE = 4
import knownface.cluster.index_work as work
work.BATCH = 4
place, at, written = index_place.Place, int(sys.argv[3]), [0]
def dies(method):
    def call(self, *arguments):
        written[0] += 1
        if written[0] == at:
            os.kill(os.getpid(), 9)
        return method(self, *arguments)
    return call
place.put, place.writing, place.delete = map(dies, (place.put, place.writing, place.delete))
import knownface
knownface.index(sys.argv[1], out=sys.argv[2], backbone="mini", faces="cropped")
"""


def test_a_kill_between_any_two_writes_loses_and_doubles_nothing(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "index"
    frozen_pipeline("mini", faces="cropped")  # converted once
    for at in (3, 5):
        done = subprocess.run([sys.executable, "-c", KILLED, str(photos), str(out), str(at)])
        assert done.returncode == -signal.SIGKILL
        assert Index.open(out).photo_count % 4 == 0
    half = Index.open(out).photo_count
    assert 0 < half < 30
    assert knownface.index(photos, out=out, **MINI).unchanged == half
    knownface.index(photos, out=tmp_path / "whole", **MINI)
    assert same(out, tmp_path / "whole")
    assert nothing_left_over(out)


def test_order_processes_and_company_change_no_bit(photos: Path, tmp_path: Path) -> None:
    knownface.index(photos, out=tmp_path / "index", **MINI)
    backwards = sorted(photos.rglob("*.png"), reverse=True)
    knownface.index(backwards[7:], out=tmp_path / "backwards", workers=1, **MINI)
    knownface.index(backwards, out=tmp_path / "backwards", workers=2, **MINI)
    assert same(tmp_path / "index", tmp_path / "backwards")


def test_small_files_become_one(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "SMALL_PARTS", 3)
    knownface.index(photos, out=tmp_path / "index", **MINI)
    assert len([name for name in files(tmp_path / "index") if name.startswith("faces")]) == 2
    monkeypatch.setattr(index_module, "SMALL_PARTS", 99)
    knownface.index(photos, out=tmp_path / "many", **MINI)
    assert len([name for name in files(tmp_path / "many") if name.startswith("faces")]) == 4
    assert same(tmp_path / "index", tmp_path / "many")


def test_one_writes_at_a_time(photos: Path, tmp_path: Path) -> None:
    knownface.index(photos / "a", out=tmp_path / "index", **MINI)
    with Index.open(tmp_path / "index").writing():
        assert len(rows(tmp_path / "index")[0]) == 15  # and whoever reads may
        done = shell("index", photos, "--out", tmp_path / "index", *SHELL)
    refused(done, "somebody else is writing this index")
    assert knownface.index(photos, out=tmp_path / "index", **MINI).added == 15


def test_another_detector_and_network_are_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "index"
    knownface.index(photos, out=out, **MINI)
    known = json.loads((out / "index.json").read_text())
    known["terms"] |= {"contract": "0" * 32, "backbone": "facenet"}
    (out / "index.json").write_text(json.dumps(known))
    done = shell("index", photos, "--out", out, *SHELL)
    refused(done, "an index of another network (facenet)", "--out")
    known["terms"] |= {"detector": "yunet"}
    known["terms"]["contract"] = rows_contract()
    (out / "index.json").write_text(json.dumps(known))
    refused(shell("index", photos, "--out", out, *SHELL), "from yunet", "ready crops", "--faces")
    known["version"] = 7
    (out / "index.json").write_text(json.dumps(known))
    refused(shell("index", photos, "--out", out, *SHELL), "its version is 7")


def rows_contract() -> str:
    pipeline = frozen_pipeline("mini", faces="cropped")[1]
    return pipeline.embedder.contract(pipeline.cropper.crop)


def test_what_is_no_index_is_left_alone(photos: Path, tmp_path: Path) -> None:
    refused(shell("index", photos, "--out", photos, *SHELL), "holds something else than an index")
    assert len(list(photos.rglob("*.*"))) == 30
    with pytest.raises(
        KnownfaceError, match=r"nowhere: no index; index\('PHOTOS', out='.*nowhere'"
    ):
        Index.open(tmp_path / "nowhere")


def test_photos_that_cannot_be_had_are_said_and_the_rest_goes_on(
    photos: Path, tmp_path: Path
) -> None:
    odd = os.fsdecode(os.fsencode(photos) + b"/\xff.png")
    os.rename(photos / "a" / "00.png", odd)
    done = shell("index", photos, tmp_path / "gone.png", "--out", tmp_path / "index", *SHELL)
    assert done.returncode == 0, done.stderr
    assert "29 photos added" in done.stdout
    assert "2 unreadable" in done.stdout
    assert "\\xff.png: its name is not UTF-8" in " ".join(done.stderr.split())
    assert "gone.png: cannot be read" in done.stderr
    os.mkfifo(photos / "pipe.jpg")
    done = shell("index", photos / "pipe.jpg", "--out", tmp_path / "other", *SHELL)
    refused(done, "a pipe", "no photo to make an index of")
    refused(shell("index", tmp_path / "none", "--out", tmp_path / "other", *SHELL), "none: cannot")
    assert not (tmp_path / "other").exists()
    done = shell("index", tmp_path / "none", "--out", tmp_path / "index", *SHELL)
    refused(done, "None of 1 photo could be read")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.jpg").write_text("no photo")
    done = shell("index", tmp_path / "bad", "--out", tmp_path / "other", *SHELL)
    refused(done, "None of 1 photo could be read")


def test_the_shell_says_what_was_done(photos: Path, tmp_path: Path) -> None:
    done = shell("index", photos, "--out", tmp_path / "index", *SHELL, "--json")
    document = json.loads(done.stdout)
    assert document["photos"] == document["added"] == document["faces"] == 30
    assert shell("index", photos, "--out", tmp_path / "i", *SHELL, "--workers", "0").returncode == 2
    assert (tmp_path / "index").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "index").rglob("*"))


def test_without_pyarrow_one_sentence_says_so(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.fs", None)
    done = shell("index", photos, "--out", tmp_path / "index", *SHELL)
    refused(done, 'pip install "knownface[index]"')
