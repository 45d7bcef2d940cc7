"""Somebody who is forgotten is nowhere: no name, no embedding, no portrait, no digest, no page."""

from __future__ import annotations

import html
import json
import re
import shutil
import sqlite3
from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from invented import invented
from living_people import Cast, answer, living, unit

from knownface.errors import KnownfaceError
from knownface.faces.crop_cache import crops_folder
from knownface.files.runs import write_json
from knownface.pages.forgetting import forget
from knownface.pages.report import write_report
from knownface.recognition.artifact import GALLERY
from knownface.recognition.living import run_files
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.living.records import SeenFace, SeenPhoto
from knownface.recognition.result import Recognition, RecognizedFace

CAST = Cast(12)
NAME = "Zoë O'Forgotten"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder in which somebody was enrolled, renamed, corrected, seen and split."""
    run = tmp_path / "run"
    gallery = living(run / "recognizer", CAST, 4, 3)
    gallery.enroll("Zoe before", faces())
    gallery.rename("Zoe before", NAME)
    gallery.remove(gallery.faces(NAME)[0].id)  # what could be undone holds it still
    gallery.correct(CAST.face(8, 7), is_=NAME)
    gallery.split(NAME, [gallery.faces(NAME)[1].id], "Other")
    gallery.undo()
    named_so = replace(CAST.face(2, 8), source=f"{NAME}/1.jpg")
    gallery.correct(named_so, is_="C")  # a photo of somebody else, in a folder of that name
    gallery.correct(replace(named_so, digest="another"), is_="D")
    gallery.undo()
    both = replace(CAST.face(8, 8), source="both.jpg", digest=CAST.face(3, 8).digest)
    gallery.enroll(NAME, [both])
    gallery.enroll("D", [replace(CAST.face(3, 8), source="both.jpg")])
    for number in (8, 9):
        face = CAST.face(8, number)
        unknown = RecognizedFace(face.box, None, 0.2, "unknown")
        gallery.remember(SeenPhoto(Recognition("", (unknown,)), (face,)), "camera")
    document = {"people": [NAME, "A"], "errors": [{"photo": f"{NAME}/1.jpg", "true": NAME}]}
    (run / "evaluation.json").write_text(json.dumps(document, ensure_ascii=False))
    (run / "split.json").write_text(json.dumps({"train": [f"{NAME}/{i}.jpg" for i in range(3)]}))
    (run / "report.html").write_text(f"<p>{NAME}</p>")
    for face in faces():
        crops_folder().joinpath(face.digest[:2]).mkdir(parents=True, exist_ok=True)
        (crops_folder() / face.digest[:2] / f"{face.digest}-0123").write_bytes(b"crop")
    return run


def faces() -> list[SeenFace]:
    return [with_small(CAST.face(8, number)) for number in range(4)]


def with_small(face: SeenFace) -> SeenFace:
    return replace(face, small=small_of(face))


def small_of(face: SeenFace) -> np.ndarray:
    """The same with fewer pixels: no number of it is in the embedding."""
    return unit(face.embedding[::-1] + 0.1)


def traces(run: Path) -> list[str]:
    """Where something of them is: searched by this test's own means."""
    every = [CAST.face(8, number) for number in range(10)]
    pieces = {f"embedding {kind}": [f.embedding.astype(kind)[3:9].tobytes() for f in every]
              for kind in ("<f4", ">f4", "<f2", ">f2", "<f8", ">f8")}  # fmt: skip
    smalls = [small_of(face) for face in every]
    pieces |= {f"small {kind}": [small.astype(kind)[3:9].tobytes() for small in smalls]
               for kind in ("<f4", ">f4", "<f2", ">f2", "<f8", ">f8")}  # fmt: skip
    pieces["small, base64"] = [b64encode(small.tobytes())[8:60] for small in smalls]
    pieces["portrait"] = [face.portrait[40:90] for face in every]
    pieces["base64"] = [b64encode(face.embedding.tobytes())[8:60] for face in every]
    pieces["digest"] = [face.digest.encode() for face in every]
    pieces["name"] = [NAME.encode(), b"Zoe before", json.dumps(NAME)[1:-1].encode()]
    found = []
    for path in [*run.rglob("*"), *crops_folder().rglob("*")]:
        content = path.read_bytes() if path.is_file() else b""
        content += str(path.name).encode()
        found += [f"{path.name}: {what}" for what, some in pieces.items()
                  if any(piece in content for piece in some)]  # fmt: skip
    return found


