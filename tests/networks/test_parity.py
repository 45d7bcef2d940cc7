"""The networks of the tutorial against what their original implementations compute.

The weight files have the official layout and deterministic numbers; `golden/README.md` of the
shared folder says how they are made.
"""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.files.download import WeightError
from knownface.networks.load import load_backbone
from knownface.networks.to_onnx import export_onnx
from knownface.networks.zoo import get_backbone

TOLERANCE = 5e-5  # of the largest value; float32 kernels differ by a tenth of it


@dataclass(frozen=True)
class Case:
    backbone: str
    network: str  # as `make_weights.py` calls it
    file: str
    key: str = "embedding"


# Those that every back end is tested with are PyTorch's files, which nothing else here reads.
CASES = [
    Case("facenet", "facenet", "20180402-114759-weights.h5"),
    pytest.param(
        Case("facenet", "facenet-pytorch", "20180402-114759-vggface2.pt"),
        marks=pytest.mark.backends,
    ),
    Case("facenet-128", "facenet-128", "20170512-110547-weights.h5"),
    Case("vggface2", "vggface2-resnet50", "rcmalli_vggface_tf_notop_resnet50.h5"),
    Case("senet", "vggface2-senet50", "rcmalli_vggface_tf_notop_senet50.h5"),
    Case("arcface", "arcface-iresnet50", "w600k_r50.onnx"),
    pytest.param(
        Case("arcface", "arcface-iresnet50", "backbone.pth", "embedding_pth"),
        marks=pytest.mark.backends,
    ),
    Case("auraface", "arcface-iresnet100", "glintr100.onnx"),
    Case("arcface-r100", "arcface-iresnet100", "backbone100.pth", "embedding_pth"),
]


