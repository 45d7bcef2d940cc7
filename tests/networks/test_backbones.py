"""Every backbone of the registry, and the official files they load."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

import knownface
from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.errors import KnownfaceError
from knownface.faces.crops import FaceCropper
from knownface.faces.detectors import load_detector
from knownface.faces.detectors.yunet import YUNET
from knownface.faces.face import Crop
from knownface.files.download import DamagedFile, WeightError
from knownface.networks.load import choose_backbone, load_backbone, locate_weights
from knownface.networks.to_onnx import export_onnx
from knownface.networks.zoo import BACKBONES, get_backbone
from knownface.progress import silent
from knownface.training.config import TrainingConfig
from knownface.training.train import load_network


@pytest.fixture(scope="module")
def crops(people: Path) -> np.ndarray:
    """50 real crops, (50, 112, 112, 3)."""
    cropper = FaceCropper(Crop("five_point", 112), load_detector())
    photos = cropper.crop_photos(sorted(people.glob("*/*.jpg")))
    return np.concatenate([photo.crops[:1] for photo in photos])


@pytest.fixture(scope="module")
def official(shared: Path, crops: np.ndarray) -> np.ndarray:
    """What the original MobileFaceNet graph computes, with preprocessing written out here."""
    session = onnxruntime.InferenceSession(str(shared / "weights" / "MobileFaceNet.onnx"))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = ((crops / 255 - mean) / std).transpose(0, 3, 1, 2).astype(np.float32)
    return np.concatenate([session.run(None, {"input0": one[None]})[0] for one in pixels])


def unit(embeddings: np.ndarray) -> np.ndarray:
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_record_tells_the_truth_about_its_network(name: str) -> None:
    record = BACKBONES[name]
    model = load_backbone(name, "none")
    assert model.count_params() == record.parameters
    assert model.input_shape == (None, record.crop.size, record.crop.size, 3)
    assert model.inputs[0].dtype == "uint8"
    assert model.output_shape == (None, record.embedding_size)
    assert all(len(file.sha256) == 64 for file in record.weight_files if file.sha256)
    addresses = [file.url for file in record.weight_files if file.url]
    names = tuple(file.name for file in record.weight_files)
    assert all(url.endswith((*names, ".zip")) or ".zip" in url for url in addresses)


@pytest.mark.backends
def test_keras_and_both_onnx_forms_equal_the_original(
    shared: Path, crops: np.ndarray, official: np.ndarray, tmp_path: Path
) -> None:
    model = load_backbone("mobilefacenet")
    export_onnx(model, tmp_path / "exported.onnx")
    exported = Embedder(tmp_path / "exported.onnx", precision="float32")
    wrapped = backbone_embedder(get_backbone("mobilefacenet"), precision="float32")
    session = onnxruntime.InferenceSession(str(tmp_path / "exported.onnx"))
    forms = {
        "keras": np.asarray(model.predict(crops, verbose=0)),
        "openvino": exported.embed_raw(crops),
        "onnxruntime": session.run(None, {"crops": crops})[0],
        "wrapped official file": wrapped.embed_raw(crops),
        "one at a time": np.concatenate([exported.embed_raw(crops[i : i + 1]) for i in range(50)]),
    }
    for form, embeddings in forms.items():
        error = np.abs(unit(embeddings) - unit(official)).max()
        assert error <= 5e-5 * np.abs(unit(official)).max(), form


def test_bfloat16_stays_close(crops: np.ndarray, official: np.ndarray) -> None:
    embedder = backbone_embedder(get_backbone("mobilefacenet"), precision="auto")
    cosines = np.sum(embedder.embed(crops) * unit(official), axis=1)
    assert cosines.min() > 0.995


def test_bfloat16_is_honoured_or_refused() -> None:
    record = get_backbone("mini")
    if "bfloat16" in backbone_embedder(record, precision="auto").device:
        assert "bfloat16" in backbone_embedder(record, precision="bfloat16").device
    else:
        with pytest.raises(KnownfaceError, match="no instructions for bfloat16"):
            backbone_embedder(record, precision="bfloat16")


def test_auto_reads_its_file_once_to_check_it(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    digest = hashlib.file_digest

    def counted(stream: BinaryIO, name: str) -> object:
        read.append(Path(stream.name).name)
        return digest(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    backbone, wanted = choose_backbone("auto")
    weights = locate_weights(backbone, wanted)
    assert weights is not None
    assert weights.sha256 == backbone.weight_files[0].sha256
    backbone_embedder(backbone, wanted)
    load_network(backbone, wanted, TrainingConfig("people"), silent)
    assert read.count("MobileFaceNet.onnx") == 1


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(KnownfaceError, match=r"'resnet'.*mobilefacenet"):
        get_backbone("resnet")


def damaged(source: Path, target: Path, how: str) -> Path:
    """The official file with one thing wrong."""
    if how == "truncated":
        target.write_bytes(source.read_bytes()[:100_000])
        return target
    if how == "text":
        target.write_text("not a network")
        return target
    model = onnx.load(source)
    arrays = model.graph.initializer
    if how == "missing":
        del arrays[3]
    elif how == "transposed":
        array = numpy_helper.to_array(arrays[8])
        arrays[8].CopyFrom(numpy_helper.from_array(array.transpose(1, 0, 2, 3), arrays[8].name))
    elif how == "renamed":
        arrays[5].name = "other"
    elif how == "not finite":
        array = numpy_helper.to_array(arrays[0]).copy()
        array[0] = np.nan
        arrays[0].CopyFrom(numpy_helper.from_array(array, arrays[0].name))
    elif how == "without a bias":
        conv = next(node for node in model.graph.node if node.op_type == "Conv")
        del conv.input[2]
    elif how == "shorter":
        first = next(i for i, node in enumerate(model.graph.node) if node.op_type == "Conv")
        del model.graph.node[first]
    onnx.save(model, target)
    return target


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("truncated", "not a complete ONNX file"),
        ("text", "not a complete ONNX file"),
        ("missing", "has no array onnx::Conv_53"),
        ("transposed", "wrong shape.*kernel"),
        ("renamed", "has no array"),
        ("not finite", "has values that are not finite"),
        ("without a bias", "Conv .* lacks a parameter, its bias"),
        ("shorter", "50 convolutions where this network has 51"),
    ],
)
def test_a_damaged_file_is_named(shared: Path, tmp_path: Path, how: str, named: str) -> None:
    path = damaged(shared / "weights" / "MobileFaceNet.onnx", tmp_path / f"{how}.onnx", how)
    with pytest.raises(WeightError, match=named) as caught:
        load_backbone("mobilefacenet", path)
    assert "\n" not in str(caught.value)


def test_research_weights_are_accepted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", str(tmp_path))
    record = BACKBONES["vggface2"]
    file = tmp_path / record.weight_files[0].name
    file.write_bytes(b"weights")
    with pytest.raises(WeightError, match=r"vggface2.*research.*accept_license=True"):
        locate_weights(record)
    theirs = locate_weights(record, file)  # a file of the user's is theirs to judge
    assert theirs is not None
    assert theirs.path == file
    assert theirs.sha256 == hashlib.sha256(b"weights").hexdigest()
    for official in (locate_weights(record, accept_license=True), locate_weights(record)):
        assert official is not None
        assert official.path == file
    with pytest.raises(WeightError, match="senet"):
        locate_weights(BACKBONES["senet"])


def test_auto_is_free_and_falls_back_to_what_is_built_in(
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "knownface")
    chosen, _ = choose_backbone("auto")
    assert chosen.name == "mobilefacenet"
    assert not chosen.noncommercial
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KNOWNFACE_WEIGHTS")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    caplog.clear()
    assert choose_backbone("auto")[0].name == "mini"
    announced, said = caplog.messages
    assert announced == "Downloading MobileFaceNet.onnx (3,998,070 bytes) from github.com"
    assert said.startswith("Backbone mini")
    assert "backbone='arcface'" in said
    with pytest.raises(WeightError, match="no such file"):
        choose_backbone("auto", tmp_path / "missing.onnx")


def test_a_firewall_that_drops_packets_costs_one_wait_for_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was 33 seconds in every process."""
    caplog.set_level("INFO", "knownface")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KNOWNFACE_WEIGHTS")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{mute.getsockname()[1]}")
        start = time.monotonic()
        assert choose_backbone("auto")[0].name == "mini"
        assert load_detector().name == "mtcnn"
        assert time.monotonic() - start < 3.5
        announced, backbone, detector = caplog.messages
        assert announced.startswith("Downloading MobileFaceNet.onnx")
        assert backbone.startswith("Backbone mini")
        assert detector.startswith("Detector: MTCNN")
        caplog.clear()
        start = time.monotonic()
        assert choose_backbone("auto")[0].name == "mini"
        assert load_detector().name == "mtcnn"
        assert time.monotonic() - start < 0.5
        assert caplog.messages == [backbone, detector]


