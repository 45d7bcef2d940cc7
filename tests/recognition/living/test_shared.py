"""Several servers know the same people: two folders, one Milvus Lite between them, as a server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from living_people import Cast, answer, living
from living_people import written as written_to
from support import comparison_of, embeddings, gallery_of, with_small

from knownface.errors import GalleryError, KnownfaceError
from knownface.recognition import gallery as galleries
from knownface.recognition.comparison import COMPARISON, SPACES
from knownface.recognition.living import carried, shared
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.turns import CLAIM, CONTROL, HEAD, Head
from knownface.recognition.people import backup, restore
from knownface.recognition.share import share
from knownface.recognition.store import CANDIDATES, Store, store_at

lite = pytest.importorskip(
    "milvus_lite.adapter.grpc.server",
    reason="Milvus Lite is not here (pip install -r requirements-milvus.txt)",
)
parquet = pytest.importorskip("pyarrow.parquet")  # which Milvus Lite brings
CAST = Cast(12)


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty Milvus on this machine; everybody looks at it at once."""
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


def content(gallery: LivingGallery) -> dict[str, list[tuple[object, ...]]]:
    """All that a server has, and which numbers it gives next."""
    gallery.names()
    with sqlite3.connect(gallery.path) as database:
        return {
            table: database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in (*carried.KEYS, "sqlite_sequence")
        }


# ---------------------------------------------------------------- seeing each other's changes
CHANGES: dict[str, Callable[[LivingGallery], object]] = {
    "enroll": lambda g: g.enroll("New one", [CAST.face(8, i) for i in range(3)]),
    "rename": lambda g: g.rename("C", "Cid"),
    "swap": lambda g: [g.rename("A", "X"), g.undo(), g.rename("B", "Y"), g.rename("A", "Z")],
    "is": lambda g: g.correct(CAST.face(0, 9), is_="G"),
    "not": lambda g: g.correct(CAST.face(0, 0), not_="A"),
    "nobody": lambda g: g.correct(CAST.face(9, 0), nobody=True),
    "merge": lambda g: g.merge("B", "A"),
    "split": lambda g: g.split("A", [g.faces("A")[0].id], "Other"),
    "never-same": lambda g: g.never_same("A", "B"),
    "forget": lambda g: g.forget("B"),
}


@pytest.mark.parametrize("verb", CHANGES)
def test_a_change_is_the_others_too(verb: str, two: tuple[LivingGallery, LivingGallery]) -> None:
    one, other = two
    before = content(other)
    CHANGES[verb](one)
    assert content(one) == content(other) != before
    for face in (CAST.face(p, n) for p in range(10) for n in (0, 9)):
        assert answer(one, face) == answer(other, face)
    assert [entry.text for entry in other.history()] == [entry.text for entry in one.history()]
    assert json.loads((other.folder / "recognizer.json").read_text())["people"] == one.names()


def test_what_one_did_the_other_takes_back(two: tuple[LivingGallery, LivingGallery]) -> None:
    one, other = two
    before = {table: rows for table, rows in content(one).items() if table in ("people", "faces")}
    one.merge("B", "A")
    other.undo()
    after = content(one)
    assert {table: after[table] for table in before} == before
    one.enroll("Gone", [CAST.face(9, 0)])
    one.merge("Gone", "A")  # before the other looks
    new = other.enroll("New one", [CAST.face(8, 0)])
    assert other.person("New one").id == 10  # nobody gets the number of who is gone
    assert content(one) == content(other)
    assert new.id == one.history()[0].id


def test_two_who_change_at_once_take_turns(tmp_path: Path, address: str) -> None:
    """Each in a process of its own; what both said is there, in both places."""
    before = living(tmp_path / "one", CAST, 3, 2).number
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    for name in ("one", "two"):
        share(tmp_path / name, address)
    done = [written(tmp_path / name, name, 6, 10 * i) for i, name in enumerate(("one", "two"))]
    assert [each.wait(60) for each in done] == [0, 0]
    one, other = LivingGallery(tmp_path / "one"), LivingGallery(tmp_path / "two")
    expected = {f"{name} {i}" for name in ("one", "two") for i in range(6)}
    assert expected <= set(one.names())
    assert content(one) == content(other)
    assert one.number == before + 12


