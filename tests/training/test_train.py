"""The main job on real photos, and what it leaves behind."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from knownface.errors import KnownfaceError
from knownface.measure.verdict import concerns
from knownface.recognition.recognizer import Recognizer
from knownface.stats.vectors import mean_templates
from knownface.training.config import Recipe, TrainingConfig
from knownface.training.train import train

FILES = {"config.json", "split.json", "evaluation.json", "confusion_matrix.png", "report.html",
         "model_card.md"}  # fmt: skip
ARTIFACT = {"detector", "recognizer.json", "embedder.onnx", "embedder.keras", "gallery.sqlite",
            "comparison.npz"}  # fmt: skip


def test_a_run_is_complete(run_folder: Path) -> None:
    assert {path.name for path in run_folder.iterdir()} == FILES | {"recognizer"}
    assert {path.name for path in (run_folder / "recognizer").iterdir()} == ARTIFACT
    assert not list(run_folder.parent.glob(".*"))


def test_frozen_recognises_real_people(run_folder: Path) -> None:
    result = json.loads((run_folder / "evaluation.json").read_text())
    assert result["accuracy"] >= 0.9
    assert result["open_set"]["dir_at_far"]["0.1"] >= 0.9
    assert result["split"]["train"] == 40
    assert result["split"]["validation"] == 10
    assert np.sum(result["confusion_matrix"]) == 10
    assert result["chosen"] == "frozen"


def test_the_split_keeps_every_photo_once(run_folder: Path, people: Path) -> None:
    parts = json.loads((run_folder / "split.json").read_text())
    named = parts["train"] + parts["validation"]
    assert sorted(named) == sorted(p.relative_to(people).as_posix() for p in people.glob("*/*.jpg"))


def test_the_artifact_works_wherever_it_is_copied(
    run_folder: Path, people: Path, tmp_path: Path
) -> None:
    shutil.copytree(run_folder / "recognizer", tmp_path / "elsewhere")
    recognizer = Recognizer.load(tmp_path / "elsewhere")
    for path in sorted(people.glob("*/00[1-3].jpg")):
        face = recognizer.recognize(path).faces[0]
        assert face.name == path.parent.name
        assert face.similarity >= recognizer.threshold.value


def test_the_keras_file_is_the_same_network(run_folder: Path) -> None:
    import keras

    crops = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    model = keras.saving.load_model(run_folder / "recognizer" / "embedder.keras", safe_mode=True)
    embedder = Recognizer.load(run_folder, precision="float32").embedder
    both = embedder.embed_raw(crops, second=True)  # of two networks, which Keras asks of all
    np.testing.assert_allclose(model.predict(crops, verbose=0), both, atol=1e-4)


def test_recipe_seed_trains_and_reports(people: Path, strangers: Path, tmp_path: Path) -> None:
    run = train(people, out=tmp_path / "seed", recipe="seed", epochs=2, strangers=str(strangers))
    rows = list(csv.DictReader((run.folder / "history.csv").open()))
    assert [(row["stage"], row["epoch"]) for row in rows] == [("seed", "1"), ("seed", "2")]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert run.evaluation.chosen == "seed"
    assert [candidate.name for candidate in run.evaluation.candidates] == ["seed"]
    saved = run.recognizer.gallery
    means = np.stack([saved.embeddings[saved.labels == i].mean(0) for i in range(5)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert np.abs(saved.templates - means).max() > 0.01  # the head's columns, not the means


def test_random_weights_are_near_chance_and_say_so(
    people: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = train(people, out=tmp_path / "random", recipe="frozen", weights="none")
    assert "RANDOM WEIGHTS" in caplog.text
    assert run.evaluation.accuracy <= 0.7
    assert json.loads((run.folder / "recognizer" / "recognizer.json").read_text())["weights"] == {
        "file": "none (random)"
    }


def test_a_group_photo_trains_with_the_right_face(people: Path, tmp_path: Path) -> None:
    data = tmp_path / "people"
    shutil.copytree(people, data)
    stranger, own = (Image.open(people / name / "001.jpg") for name in ("Megan_Fox", "Tom_Cruise"))
    both = Image.new("RGB", (700, 400))
    both.paste(stranger.resize((360, 380)), (0, 0))
    both.paste(own.resize((200, 212)), (450, 100))
    both.save(data / "Tom_Cruise" / "together.png")
    run = train(data, out=tmp_path / "run", recipe="frozen")
    note = next(n for n in run.evaluation.notes if n["photo"] == "Tom_Cruise/together.png")
    assert note["kind"] == "several_faces"
    gallery = run.recognizer.gallery
    if "Tom_Cruise/together.png" in gallery.photos:
        row = gallery.photos.index("Tom_Cruise/together.png")
        assert gallery.match(gallery.embeddings[row : row + 1])[0] == gallery.people.index(
            "Tom_Cruise"
        )


def test_bad_photos_are_listed_and_the_rest_is_used(people: Path, tmp_path: Path) -> None:
    data = tmp_path / "people"
    shutil.copytree(people, data)
    (data / "Megan_Fox" / "text.jpg").write_text("not a photo")
    (data / "Megan_Fox" / "empty.jpg").touch()
    whole = (people / "Megan_Fox" / "001.jpg").read_bytes()
    (data / "Megan_Fox" / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (300, 300), "grey").save(data / "Megan_Fox" / "wall.png")
    (data / "Only One 🙂 שלום").mkdir()
    shutil.copy(people / "Megan_Fox" / "002.jpg", data / "Only One 🙂 שלום" / "a b.jpg")
    run = train(data, out=tmp_path / "run", recipe="frozen")
    kinds = {note["photo"]: note["kind"] for note in run.evaluation.notes}
    assert kinds["Megan_Fox/text.jpg"] == kinds["Megan_Fox/empty.jpg"] == "unreadable"
    assert kinds["Megan_Fox/truncated.jpg"] == "unreadable"
    assert kinds["Megan_Fox/wall.png"] == "no_face"
    assert "Only One 🙂 שלום" in run.evaluation.people


@pytest.mark.parametrize("recipe", ["best", "seed"])
def test_one_person_is_enrolled_and_tested_as_far_as_can_be(
    people: Path, strangers: Path, tmp_path: Path, recipe: Recipe
) -> None:
    shutil.copytree(people / "Megan_Fox", tmp_path / "one" / "Megan_Fox")
    run = train(tmp_path / "one", out=tmp_path / "run", recipe=recipe)
    assert run.recognizer.people == ("Megan_Fox",)
    assert run.evaluation.open_set.dir == 1
    assert run.evaluation.open_set.far is None
    assert "measurements" in run.recognizer.threshold.source
    assert run.evaluation.chosen == "frozen"
    answers = run.recognizer.recognize_photos(sorted(strangers.rglob("*.jpg")))
    named = {Path(each.path).parent.name for each in answers if any(f.name for f in each.faces)}
    assert len(named) <= 1  # the network finds one of five people like her


@pytest.mark.parametrize("flat", [False, True])
def test_one_photo_each_is_enrolled_untested(people: Path, tmp_path: Path, flat: bool) -> None:
    names = [folder.name for folder in sorted(people.iterdir())]
    for name in names:
        place = tmp_path / "few" / (f"{name}.jpg" if flat else f"{name}/1.jpg")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(people / name / "001.jpg", place)
    run = train(tmp_path / "few", out=tmp_path / "run", recipe="best")
    assert run.evaluation.accuracy is None
    assert str(concerns(run.evaluation)[0]).startswith("Nothing was tested")
    assert "<h1>Enrolled, but not tested</h1>" in (tmp_path / "run/report.html").read_text()
    answers = [run.recognizer.recognize(people / name / "002.jpg").faces[0] for name in names]
    assert [face.nearest for face in answers] == names
    assert sum(face.name is not None for face in answers) > len(names) / 2


def test_after_the_test_all_photos_are_enrolled(people: Path, run_folder: Path) -> None:
    split = json.loads((run_folder / "split.json").read_text())
    gallery = Recognizer.load(run_folder).gallery
    assert sorted(gallery.photos) == sorted(split["train"] + split["validation"])
    everybody = mean_templates(gallery.embeddings, gallery.labels, len(gallery.people))
    np.testing.assert_allclose(gallery.templates, everybody, atol=1e-6)


def test_an_older_run_is_never_touched(people: Path, run_folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")}
    with pytest.raises(KnownfaceError, match="exists already"):
        train(people, out=run_folder)
    assert before == {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")}


def test_an_interrupted_run_leaves_nothing(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("knownface.training.train.write_report", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(people, out=tmp_path / "runs" / "cut", recipe="frozen")
    assert not list((tmp_path / "runs").iterdir())


def test_equal_seeds_give_equal_runs(people: Path, run_folder: Path, tmp_path: Path) -> None:
    again = train(people, out=tmp_path / "again", recipe="frozen")
    first = Recognizer.load(run_folder).gallery
    np.testing.assert_array_equal(first.embeddings, again.recognizer.gallery.embeddings)
    assert first.photos == again.recognizer.gallery.photos


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("recipe", "magic"),
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("validation", 1.0),
        ("far_target", 0.0),
        ("seed", -1),
    ],
)
def test_wrong_options_are_named(option: str, value: object) -> None:
    with pytest.raises(KnownfaceError, match=f"must be.*not {value}"):
        TrainingConfig(data="people", **{option: value})  # type: ignore[arg-type]
