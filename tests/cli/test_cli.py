"""The command line as a user meets it: output, JSON, exit codes, one-line errors."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import knownface, knownface_process, refused
from PIL import Image


def test_train_prints_json_and_nothing_else(people: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = knownface_process("train", people, "--recipe", "frozen", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["run"] == str(out)
    assert document["accuracy"] == json.loads((out / "evaluation.json").read_text())["accuracy"]
    keys = "accuracy accuracy_ci95 balanced_accuracy top5_accuracy people confusion_matrix"
    keys += " per_person open_set split candidates chosen backbone recipe seconds"
    keys += " images_per_second device errors calibration look_alikes learning_curve folds"
    assert set(keys.split()) <= set(document)
    assert "absl" not in done.stderr


def test_train_cross_validates_in_folds(people: Path, tmp_path: Path) -> None:
    arguments = ("train", people, "--recipe", "frozen", "--out", tmp_path / "run")
    done = knownface(*arguments, "--folds", 3)
    assert done.returncode == 0, done.stderr
    assert "Cross-validated, frozen, 3 folds: accuracy" in done.stdout
    assert "Whether more photos would help, 10 test photos cannot tell" in done.stdout
    folds = json.loads((tmp_path / "run" / "evaluation.json").read_text())["folds"]
    assert set(folds) == {"accuracy", "accuracy_ci95", "folds", "photos"}
    assert len(folds["folds"]) == 3
    assert folds["photos"] == 50
    refused(knownface(*arguments[:-1], tmp_path / "no", "--folds", 1), "--folds", "at least 2")
    refused(knownface(*arguments[:-1], tmp_path / "no", "--folds", 99), "--folds 99", "2 to 10")


def test_benchmark_shows_what_was_published(shared: Path, tmp_path: Path) -> None:
    root = shared / "data" / "lfw_view1"
    lines = (root / "pairsDevTest.txt").read_text().splitlines()
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("\n".join([*lines[1:11], *lines[-10:]]))
    arguments = ("benchmark", "--pairs", pairs, "--images", root / "images")
    done = knownface(*arguments, "--backbone", "mobilefacenet")
    assert "published for mobilefacenet, by its authors: lfw 0.9948" in done.stdout, done.stderr
    document = json.loads(knownface(*arguments, "--backbone", "mini", "--json").stdout)
    assert document["published"] == {}
    assert document["pairs"] == 20


def test_recognize_prints_one_line_per_face(run_folder: Path, shared: Path, tmp_path: Path) -> None:
    couple = shared / "data" / "photos" / "couple.jpg"
    known = shared / "data" / "people" / "Tom_Cruise" / "011.jpg"
    done = knownface("recognize", run_folder, couple, known, "--out", tmp_path / "drawn")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{couple}: unknown 0.") for line in lines[:2])
    assert lines[2].startswith(f"{known}: Tom_Cruise 0.")
    assert lines[2].endswith("]")
    drawn = {path.name: Image.open(path).size for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {"couple.jpg": Image.open(couple).size, "011.jpg": Image.open(known).size}


def test_recognize_json_keeps_going_after_a_bad_photo(run_folder: Path, people: Path) -> None:
    bad = people.parent / "bad.jpg"
    bad.write_text("text")
    done = knownface("recognize", run_folder, bad, people / "Megan_Fox" / "001.jpg", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert set(document) == {"photos", "seconds", "device"}
    first, second = document["photos"]
    assert "not an image" in first["error"]
    assert first["faces"] == []
    assert second["error"] is None
    face = second["faces"][0]
    assert face["name"] == "Megan_Fox"
    assert face["reason"] is None
    assert len(face["box"]) == 4


def test_folders_and_globs_are_sources(run_folder: Path, people: Path) -> None:
    folder = knownface("recognize", run_folder, people / "Megan_Fox", "--json")
    pattern = knownface("recognize", run_folder, f"{people}/Megan_*/*.jpg", "--json")
    names = [[p["path"] for p in json.loads(d.stdout)["photos"]] for d in (folder, pattern)]
    assert names[0] == names[1]
    assert len(names[0]) == 10


def test_verify_tells_people_apart(people: Path, run_folder: Path) -> None:
    one, two = people / "Megan_Fox" / "001.jpg", people / "Megan_Fox" / "002.jpg"
    same = json.loads(knownface("verify", one, two, "--json").stdout)
    assert same["same"] is True
    assert same["far"] == 0.001
    other = people / "Tom_Cruise" / "001.jpg"
    done = knownface("verify", one, other, "--recognizer", run_folder, "--json")
    different = json.loads(done.stdout)
    assert different["same"] is False
    assert different["similarity"] < different["threshold"]


def test_evaluate_writes_a_report(run_folder: Path, people: Path, tmp_path: Path) -> None:
    out, new = tmp_path / "again", tmp_path / "new" / "Megan_Fox"
    new.mkdir(parents=True)
    for photo in sorted((people / "Megan_Fox").iterdir())[:5]:
        Image.open(photo).crop((4, 4, 190, 215)).save(new / f"{photo.stem}.png")
    refused(knownface("evaluate", run_folder, people, "--out", out), "is enrolled already")
    done = knownface("evaluate", run_folder, new.parent, "--out", out, "--json")
    document = json.loads(done.stdout)
    assert (document["accuracy"], document["split"]["validation"]) == (1.0, 5)
    assert document["warnings"][0].startswith("Hardly tested: 5 test photos")
    names = {path.name for path in out.iterdir()}
    assert names == {"evaluation.json", "report.html", "confusion_matrix.png", "model_card.md"}


def test_backbones_lists_files(shared: Path) -> None:
    rows = json.loads(knownface("backbones", "--json").stdout)
    row = next(row for row in rows if row["name"] == "mobilefacenet")
    assert row["parameters"] == 989_952
    assert row["files"][0]["present"] is True
    assert "mobilefacenet" in knownface("backbones").stdout


# ---------------------------------------------------------------- wrong use
def test_wrong_use_is_one_sentence(run_folder: Path, people: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(knownface("train", tmp_path / "nowhere"), "no such folder")
    refused(knownface("train", tmp_path / "empty"), "no photos")
    refused(knownface("train", people, "--backbone", "magic"), "mobilefacenet")
    refused(knownface("train", people, "--device", "cuda"), "cuda", "--device cpu")
    refused(knownface("recognize", tmp_path / "empty", "x.jpg"), "recognizer.json")
    refused(knownface("recognize", run_folder, tmp_path / "empty"), "no photos")
    refused(knownface("recognize", run_folder, tmp_path / "*.jpg"), "matches no file")
    refused(knownface("evaluate", run_folder, tmp_path / "empty"), "no photos")
    refused(knownface("verify", people / "none.jpg", people / "none.jpg"), "no such file")
    assert knownface("nonsense").returncode == 2
    assert knownface("train").returncode == 2


def test_a_missing_weight_file_offers_the_ways_out(people: Path, tmp_path: Path) -> None:
    environment = {
        "KNOWNFACE_WEIGHTS": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "https_proxy": "http://127.0.0.1:9",
    }
    out = ("--out", tmp_path / "run")
    done = knownface("train", people, "--backbone", "mobilefacenet", *out, **environment)
    ways = ("--weights FILE", "KNOWNFACE_WEIGHTS", "--backbone mini")
    refused(done, "https://github.com/foamliu", "b7120c09", *ways)
    assert not (tmp_path / "run").exists()
    done = knownface("train", people, "--recipe", "frozen", *out, **environment)
    assert done.returncode == 0
    assert "Backbone mini, which is built in" in done.stderr
    assert (tmp_path / "run" / "recognizer" / "embedder.onnx").is_file()


@pytest.mark.parametrize("damage", ["gallery.sqlite", "recognizer.json", "embedder.onnx"])
def test_a_damaged_recognizer_is_named(
    damage: str, run_folder: Path, people: Path, tmp_path: Path
) -> None:
    shutil.copytree(run_folder / "recognizer", tmp_path / "copy")
    whole = (tmp_path / "copy" / damage).read_bytes()
    (tmp_path / "copy" / damage).write_bytes(whole[: len(whole) // 2])
    refused(knownface("recognize", tmp_path / "copy", people), damage)


@pytest.mark.parametrize(("sign", "kept"), [("split.json", False), ("history.csv", True)])
def test_ctrl_c_is_130_and_keeps_what_was_trained(
    people: Path, tmp_path: Path, sign: str, kept: bool
) -> None:
    out = tmp_path / "runs" / "cut"
    options = ["--recipe", "seed", "--epochs", "50", "--out", str(out), "--backbone", "mini"]
    process = subprocess.Popen(
        [sys.executable, "-m", "knownface", "train", str(people), *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob(f"runs/.cut.*/{sign}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    if kept:
        assert "holds the best so far" in errors
        assert [path.name for path in out.parent.iterdir()] == ["cut"]
        result = json.loads((out / "evaluation.json").read_text())
        assert result["chosen"] == "seed"
        assert json.loads(knownface("recognize", str(out), str(people), "--json").stdout)["photos"]


def test_ctrl_c_while_text_is_executed_is_130(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(
        """
