"""A gallery begins to be shared, is joined, and is asked for people; and what cannot be."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from living_people import living
from living_people import written as written_to
from sharing import CAST, MISSING, content, store_of
from support import comparison_of, embeddings, gallery_of, with_small

from knownface.errors import GalleryError, KnownfaceError
from knownface.recognition import gallery as galleries
from knownface.recognition.backups import backup, restore
from knownface.recognition.comparison import COMPARISON
from knownface.recognition.living import shared
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.turns import Head
from knownface.recognition.share import share
from knownface.recognition.store import CANDIDATES


# ---------------------------------------------------------------- finding
@pytest.mark.parametrize("compared", [False, True])
def test_a_search_finds_whom_comparing_with_everybody_finds(
    compared: bool, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By cosine, and whitened and normalised, faces that show little by themselves."""
    known = gallery_of(400, 2, spread=0.5)
    known = with_small(known) if compared else known
    one = written_to(tmp_path / "one", known)
    if known.comparison:
        known.comparison.write(one.folder / COMPARISON)
    share(one.folder, address)
    one.enroll("New one", [CAST.face(8, 0)])
    probes = embeddings(np.random.default_rng(5), known.templates, 0.8)
    exact = one.read().gallery
    found = shared.read_gallery(one.path, exact.comparison).gallery
    monkeypatch.setattr(galleries, "SEARCHED", 0)
    best, similarity = found.match(probes)
    np.testing.assert_array_equal(best, exact.match(probes)[0])
    np.testing.assert_allclose(similarity, exact.match(probes)[1], atol=1e-6)
    assert found.search is not None
    assert max(map(len, found.search(probes))) <= CANDIDATES
    if known.comparison:
        assert 0 < known.comparison.is_small(probes).sum() < len(probes)


