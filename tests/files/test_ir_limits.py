"""OpenVINO files: only such as knownface writes are run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from onnx import TensorProto, helper

from knownface.embed.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.files.ir_limits import check_ir
from knownface.files.onnx_nodes import Graph
from knownface.runtime.exported import Exported


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A small network from crops to embeddings, as OpenVINO writes it."""
    graph, rng = Graph(), np.random.default_rng(0)
    x = graph.add("Cast", "crops", to=TensorProto.FLOAT)
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    kernel = rng.normal(size=(8, 3, 3, 3)).astype(np.float32)
    x = graph.add("Conv", x, kernel, strides=[2, 2], pads=[1, 1, 1, 1])
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    graph.nodes.append(helper.make_node("Identity", [x], ["embeddings"]))
    given = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 16, 16, 3])
    made = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", 8])
    folder = tmp_path_factory.mktemp("ir")
    onnx.save(graph.model("small", given, made), folder / "a.onnx")
    openvino.save_model(openvino.Core().read_model(folder / "a.onnx"), folder / "a.xml")
    return (folder / "a.xml").read_bytes(), (folder / "a.bin").read_bytes()


def test_what_knownface_writes_is_run(written: tuple[bytes, bytes], tmp_path: Path) -> None:
    check_ir(*written)
    for name, content in zip(("a.xml", "a.bin"), written, strict=True):
        (tmp_path / name).write_bytes(content)
    network = Embedder(tmp_path / "a.xml", exported=Exported("openvino", "fp32"))
    crops = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3), np.uint8)
    assert network.embed(crops).shape == (5, 8)
    with pytest.raises(KnownfaceError, match="runs on a CPU; use device='cpu'"):
        Embedder(tmp_path / "a.xml", "cuda", exported=Exported("openvino", "fp32"))
    (tmp_path / "a.bin").unlink()
    with pytest.raises(KnownfaceError, match="cannot be read"):
        Embedder(tmp_path / "a.xml", exported=Exported("openvino", "fp32"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"<net", b'<!DOCTYPE net [<!ENTITY a "b">]><net', "declarations"),
        (b"</net>", b"", "not a complete OpenVINO file"),
        (b'type="Convolution"', b'type="If"', "a layer 'If'"),
        (b'type="Convolution"', b'type="ReadValue"', "a layer 'ReadValue'"),
        (b'version="opset1"', b'version="extension"', "knownface writes no such operation"),
        (b"<layers>", b"<layers><layer><body/></layer><layers>", "complete"),
        (rb'offset="\d+"', b'offset="99999999"', "lies outside the file"),
        (rb'offset="\d+"', b'offset="-8"', "lies outside the file"),
        (rb'offset="\d+"', b'offset="x"', "does not say where"),
        (b"<dim>16</dim>", b"<dim>17</dim>", ""),
        (b'shape="[^"]*16,16,3"', b'shape="?,16,16,4"', "do not fit|not crops"),
        (b'shape="[^"]*16,16,3"', b'shape="?,20000,20000,3"', "are the most"),
    ],
)
def test_everything_else_is_refused(
    old: bytes, new: bytes, words: str, written: tuple[bytes, bytes]
) -> None:
    data, weights = written
    changed, count = re.subn(old, new, data)
    assert count
    if old == b"<dim>16</dim>":  # what is declared is not believed: it is inferred again
        check_ir(changed, weights)
        return
    with pytest.raises(ValueError, match=words):
        check_ir(changed, weights)
    assert data.count(b"<layer ") > 3


def test_other_bytes_are_no_fault(written: tuple[bytes, bytes]) -> None:
    data, weights = written
    for content in (b"", b"<", b"\xff" * 100, b"<net/>", b"<net>" * 5000, data[: len(data) // 2]):
        with pytest.raises(ValueError, match="OpenVINO file"):
            check_ir(content, weights)
    with pytest.raises(ValueError, match="lies outside"):
        check_ir(data, b"")
