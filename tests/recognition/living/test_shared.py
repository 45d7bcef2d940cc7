"""Several servers know the same people: two folders, and a Milvus Lite between them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from living_people import answer, living
from sharing import CAST, content, store_of

from knownface.errors import GalleryError, KnownfaceError
from knownface.recognition.comparison import SPACES
from knownface.recognition.living import shared
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.turns import CLAIM, CONTROL, HEAD, Head
from knownface.recognition.share import share
from knownface.recognition.store import Store

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
    parquet = pytest.importorskip("pyarrow.parquet")  # which Milvus Lite brings
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
