"""The verbs about people on a real run: photos in, sentences out, in the shell and in Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import knownface as shell

import knownface
from knownface.errors import KnownfaceError
from knownface.recognition.recognizer import Recognizer


@pytest.fixture
def run(run_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(run_folder, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def newcomer(strangers: Path) -> list[Path]:
    """Four photos of somebody who is not enrolled."""
    return sorted((strangers / "Rihanna").iterdir())


def said(capsys_out: str) -> dict[str, object]:
    document = json.loads(capsys_out)
    assert isinstance(document, dict)
    return document


def test_somebody_is_enrolled_and_named_without_training(run: Path, newcomer: list[Path]) -> None:
    recognizer = Recognizer.load(run)
    assert recognizer.recognize(newcomer[3]).faces[0].name is None
    change = knownface.enroll(recognizer, "Rihanna", newcomer[:3])
    assert change.text == "Rihanna is new, with 3 photos"
    assert recognizer.people.count("Rihanna") == 0  # until it looks again
    assert recognizer.follow()
    assert not recognizer.follow()
    assert recognizer.recognize(newcomer[3]).faces[0].name == "Rihanna"
    again = Recognizer.load(run)
    assert again.recognize(newcomer[3]) == recognizer.recognize(newcomer[3])


def test_training_writes_the_gallery_with_all_that_it_knows(run: Path, people: Path) -> None:
    gallery = knownface.LivingGallery(run)
    assert [person.name for person in gallery.people()] == sorted(p.name for p in people.iterdir())
    face = gallery.faces("Tom_Cruise")[0]
    assert min(face.box[2:]) > 20
    assert face.size.split("x")[0].isdigit()
    assert 0 < face.quality <= 1
    assert gallery.portrait(face.id)
    standing = gallery.standing()
    evaluation = json.loads((run / "evaluation.json").read_text())["open_set"]
    assert standing.known >= 8
    assert standing.strangers == 8
    assert standing.dir == pytest.approx(evaluation["dir"], abs=0.15)


def test_a_correction_holds_in_photo_copy_and_after_training_again(
    run: Path, newcomer: list[Path], people: Path, strangers: Path, tmp_path: Path
) -> None:
    wrong = sorted((people / "Tom_Cruise").iterdir())[1]
    knownface.enroll(run, "Rihanna", newcomer[:2])
    change = knownface.correct(run, newcomer[2], is_="Megan_Fox")
    assert any("does not look like" in warning for warning in change.warnings)
    why = knownface.correct(run, wrong, not_="Tom_Cruise").cause
    assert why is not None
    assert why.person == "Tom_Cruise"
    assert why.photo.startswith("Tom_Cruise/")
    knownface.LivingGallery(run).rename("Johnny_Depp", "John")
    again = knownface.train(
        people, strangers=strangers, recipe="frozen", backbone="mini", gallery=run,
        out=tmp_path / "again",
    )  # fmt: skip
    for folder in (run, again.folder):
        recognizer = Recognizer.load(folder)
        assert recognizer.recognize(newcomer[0]).faces[0].name == "Rihanna"
        assert recognizer.recognize(newcomer[2]).faces[0].name == "Megan_Fox"
        assert recognizer.recognize(wrong).faces[0].name != "Tom_Cruise"
        assert "John" in recognizer.people
        assert "Johnny_Depp" not in recognizer.people
        assert knownface.LivingGallery(folder).person("Johnny_Depp").name == "John"


def test_a_backup_goes_to_a_run_of_another_network(
    run: Path, newcomer: list[Path], people: Path, tmp_path: Path
) -> None:
    knownface.enroll(run, "Rihanna", newcomer[:3])
    file = knownface.backup(run, tmp_path / "people.backup")
    other = knownface.train(people, recipe="frozen", backbone="mini", out=tmp_path / "other").folder
    assert knownface.restore(other, file) > 40
    assert Recognizer.load(other).recognize(newcomer[0]).faces[0].name == "Rihanna"
    with pytest.raises(KnownfaceError, match="is there already"):
        knownface.backup(run, file)
    knownface.never_same(other, "Rihanna", "Megan_Fox")
    with pytest.raises(KnownfaceError, match="1 changes were made that the backup does not have"):
        knownface.restore(other, file)
    assert knownface.restore(other, file, replace=True) > 40


@pytest.mark.parametrize("name", ["accuracy", "train", "0", "a", "frozen", "people"])
def test_a_name_that_is_a_word_of_the_files_is_forgotten_too(
    name: str, run: Path, newcomer: list[Path]
) -> None:
    """It took keys and numbers out of evaluation.json."""
    before = json.loads((run / "evaluation.json").read_text())
    knownface.enroll(run, name, newcomer[:2])
    receipt = knownface.forget(run, name)
    assert receipt.searched["found"] == 0
    assert json.loads((run / "evaluation.json").read_text()) == before
    assert (run / "report.html").is_file()


def test_everybody_is_forgotten_one_after_another(run: Path, people: Path, tmp_path: Path) -> None:
    """The second one found the evaluation unreadable, and gave no receipt."""
    for number, folder in enumerate(sorted(people.iterdir())):
        file = tmp_path / f"{number}.json"
        assert knownface.forget(run, folder.name, receipt=file).searched["found"] == 0
        assert json.loads(file.read_text())["searched"]["found"] == 0
        assert folder.name not in (run / "report.html").read_text()
    assert knownface.people(run) == []
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["people"][:2] == ["forgotten", "forgotten 2"]


def test_wrong_numbers_and_names_are_one_sentence(run: Path, newcomer: list[Path]) -> None:
    for number in (0, -1, -2):
        with pytest.raises(KnownfaceError, match="must be 1 or more"):
            knownface.correct(run, newcomer[0], is_="Kim", face=number)
    with pytest.raises(KnownfaceError, match="must be 1 or more"):
        knownface.history(run, limit=0)
    for name in ("\udcff", "unknown", "Forgotten"):
        with pytest.raises(KnownfaceError, match="name"):
            knownface.enroll(run, name, newcomer[:1])
    with pytest.raises(KnownfaceError, match="nothing with so large a number"):
        knownface.LivingGallery(run).person(10**30)
    with pytest.raises(KnownfaceError, match="nobody with the number 77"):
        knownface.LivingGallery(run).name(77, "Kim")


def test_forgetting_cleans_what_the_run_wrote(run: Path) -> None:
    assert b"Tom_Cruise" in (run / "evaluation.json").read_bytes()
    receipt = knownface.forget(run, "Tom_Cruise")
    assert receipt.searched["found"] == 0
    left = [p.name for p in run.rglob("*") if p.is_file() and b"Tom_Cruise" in p.read_bytes()]
    assert left == []
    assert (run / "report.html").is_file()  # written again, without faces
    assert "Tom_Cruise" not in Recognizer.load(run).people


def test_the_shell_says_what_it_did(run: Path, newcomer: list[Path]) -> None:
    done = shell("enroll", run, "Rihanna", *newcomer[:2], "--json")
    assert said(done.stdout)["text"] == "Rihanna is new, with 2 photos"
    for form in (("rename", run, "Rihanna", "Robyn"), (run, "rename", "Robyn", "Rihanna")):
        assert "is now called" in shell("people", *form).stdout
    assert "Rihanna: 2 photos" in shell("people", run).stdout
    numbers = [
        line.split()[0] for line in shell("people", "faces", run, "Rihanna").stdout.splitlines()
    ]
    split = shell("people", "split", run, "Rihanna", "Other", numbers[0])
    assert split.stdout.startswith("1 face of Rihanna is Other")
    assert shell("never-same", run, "Other", "Rihanna").returncode == 2
    assert "Undone" in shell("undo", run).stdout
    assert "Rihanna is new, with 2 photos" in shell("history", run).stdout
    assert shell("forget", run, "Nobody").stderr.startswith("knownface: nobody is called 'Nobody'")
    assert "nothing found" in shell("forget", run, "Rihanna").stdout


def test_of_several_faces_it_must_be_clear_which(run: Path, tmp_path: Path, people: Path) -> None:
    from PIL import Image

    both = Image.new("RGB", (800, 400))
    for place, name in enumerate(("Tom_Cruise", "Megan_Fox")):
        photo = Image.open(sorted((people / name).iterdir())[0])
        both.paste(photo.resize((360, 360)), (400 * place + 20, 20))
    both.save(tmp_path / "both.png")
    with pytest.raises(KnownfaceError, match=r"2 faces, from the left 1: .*say which with face="):
        knownface.correct(run, tmp_path / "both.png", is_="Megan_Fox")
    change = knownface.correct(run, tmp_path / "both.png", nobody=True, face=2)
    assert change.cause is None or change.cause.person == "Megan_Fox"
    answers = Recognizer.load(run).recognize(tmp_path / "both.png").faces
    right = max(answers, key=lambda face: face.box[0])
    assert (right.name, right.reason) == (None, "ignored")