WRITER = """
import sys
from living_people import Cast
from knownface.recognition.living.gallery import LivingGallery
gallery, cast, first = LivingGallery(sys.argv[1]), Cast(12), int(sys.argv[4])
for number in range(int(sys.argv[3])):
    gallery.enroll(f"{sys.argv[2]} {number}", [cast.face(8, first + number)])
    print(number, flush=True)
"""


def written(folder: Path, who: str, changes: int, first: int) -> subprocess.Popen[str]:
    """A process that enrolls newcomers with one photo each, from a number on."""
    path = os.pathsep.join([*sys.path, str(Path(__file__).parents[2])])
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), who, str(changes), str(first)], text=True,
        stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip


# ---------------------------------------------------------------- all or nothing
@pytest.mark.parametrize("written_in_place", [0, 1, 3])
def test_what_was_promised_is_kept_by_whoever_comes_next(
    written_in_place: int, two: tuple[LivingGallery, LivingGallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process dies after the head has promised its change, with some rows in their place."""
    one, other = two
    before = content(other)

    def dies(store: Store, head: Head, rows: dict[str, str], turn: object) -> None:
        some = dict(list(rows.items())[:written_in_place])
        store.put({key: (head.number, text) for key, text in some.items()})
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shared, "_keep", dies)
        with pytest.raises(KeyboardInterrupt):
            one.enroll("New one", [CAST.face(8, i) for i in range(3)])
    assert content(other) == before  # nothing half is read
    other.rename("C", "Cid")
    assert answer(other, CAST.face(8, 9)) == "New one"
    assert content(one) == content(other)


def test_what_was_not_promised_is_forgotten(
    two: tuple[LivingGallery, LivingGallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two

    def dies(head: Head, store: Store) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Head, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            one.enroll("New one", [CAST.face(8, i) for i in range(3)])
    other.rename("C", "Cid")
    assert "New one" not in one.names()
    assert content(one) == content(other)
    assert store_of(one).some(f"number == {shared.ASIDE}") == {}


def test_a_refused_change_leaves_nothing(two: tuple[LivingGallery, LivingGallery]) -> None:
    one, other = two
    before = content(one)
    with pytest.raises(KnownfaceError, match="somebody is called B already"):
        one.rename("A", "B")
    assert content(one) == content(other) == before
    assert set(store_of(one).some(f"number == {CONTROL}")) == {HEAD}


def test_a_killed_turn_ends_by_itself(two: tuple[LivingGallery, LivingGallery]) -> None:
    one, other = two
    store = store_of(one)
    store.put({f"{CLAIM}dead": (CONTROL, str(time.time() + 0.5))})
    begun = time.monotonic()
    other.rename("C", "Cid")
    assert time.monotonic() - begun > 0.3
    assert "Cid" in one.names()


def test_nobody_waits_for_ever(
    two: tuple[LivingGallery, LivingGallery], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = two
    monkeypatch.setattr("knownface.recognition.living.turns.PATIENCE", 0.0)
    store_of(one).put({f"{CLAIM}alive": (CONTROL, str(time.time() + 60))})
    before = content(one)
    with pytest.raises(GalleryError, match="another server has been changing it"):
        one.rename("C", "Cid")
    assert content(one) == before


def store_of(gallery: LivingGallery) -> Store:
    return store_at(shared.address_of(gallery.path))


# ---------------------------------------------------------------- forgetting
def test_forgetting_erases_every_trace_everywhere(
    two: tuple[LivingGallery, LivingGallery], tmp_path: Path
) -> None:
    one, other = two
    one.enroll("Nina", [CAST.face(8, i) for i in range(3)])
    one.correct(CAST.face(8, 7), is_="Nina")
    other.rename("Nina", "Ninotchka")
    run = tmp_path / "run"
    run.mkdir()
    shutil.move(other.folder, run / "recognizer")
    other = LivingGallery(run)
    (run / "evaluation.json").write_text(json.dumps({"people": ["A", "Nina", "Ninotchka"]}))
    (run / "report.html").write_text("Nina")
    assert "Ninotchka" in other.names()
    store_of(one).rewrite(SPACES)  # she is in files
    receipt = one.forget("Ninotchka")
    assert receipt.searched["found"] == 0
    assert any("rows and vectors" in line for line in receipt.erased)
    assert any("Milvus" in line for line in receipt.remains)
    other.names()
    pieces = [CAST.face(8, i).digest for i in (0, 1, 2, 7)] + ["Nin"]
    texts = [text for _, _, text in store_of(one).rows("number >= -2")]
    assert len(texts) > 50
    assert not [piece for piece in pieces for text in texts if piece in text]
    assert store_of(one).holds("clear", [9]) == 0
    files = [path for path in (tmp_path / "milvus.db").rglob("*.parquet") if path.is_file()]
    rows = [str(parquet.read_table(path).to_pydict()) for path in files]
    assert any("0-0.jpg" in row for row in rows)
    assert not [piece for piece in pieces for row in rows if piece in row]
    assert not (run / "report.html").exists()
    for file in (path for path in run.rglob("*") if path.is_file()):
        data = file.read_bytes()
        assert not any(piece.encode() in data for piece in pieces), file
        assert CAST.face(8, 0).embedding.tobytes() not in data, file


def test_a_name_that_leads_somewhere_is_not_erased(
    two: tuple[LivingGallery, LivingGallery], tmp_path: Path
) -> None:
    one, other = two
    (other.folder / "evaluation.json").write_text('{"people": ["A", "B", "C", "D"]}')
    one.merge("B", "A")  # the name leads to A from now on
    one.forget("C")
    other.names()
    said = json.loads((other.folder / "evaluation.json").read_text())
    assert said["people"] == ["A", "B", "forgotten", "D"]


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


def test_a_large_portrait_is_kept_whole(two: tuple[LivingGallery, LivingGallery]) -> None:
    one, other = two
    large = np.random.default_rng(0).bytes(120_000)
    one.enroll("New one", [replace(CAST.face(8, 0), portrait=large)])
    assert other.portrait(other.faces("New one")[0].id) == large


def killed(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_at_any_moment_nothing_is_half(tmp_path: Path, address: str) -> None:
    """What was acknowledged is there for both, and what is there is whole."""
    living(tmp_path / "one", CAST, 3, 2)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    for name in ("one", "two"):
        share(tmp_path / name, address)
    one, other = LivingGallery(tmp_path / "one"), LivingGallery(tmp_path / "two")
    for round in range(3):
        process = written(one.folder, f"round {round}", 1000, 1000 * round)
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.05 + 0.07 * round)
        killed(process)
        said = [line for line in process.stdout.read().splitlines() if line]
        for key in [k for k in store_of(one).some(f"number == {CONTROL}") if k.startswith(CLAIM)]:
            store_of(one).drop(f'key == "{key}"')  # instead of waiting for it to end
        other.born("A", f"199{round}-01-01")
        assert {f"round {round} {number}" for number in said} <= set(other.names())
        assert content(one) == content(other)
        assert all(person.photos for person in other.people())


def test_the_comparison_has_to_be_the_same(tmp_path: Path, address: str) -> None:
    one = living(tmp_path / "one", CAST, 3, 2)
    shutil.copytree(one.folder, tmp_path / "two")
    comparison_of().write(one.folder / COMPARISON)
    share(one.folder, address)
    with pytest.raises(KnownfaceError, match="compares otherwise"):
        share(tmp_path / "two", address)