def test_nobody_is_compared_with_everybody(
    two: tuple[LivingGallery, LivingGallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that names one person is believed: the others are not looked at."""
    one, _ = two
    monkeypatch.setattr(galleries, "SEARCHED", 0)
    gallery = shared.read_gallery(one.path, None).gallery
    seen = replace(gallery, search=lambda embeddings: [np.array([3])] * len(embeddings))
    assert seen.match(CAST.face(0, 0).embedding[None])[0].tolist() == [3]
    assert gallery.match(CAST.face(0, 0).embedding[None])[0].tolist() == [0]


# ---------------------------------------------------------------- joining and leaving
def test_what_would_be_lost_is_said(tmp_path: Path, address: str) -> None:
    one = living(tmp_path / "one", CAST, 3, 2)
    other = living(tmp_path / "two", CAST, 5, 2)
    assert share(one.folder, address).sentence() == f"Shared at {address}: 3 people known"
    before = content(other)
    with pytest.raises(KnownfaceError, match="D, E are known here and not there"):
        share(other.folder, address)
    assert content(other) == before
    assert share(other.folder).gallery is None
    assert share(other.folder, address, replace=True).joined
    assert content(other) == content(one)
    assert share(other.folder, "none").gallery is None
    other.enroll("New one", [CAST.face(8, 0)])
    assert "New one" not in one.names()


def test_another_networks_gallery_is_refused(tmp_path: Path, address: str) -> None:
    one = living(tmp_path / "one", CAST, 3, 2)
    other = living(tmp_path / "two", CAST, 3, 2, "another network")
    share(one.folder, address)
    with pytest.raises(KnownfaceError, match="of another network, or compares otherwise"):
        share(other.folder, address)
    with pytest.raises(KnownfaceError, match=r"is shared at .* already; end that first"):
        share(one.folder, address)


def test_an_empty_database_is_no_gallery(two: tuple[LivingGallery, LivingGallery]) -> None:
    one, _ = two
    store_of(one).drop("number >= -2")
    with pytest.raises(GalleryError, match="no gallery lies there; put one there"):
        one.names()


def test_a_backup_is_nobody_elses(two: tuple[LivingGallery, LivingGallery], tmp_path: Path) -> None:
    one, other = two
    other.enroll("New one", [CAST.face(8, 0)])
    file = backup(one.folder, tmp_path / "people.backup")
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT 1 FROM people WHERE name = 'New one'").fetchone()
        assert not database.execute("SELECT 1 FROM meta WHERE key = 'shared'").fetchone()
    with pytest.raises(KnownfaceError, match=r"is shared at .*; end that first"):
        restore(one.folder, file)


def test_a_large_portrait_is_kept_whole(two: tuple[LivingGallery, LivingGallery]) -> None:
    one, other = two
    large = np.random.default_rng(0).bytes(120_000)
    one.enroll("New one", [replace(CAST.face(8, 0), portrait=large)])
    assert other.portrait(other.faces("New one")[0].id) == large


# ---------------------------------------------------------------- what cannot be
@pytest.mark.parametrize(
    "wrong",
    ["localhost:19530", "http://127.0.0.1", "milvus://", "milvus://host:port/x", "here.db"],
)
def test_what_is_no_address_is_said(wrong: str, tmp_path: Path) -> None:
    one = living(tmp_path / "one", CAST, 3, 2)
    with pytest.raises(KnownfaceError, match=r"must be like milvus://HOST:19530/DATABASE"):
        share(one.folder, wrong)


def test_who_does_not_answer_is_said_and_nobody_goes_on_alone(
    two: tuple[LivingGallery, LivingGallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = two
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with sqlite3.connect(one.path) as database:
            database.execute(
                "UPDATE meta SET value = ? WHERE key = 'shared'",
                (f"milvus://secret:word@127.0.0.1:{port}/faces",),
            )
        monkeypatch.setattr("knownface.recognition.milvus.SECONDS", 0.5)
        for what in (one.names, one.read, lambda: one.rename("C", "Cid")):
            with pytest.raises(GalleryError, match=r"does not answer \(.*\); start it") as said:
                what()
            assert f"milvus://127.0.0.1:{port}/faces" in str(said.value)
            assert "word" not in str(said.value)


def test_a_file_of_milvus_lite_is_one_processs(tmp_path: Path) -> None:
    """Another process has a sentence for it, within seconds."""
    pytest.importorskip("milvus_lite", reason=MISSING)
    one = living(tmp_path / "one", CAST, 3, 2)
    place = f"milvus://{tmp_path}/people.db"
    share(one.folder, place)
    one.enroll("New one", [CAST.face(8, 0)])
    assert "New one" in one.names()
    code = "import sys, knownface; knownface.LivingGallery(sys.argv[1]).names()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(one.folder)], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{place}: the shared gallery does not answer" in done.stderr.splitlines()[-1]
    assert "have one process open it at a time" in done.stderr.splitlines()[-1]
    with pytest.raises(KnownfaceError, match=r"has to end with \.db"):
        share(living(tmp_path / "two", CAST, 3, 2).folder, f"milvus://{tmp_path}/people")


def test_without_the_library_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = living(tmp_path / "one", CAST, 3, 2)
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(KnownfaceError, match=r"needs pymilvus: pip install 'knownface\[milvus\]'"):
        share(one.folder, "milvus://127.0.0.1")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("meta/1", "{}"),
        ("people/1", '{"id": 1, "name; DROP TABLE people": 1}'),
        ("people/2", '{"id": 1, "name": "A", "state": "known", "added": 0}'),
        ("people/1", '{"id": 1, "name": "A", "state": "king", "added": 0}'),
        ("faces/x", "{}"),
        ("people/1", "[]"),
    ],
)
def test_what_is_no_row_of_ours_is_refused(
    key: str, text: str, two: tuple[LivingGallery, LivingGallery]
) -> None:
    one, _ = two
    before = content(one)
    store, head = store_of(one), Head.of(store_of(one))
    store.put({key: (head.number + 1, text)})
    replace(head, number=head.number + 1).write(store)
    with pytest.raises(GalleryError, match="what lies there is no gallery of knownface"):
        one.names()
    with sqlite3.connect(one.path) as database:
        people = database.execute("SELECT * FROM people ORDER BY 1, 2").fetchall()
    assert people == before["people"]


def test_the_comparison_has_to_be_the_same(tmp_path: Path, address: str) -> None:
    one = living(tmp_path / "one", CAST, 3, 2)
    shutil.copytree(one.folder, tmp_path / "two")
    comparison_of().write(one.folder / COMPARISON)
    share(one.folder, address)
    with pytest.raises(KnownfaceError, match="compares otherwise"):
        share(tmp_path / "two", address)