def test_nothing_is_left_in_any_file_or_free_page(run: Path) -> None:
    there = traces(run)
    for what in (
        "embedding <f4", "small <f4", "portrait", ": base64", "small, base64", "digest", "name",
    ):  # fmt: skip
        assert any(what in each for each in there), f"the search finds no {what}"
    receipt = LivingGallery(run).forget("Zoe before")  # a name from before leads to them
    assert traces(run) == []
    assert receipt.searched["found"] == 0
    assert any("indices of them" in each for each in receipt.remains)
    assert receipt.faces >= 4
    assert not (run / "report.html").exists()
    said = json.dumps(receipt.to_json())
    assert not re.search("Zo|Forgotten|camera", said)


def test_photos_of_theirs_that_were_strangers_of_the_test_go_too(tmp_path: Path) -> None:
    """However little they look like the person's others."""
    run = tmp_path / "run"
    gallery = living(run / "recognizer", CAST, 4, 3)
    odd, other = CAST.face(10, 0), CAST.face(11, 1)
    gallery.enroll("Zoe", [*(CAST.face(8, number) for number in range(6)), odd])
    with closing(sqlite3.connect(run / "recognizer" / GALLERY)) as database, database:
        database.execute("DELETE FROM strangers")
        for face in (odd, other):
            row = (face.embedding.astype("<f4").tobytes(),)
            database.execute("INSERT INTO strangers (embedding) VALUES (?)", row)
    assert gallery.forget("Zoe").searched["found"] == 0
    with closing(sqlite3.connect(run / "recognizer" / GALLERY)) as database:
        left = database.execute("SELECT embedding FROM strangers").fetchall()
    assert left == [row]


def test_who_was_cut_off_can_be_forgotten_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could have named them any more, and the run's files still did."""
    gallery = LivingGallery(run)

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run_files, "clean", cut_off)
        with pytest.raises(KeyboardInterrupt):
            gallery.forget(NAME)
    assert gallery.person(NAME).photos > 1
    gallery.forget(NAME)
    assert traces(run) == []


def test_only_the_run_around_a_recogniser_is_its_run(run: Path, tmp_path: Path) -> None:
    """A folder that happens to hold it may be somebody's home."""
    alone = tmp_path / "home"
    shutil.copytree(run / "recognizer", alone / "recognizer")
    (alone / "split.json").write_text(json.dumps({"train": [f"{NAME}/1.jpg"]}))
    assert LivingGallery(alone).forget(NAME).searched["files"] == 2
    assert NAME in json.loads((alone / "split.json").read_text())["train"][0]


def reported(tmp_path: Path, source: str, strangers: bool = False) -> Path:
    """A run with the report of three people, in which Zoe was enrolled afterwards."""
    run = tmp_path / "run"
    gallery = living(run / "recognizer", CAST, 4, 3)
    gallery.enroll("Zoe", [replace(CAST.face(8, 0), source=source)])
    evaluation, explanation = invented(3)
    write_json(run / "evaluation.json", evaluation.to_json())
    write_report(run, evaluation, explanation if strangers else replace(explanation, accepted=[]))
    (run / "model_card.md").write_text("Person 1 is named least")
    return run


