"""Every backbone of the registry, and the official files they load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from knownface.alignment import Crop
from knownface.backbones import BACKBONES, get_backbone, load_backbone
from knownface.crops import FaceCropper
from knownface.detection import load_detector
from knownface.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.export import backbone_embedder, export_onnx
from knownface.weights import WeightError


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
    assert all(file.url.endswith(file.name) or ".zip" in file.url for file in record.weight_files)


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
        ("not finite", "not finite.*stem/kernel"),
        ("shorter", "50 convolutions where this network has 51"),
    ],
)
def test_a_damaged_file_is_named(shared: Path, tmp_path: Path, how: str, named: str) -> None:
    path = damaged(shared / "weights" / "MobileFaceNet.onnx", tmp_path / f"{how}.onnx", how)
    with pytest.raises(WeightError, match=named) as caught:
        load_backbone("mobilefacenet", path)
    assert "\n" not in str(caught.value)