import runpy, knownface.cli.commands

def app():
    try:
        exec("import signal; signal.raise_signal(signal.SIGINT)")
    except KeyboardInterrupt:
        raise SystemExit(130)

knownface.cli.commands.app = app
runpy.run_module("knownface", run_name="__main__")
"""
    )
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path)
    assert done.returncode == 130


def test_backbones_lists_and_fetches(shared: Path) -> None:
    rows = json.loads(knownface("backbones", "--json").stdout)
    assert {"name", "parameters", "size", "embedding_size", "licence", "files"} <= set(rows[0])
    assert {"training_data", "disputed", "noncommercial"} <= set(rows[0])
    present = {row["name"]: any(file["present"] for file in row["files"]) for row in rows}
    assert present["mobilefacenet"]
    assert not present["arcface"]
    shown = knownface("backbones").stdout
    assert "w600k_r50.onnx (not here)" in shown
    for words in ("licence of the file", "training data", "what is disputed", "no legal advice"):
        assert words in shown
    assert all(row["licence"] in shown for row in rows)
    done = knownface("backbones", "fetch", "mobilefacenet")
    assert done.stdout.strip() == str(shared / "weights" / "MobileFaceNet.onnx")
    refused(knownface("backbones", "fetch", "arcface"), "--accept-license", "research")
    refused(knownface("backbones", "fetch", "nothing"), "choose one of")


def test_compare_prints_one_table(people: Path, tmp_path: Path) -> None:
    options = ["--backbones", "mobilefacenet,senet", "--recipes", "frozen"]
    done = knownface("compare", people, *options, "--out", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert "mobilefacenet" in done.stdout
    assert "senet: The weights of senet are not free for every use" in done.stdout
    rows = json.loads(
        knownface("compare", people, *options, "--out", tmp_path / "json", "--json").stdout
    )["rows"]
    assert [row["error"] is None for row in rows] == [True, False]
    refused(knownface("compare", people, "--weights", "nonsense"), "BACKBONE=FILE")