@pytest.mark.parametrize(
    ("name", "source", "strangers", "said"),
    [
        ("Zoe", "/data/Person 1/009.jpg", False, ""),  # a tested photo
        ("Zoe", "a.jpg", True, ""),  # may be one of the strangers who were named
        ("Person 1", "a.jpg", False, ""),  # as the evaluation calls somebody
        ("Zo\u00eb & <Ann>", "a.jpg", False, html.escape("by Zo\u00eb & <Ann>.")),
        ("Zo\u00eb & <Ann>", "a.jpg", False, '"Zo\\u00eb \\u0026 \\u003cAnn\\u003e/1.jpg"'),
    ],
)
def test_a_report_is_written_again_without_pictures_and_says_so(
    tmp_path: Path, name: str, source: str, strangers: bool, said: str
) -> None:
    run = reported(tmp_path, source, strangers)
    if name != "Zoe":
        LivingGallery(run).rename("Zoe", name)
    page = run / "report.html"
    page.write_text(page.read_text() + said)
    assert "image/jpeg" in page.read_text()
    receipt = forget(run, name)
    assert "image/jpeg" not in page.read_text()
    assert "Pictures left this report when somebody was forgotten" in page.read_text()
    assert "The photos behind a cell" not in page.read_text()
    assert "report.html" not in receipt.erased
    assert "report.html" in receipt.written_again
    assert "Written again without this person: report.html" in receipt.lines()
    assert receipt.searched["found"] == 0


def test_others_and_their_history_stay(run: Path) -> None:
    gallery = LivingGallery(run)
    renamed = gallery.rename("A", "Ann")
    gallery.forget(NAME)
    assert answer(gallery, CAST.face(0, 9)) == "Ann"
    assert answer(gallery, CAST.face(8, 5)) is None
    assert gallery.people("unknown") == []  # who looked like them
    texts = [entry.text for entry in gallery.history()]
    assert texts[0] == "Somebody was forgotten, with 7 faces"
    assert "A is now called Ann" in texts
    assert sum("concerned somebody who was forgotten" in text for text in texts) == 10
    gallery.undo(renamed.id)
    assert gallery.undo().text == "Undone: D has 1 photo more"
    with pytest.raises(KnownfaceError, match="nothing to undo"):
        gallery.undo()
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation == {
        "people": ["forgotten", "A"], "errors": [{"photo": "forgotten", "true": "forgotten"}]
    }  # fmt: skip


def test_a_network_that_was_trained_on_them_is_said_to_know_them(run: Path) -> None:
    gallery = LivingGallery(run)
    with sqlite3.connect(gallery.path) as database:
        database.execute("UPDATE people SET trained = 1 WHERE name = 'A'")
    assert not any("train again" in each for each in gallery.forget(NAME).remains)
    assert any("train again without their folder" in each for each in gallery.forget("A").remains)


def test_what_was_remembered_expires(run: Path) -> None:
    gallery = LivingGallery(run)
    face = CAST.face(10, 5)
    unknown = RecognizedFace(face.box, None, 0.2, "unknown")
    seen = SeenPhoto(Recognition("", (unknown,)), (face,))
    for at in (1000.0, 1100.0, 5000.0):  # the first two are one visit
        gallery.remember(seen, "camera", at)
    old = next(person for person in gallery.people("unknown") if person.first_seen == 1000.0)
    assert (old.seen, old.photos, old.last_seen) == (2, 1, 5000.0)
    assert gallery.expire(1.0) == 3
    assert [person.id for person in gallery.people("unknown") if person.id == old.id] == []
    content = gallery.path.read_bytes()
    assert np.asarray(face.embedding, "<f4").tobytes() not in content
    assert face.portrait not in content


def test_somebody_unknown_is_named_or_ignored(run: Path) -> None:
    gallery = LivingGallery(run)
    face = CAST.face(10, 5)
    unknown = RecognizedFace(face.box, None, 0.2, "unknown")
    gallery.remember(SeenPhoto(Recognition("", (unknown,)), (face,)), "camera")
    who = next(person.id for person in gallery.people("unknown") if person.photos == 1)
    gallery.ignore(who)
    assert answer(gallery, CAST.face(10, 1)) == "ignored"
    gallery.undo()
    gallery.name(who, "Kim")
    assert answer(gallery, CAST.face(10, 1)) == "Kim"
    with pytest.raises(KnownfaceError, match="Kim has a name already"):
        gallery.name(who, "Kim 2")
