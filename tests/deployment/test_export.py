"""Exports: complete, tested again as their run was, and refused where they lose too much."""

from __future__ import annotations

import json
import pickle
import shutil
import stat
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from command_line import knownface, refused

from knownface.deployment import formats
from knownface.deployment.export import Export, export
from knownface.embed.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.measure.evaluation import Evaluation
from knownface.recognition.living.gallery import LivingGallery
from knownface.recognition.recognizer import Recognizer
from knownface.runtime.exported import Exported

needs_nncf = pytest.mark.skipif(not find_spec("nncf"), reason="nncf is not installed")
needs_litert = pytest.mark.skipif(
    not find_spec("ai_edge_litert"), reason="ai-edge-litert is not installed"
)
POSSIBLE = [
    ("onnx", "fp32", 1.0),
    ("onnx", "fp16", 0.999),
    ("onnx", "int8", 0.97),
    ("openvino", "fp32", 1.0),
    ("openvino", "bf16", 0.999),
    pytest.param("openvino", "int8", 0.97, marks=needs_nncf),
    pytest.param("litert", "int8", 0.97, marks=needs_litert),
]


@pytest.fixture(scope="module")
def exports(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An export of the run, made once."""
    place, made = tmp_path_factory.mktemp("exports"), dict[tuple[str, str], Export]()

    def exported(format: str, precision: str) -> Export:
        key = format, precision
        if key not in made:
            out = place / "-".join(key)
            made[key] = export(small_run, format=format, precision=precision, out=out)  # type: ignore[arg-type]
        return made[key]

    return exported


@pytest.mark.parametrize(("format", "precision", "agrees"), POSSIBLE)
def test_an_export_is_complete_and_beside_its_run(
    format: str, precision: str, agrees: float, exports: Any, small_run: Path
) -> None:
    made = exports(format, precision)
    found = made.comparison
    assert found.cosine_worst <= found.cosine_mean
    assert found.cosine_mean >= agrees - 1e-5
    run = Evaluation.load(small_run / "evaluation.json")
    assert found.run.threshold == pytest.approx(run.open_set.threshold, abs=1e-3)
    assert (found.run.accuracy, found.run.dir, found.run.far) == (
        run.accuracy, run.open_set.dir, run.open_set.far,
    )  # fmt: skip
    assert found.photos == run.tested > 0
    assert found.strangers == run.open_set.far_trials > 0
    assert Evaluation.load(made.folder / "evaluation.json").to_json() == made.evaluation.to_json()
    said = json.loads((made.folder / "export.json").read_text())
    assert said["exported"]["threshold"] == made.evaluation.open_set.threshold
    assert "Embeddings agree with float32" in found.lines()[1]
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files)
    assert not [path for path in files if path.name.startswith(".")]
    assert not list(made.folder.parent.glob(".*"))
    templates = np.fromfile(made.folder / "templates.f32", "<f4")
    record = json.loads((made.folder / "recognizer.json").read_text())
    assert len(templates) == len(record["people"]) * 128
    assert record["exported"] == {"format": format, "precision": precision}
    if precision == "int8":
        before, after = Recognizer.load(small_run).gallery, templates.reshape(-1, 128)
        assert not np.array_equal(before.templates, after)
        assert np.abs(before.templates - after).max() < 0.1


@pytest.mark.parametrize(("format", "precision", "agrees"), POSSIBLE[:-1])
def test_knownface_runs_what_it_exported(
    format: str, precision: str, agrees: float, exports: Any, small_run: Path
) -> None:
    made = exports(format, precision)
    loaded = Recognizer.load(made.folder)
    assert loaded.embedder.device.startswith(
        "CPU (ONNX Runtime" if format == "onnx" else "CPU (OpenVINO"
    )
    photos = sorted((small_run.parent / "people").glob("*/0.png"))
    names = [loaded.recognize(photo).faces[0].name for photo in photos]
    assert [name or "" for name in names] == [photo.parent.name for photo in photos]
    again = pickle.loads(pickle.dumps(loaded))
    assert again.recognize(photos[0]) == loaded.recognize(photos[0])
    plain = Recognizer.load(small_run)
    with pytest.raises(KnownfaceError, match="enroll them again"):
        replace(plain, gallery=loaded.gallery)
    with pytest.raises(KnownfaceError, match="enroll them again"):
        replace(loaded, gallery=plain.gallery)
    copy = made.folder.parent / f"copy-{format}-{precision}"
    loaded.save(copy)
    assert np.array_equal(Recognizer.load(copy).gallery.templates, loaded.gallery.templates)


def test_an_export_is_evaluated_like_a_run(exports: Any, small_run: Path) -> None:
    people = small_run.parent / "people"
    folder = exports("openvino", "fp32").folder
    refused(knownface("evaluate", folder, people), "every usable photo in it is enrolled")
    done = knownface("recognize", folder, people / "person 1", "--json")
    names = {face["name"] for each in json.loads(done.stdout)["photos"] for face in each["faces"]}
    assert "person 1" in names


def test_an_export_compares_as_its_run_does(
    run_folder: Path, people: Path, strangers: Path, tmp_path: Path
) -> None:
    """And its files for programs follow what is said of faces."""
    made = export(run_folder, format="openvino", precision="fp16", out=tmp_path / "export")
    run = Recognizer.load(run_folder, precision="float32")
    exported = Recognizer.load(made.folder)
    assert exported.mirrored
    photos = sorted(people.glob("*/00[1-3].jpg"))
    similar = [[r.recognize(photo).faces[0].similarity for photo in photos]
               for r in (run, exported)]  # fmt: skip
    np.testing.assert_allclose(*similar, atol=0.01)

    def plain() -> np.ndarray:
        return np.fromfile(made.folder / "templates.f32", "<f4")

    before = plain()
    np.testing.assert_array_equal(before, exported.gallery.ready.multiplied().ravel())
    faces = exported.see(next(strangers.glob("*/*.jpg"))).faces[:1]
    LivingGallery(made.folder).enroll(exported.people[0], exported.with_small(faces))
    after = Recognizer.load(made.folder)
    assert np.abs(plain() - before).max() > 1e-3
    np.testing.assert_allclose(plain(), after.gallery.ready.multiplied().ravel(), atol=1e-6)


@needs_litert
def test_what_knownface_does_not_run_is_said(exports: Any) -> None:
    with pytest.raises(KnownfaceError, match="exported for LiteRT, which knownface does not run"):
        Recognizer.load(exports("litert", "int8").folder)


# ---------------------------------------------------------------- refused
def test_an_export_that_loses_is_refused_and_nothing_is_left(
    small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of each layer are mixed up."""
    write = formats.write_network

    def broken(source: Path, exported: Exported, folder: Path) -> Path:
        path, rng = write(source, exported, folder), np.random.default_rng(0)
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.size > formats.SMALL:
                mixed = rng.permutation(values.ravel()).reshape(values.shape)
                tensor.CopyFrom(onnx.numpy_helper.from_array(mixed, tensor.name))
        onnx.save(model, path)
        return path

    monkeypatch.setattr(formats, "write_network", broken)
    done = knownface("export", small_run, "--out", tmp_path / "export")
    refused(done, "Refused, for", "a mean cosine below 0.95 (--limit 0.003)", "(float32: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--precision", "bf16"], ["--precision bf16: not in format onnx", "in openvino"]),
        (["--format", "tflite"], ["--format must be onnx, openvino or litert, not tflite"]),
        (["--limit", "2"], ["--limit must be between 0 and 1"]),
    ],
)
def test_what_cannot_be_is_said_at_once(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    refused(knownface("export", tmp_path / "nothing", *arguments), *words)


def test_a_missing_package_is_named_with_its_extra(
    small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "nncf" else True)
    done = knownface("export", small_run, "--format", "openvino", "--precision", "int8")
    refused(done, "needs nncf, which is not installed", 'pip install "knownface[export]"')


def test_what_was_moved_is_asked_for(small_run: Path, exports: Any, tmp_path: Path) -> None:
    shutil.copytree(small_run / "recognizer", tmp_path / "alone")
    with pytest.raises(KnownfaceError, match="a recogniser without its run"):
        export(tmp_path / "alone")
    with pytest.raises(KnownfaceError, match="a recogniser without its run"):
        export(exports("onnx", "fp32").folder)
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    options = json.loads((run / "config.json").read_text()) | {"data": str(tmp_path / "gone")}
    (run / "config.json").write_text(json.dumps(options))
    with pytest.raises(KnownfaceError, match=r"gone: the photos of .* say where .* data=\.\.\."):
        export(run)
    with pytest.raises(KnownfaceError, match="exists already"):
        export(small_run, out=small_run)


def test_photos_that_changed_are_left_out(
    small_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    people = tmp_path / "people"
    shutil.copytree(small_run.parent / "people", people)
    trained = json.loads((small_run / "split.json").read_text())["train"]
    (people / trained[0]).unlink()
    made = export(small_run, data=people, out=tmp_path / "export")
    assert "1 of" in caplog.text
    assert "gone or changed" in caplog.text
    enrolled = Recognizer.load(made.folder).gallery.photos
    assert len(enrolled) == len(Recognizer.load(small_run).gallery.photos) - 1
    for photo in (people / "person 2").iterdir():
        photo.write_bytes((people / "person 1" / photo.name).read_bytes())
    with pytest.raises(KnownfaceError, match="person 2 was enrolled with"):
        export(small_run, data=people, out=tmp_path / "another")


def test_two_precisions_have_two_contracts(exports: Any) -> None:
    """The same file, run in two ways, gives embeddings that are not compared."""
    path = exports("openvino", "bf16").folder / "embedder.xml"
    crop = Recognizer.load(exports("openvino", "bf16").folder).crop
    same = [Embedder(path, exported=Exported("openvino", kind)) for kind in ("bf16", "fp16")]  # type: ignore[arg-type]
    assert same[0].digest == same[1].digest
    assert same[0].contract(crop) != same[1].contract(crop)