def make_weights(shared: Path, network: str, target: Path) -> Path:
    script = shared / "golden" / "make_weights.py"
    command = [sys.executable, str(script), network, "public", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


@pytest.fixture(params=CASES, ids=lambda case: f"{case.backbone}-{Path(case.file).suffix[1:]}")
def case(
    request: pytest.FixtureRequest, shared: Path, tmp_path: Path
) -> Iterator[tuple[Case, Path]]:
    """A network and its weight file, which is removed after the test: they are large."""
    if request.param.file.endswith((".pt", ".pth")):
        pytest.importorskip("torch", reason="PyTorch is needed to read its files")
    path = make_weights(shared, request.param.network, tmp_path / request.param.file)
    yield request.param, path
    shutil.rmtree(tmp_path)
    gc.collect()


def unit(embeddings: np.ndarray) -> np.ndarray:
    return np.asarray(embeddings) / np.linalg.norm(embeddings, axis=1, keepdims=True)


def test_equal_to_the_original(
    case: tuple[Case, Path], shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # removed with the rest
    network, path = case
    golden = np.load(shared / "golden" / f"golden_{network.network}.npz")
    images, expected = golden["images"], unit(golden[network.key])
    record = get_backbone(network.backbone)
    for official in record.weight_files:
        if official.name == path.name and official.bytes:  # but for PyTorch's version in it
            assert abs(path.stat().st_size - official.bytes) <= 1
    model = load_backbone(network.backbone, path)

    def keras(images: np.ndarray) -> np.ndarray:
        return model.predict(images, verbose=0)

    export_onnx(model, tmp_path / "exported.onnx")
    exact = Embedder(tmp_path / "exported.onnx", precision="float32")
    session = onnxruntime.InferenceSession(str(tmp_path / "exported.onnx"))

    def singly(embed):  # type: ignore[no-untyped-def]
        return np.concatenate([embed(images[i : i + 1]) for i in range(len(images))])

    forms = {
        "keras": keras(images),
        "keras, one at a time": singly(keras),
        "openvino": exact.embed_raw(images),
        "openvino, one at a time": singly(exact.embed_raw),
        "onnxruntime": session.run(None, {"crops": images})[0],
    }
    if path.suffix == ".onnx":
        wrapped = backbone_embedder(record, path, precision="float32")
        forms["the file itself"] = wrapped.embed_raw(images)
    for form, embeddings in forms.items():
        error = np.abs(unit(embeddings) - expected).max() / np.abs(expected).max()
        assert error <= TOLERANCE, form
    fast = Embedder(tmp_path / "exported.onnx").embed(images)
    assert np.sum(fast * expected, axis=1).min() >= 0.999


# ---------------------------------------------------------------- damaged files
@pytest.fixture(scope="module")
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("official")
    made = {
        "facenet": make_weights(shared, "facenet", folder / "facenet.h5"),
        "vggface2": make_weights(shared, "vggface2-resnet50", folder / "vggface2.h5"),
        "arcface": make_weights(shared, "arcface-iresnet50", folder / "arcface.onnx"),
    }
    return made


def weight_names(file: h5py.File) -> dict[str, h5py.Group]:
    """Every stored array's name, and the group that lists it."""
    found = {}
    for layer in file.attrs["layer_names"]:
        group = file[layer]
        for name in group.attrs["weight_names"]:
            found[name.decode() if isinstance(name, bytes) else name] = group
    return found


def damage_hdf5(path: Path, how: str) -> None:
    with h5py.File(path, "r+") as file:
        names = weight_names(file)
        name = next(n for n in names if n.endswith("kernel:0") and names[n][n].ndim == 4)
        group = names[name]
        values = group[name][()]
        del group[name]
        if how == "transposed":
            group[name] = values.transpose(3, 2, 1, 0)
        elif how == "not finite":
            group[name] = np.where(values > 0, np.nan, values)
        else:
            listed = [n.encode() if isinstance(n, str) else n for n in group.attrs["weight_names"]]
            if how == "renamed":
                group["other:0"] = values
                replaced = [b"other:0" if n == name.encode() else n for n in listed]
            else:
                replaced = [n for n in listed if n != name.encode()]
            group.attrs["weight_names"] = np.array(replaced or np.zeros(0), "S64")


def damage_onnx(path: Path, how: str) -> None:
    model = onnx.load(path)
    arrays = model.graph.initializer
    kernel = next(array for array in arrays if len(array.dims) == 4 and array.dims[1] == 64)
    values = numpy_helper.to_array(kernel)
    if how == "missing":
        arrays.remove(kernel)
    elif how == "renamed":
        kernel.name = "other"
    elif how == "transposed":
        conv = next(n for n in model.graph.node if n.op_type == "Conv" and kernel.name in n.input)
        wide = next(a for a in arrays if len(a.dims) == 4 and a.dims[0] != a.dims[1])
        conv.input[1] = wide.name
    elif how == "not finite":
        kernel.CopyFrom(numpy_helper.from_array(np.full_like(values, np.nan), kernel.name))
    onnx.save(model, path)


@pytest.mark.parametrize("name", ["facenet", "vggface2", "arcface"])
@pytest.mark.parametrize(
    ("how", "named"),
    [
        ("missing", "has no array"),
        ("renamed", "has no array"),
        ("transposed", r"is \(.*\) and should be|gives .*, not \("),
        ("not finite", "not finite"),
        ("truncated", "not a complete"),
        ("text", "not a complete"),
        ("suffix", "reads .* files"),
    ],
)
def test_a_damaged_file_is_named(
    official: dict[str, Path], name: str, how: str, named: str, tmp_path: Path
) -> None:
    path = tmp_path / official[name].name
    if how == "text":
        path.write_text("not weights")
    elif how == "truncated":
        path.write_bytes(official[name].read_bytes()[:-5_000_000])
    elif how == "suffix":
        path = path.with_suffix(".zip")
        path.write_bytes(b"PK")
    else:
        shutil.copy(official[name], path)
        (damage_onnx if path.suffix == ".onnx" else damage_hdf5)(path, how)
    with pytest.raises(WeightError, match=named) as caught:
        load_backbone(name, path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "other"),
    [("senet", "vggface2"), ("facenet-128", "facenet"), ("arcface-r100", "arcface")],
)
def test_another_networks_file_is_refused(official: dict[str, Path], name: str, other: str) -> None:
    with pytest.raises(WeightError, match=r"has no array|not expected|should be|expected a|gives"):
        load_backbone(name, official[other])


@pytest.mark.backends
def test_pickled_code_is_never_run(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "executed",)

    torch.save({"conv1.weight": Attack()}, tmp_path / "weights.pth")
    with pytest.raises(WeightError, match="not a complete PyTorch state dict"):
        load_backbone("arcface", tmp_path / "weights.pth")
    assert not (tmp_path / "executed").exists()