@pytest.mark.parametrize("how", ["cut", "changed", "another network"])
@pytest.mark.parametrize("place", ["KNOWNFACE_WEIGHTS", "cache"])
def test_a_damaged_file_is_said_and_nothing_takes_its_place(
    how: str, place: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto` took mini without a word, and faces were found with MTCNN."""
    folder = tmp_path / "knownface" / "weights" if place == "cache" else tmp_path
    folder.mkdir(exist_ok=True, parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", str(folder) if place != "cache" else "")
    for file, load in ((BACKBONES["mobilefacenet"].weight_files[0], choose_backbone),
                       (YUNET, lambda _: load_detector())):  # fmt: skip
        content = bytearray((shared / "weights" / file.name).read_bytes())
        content[1000] ^= 1
        other = (shared / "weights" / YUNET.name).read_bytes()[:-1]
        given = {"cut": content[:-7], "changed": content, "another network": other}[how]
        (folder / file.name).write_bytes(given)
        with pytest.raises(DamagedFile, match="damaged, or another file under that name") as caught:
            load("auto")
        said = str(caught.value)
        assert said.startswith(str(folder / file.name))
        assert str(file.sha256) in said or f"{file.bytes:,}" in said
        assert f"{len(given):,} bytes" in said or hashlib.sha256(given).hexdigest() in said
        assert len(said.splitlines()) == 1
        (folder / file.name).unlink()


def test_mini_ships_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("KNOWNFACE_WEIGHTS", "")
    weights = locate_weights(BACKBONES["mini"])
    assert weights is not None
    path = weights.path
    assert path.is_relative_to(Path(knownface.__file__).parent)
    assert path.stat().st_size <= 4 * 2**20
    cut = tmp_path / "mini.npz"
    cut.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightError, match="not a complete weight file of mini"):
        load_backbone("mini", cut)


def test_mini_sees_what_its_teacher_sees(crops: np.ndarray, shared: Path) -> None:
    teacher = backbone_embedder(get_backbone("mobilefacenet")).embed(crops)
    student = backbone_embedder(get_backbone("mini")).embed(crops)
    # 0.63 here (docs/mini.md); a wrong pixel format, file or layer falls far below.
    assert np.sum(teacher * student, axis=1).mean() > 0.68


TINY = """
from knownface.faces.face import Crop
from knownface.networks.record import Backbone, Format, Pixels


def build(x):
    from keras import layers

    x = layers.Conv2D(8, 3, strides=4, padding="same", activation="relu", name="conv")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(x)
    return layers.Dense(4, name="dense")(layers.GlobalAveragePooling2D(name="pool")(x))


BACKBONES = (
    Backbone(
        name="tiny", network="Tiny", trained_on="nothing", crop=Crop("box", 32, 0.1),
        embedding_size=4, parameters=8 * 28 + 16 * 10 + 68, seed_epochs=1, licence="ours",
        weight_files=(), formats={".h5": Format(None, Pixels((0.0,) * 3, (255.0,) * 3))},
        build=build,
    ),
)
"""


def test_adding_a_backbone_takes_one_file(people: Path, tmp_path: Path) -> None:
    """A new module of the package is trained, exported and run with nothing else touched."""
    (tmp_path / "tiny.py").write_text(TINY)
    code = f"""
import pkgutil
import numpy as np
import knownface.networks.zoo as registry
registry.__path__.append({str(tmp_path)!r})
registry.BACKBONES.update(registry._discover())
from knownface.training.train import train
from knownface.networks.layers import keras
run = train({str(people)!r}, out={str(tmp_path / "run")!r}, backbone="tiny", weights="none",
            recipe="seed", epochs=1)
crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
model = keras.saving.load_model(run.folder / "recognizer" / "embedder.keras")
assert model.count_params() == registry.BACKBONES["tiny"].parameters
from knownface.embed.embedder import Embedder
exact = Embedder(run.folder / "recognizer" / "embedder.onnx", precision="float32")
np.testing.assert_allclose(exact.embed_raw(crops), model.predict(crops), atol=1e-5)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_layer_without_a_rule_is_named() -> None:
    from knownface.networks.layers import keras
    from knownface.networks.to_onnx import onnx_graph

    crops = keras.Input((8, 8, 3), dtype="uint8")
    model = keras.Model(crops, keras.layers.GaussianNoise(0.1, name="odd")(crops))
    with pytest.raises(KnownfaceError, match=r"odd.*no rule to write a GaussianNoise"):
        onnx_graph(model)


@pytest.mark.backends
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_the_same_way(backend: str, people: Path, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    command = ["train", people, "--recipe", "seed", "--epochs", "2", "--loss", "arcface"]
    command += ["--out", tmp_path / "run", "--json", "--precision", "bfloat16"]
    command += ["--backbone", "mini"]
    done = subprocess.run(
        [sys.executable, "-m", "knownface", *map(str, command)],
        env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [each["name"] for each in json.loads(done.stdout)["candidates"]] == ["seed"]
    rows = list(csv.DictReader((tmp_path / "run" / "history.csv").open()))
    assert float(rows[1]["val_loss"]) < float(rows[0]["val_loss"])
