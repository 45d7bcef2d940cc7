"""ONNX files: what we write is accepted, and nothing that runs for ever or reads elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.errors import KnownfaceError
from knownface.files import onnx_limits
from knownface.files.download import WeightError
from knownface.files.onnx_limits import check_graph
from knownface.files.onnx_nodes import Graph
from knownface.networks.load import load_backbone
from knownface.networks.zoo import get_backbone


def model(fill: Callable[[Graph, str], str] = lambda graph, x: x) -> onnx.ModelProto:
    """A small network from crops (n, 8, 8, 3) to embeddings, with something in the middle."""
    graph = Graph()
    x = graph.add("Cast", "crops", to=TensorProto.FLOAT)
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    x = fill(graph, x)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    graph.nodes.append(helper.make_node("Identity", [x], ["embeddings"]))
    given = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 8, 8, 3])
    made = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", None])
    return graph.model("small", given, made)


def test_a_small_network_runs(tmp_path: Path) -> None:
    onnx.save(model(), tmp_path / "a.onnx")
    crops = np.full((2, 8, 8, 3), 7, np.uint8)
    found = Embedder(tmp_path / "a.onnx", precision="float32").embed_raw(crops)
    np.testing.assert_allclose(found, np.full((2, 3), 7.0))


@pytest.mark.parametrize("name", ["mini", "mobilefacenet"])
def test_our_networks_are_accepted(name: str, shared: Path) -> None:
    check_graph(backbone_embedder(get_backbone(name)).path.read_bytes())


# ---------------------------------------------------------------- what is refused
def loop(graph: Graph, x: str) -> str:
    """It never ends, and SIGTERM does not end it."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still"]), helper.make_node("Relu", ["y"], ["z"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("z", TensorProto.FLOAT, None),
        ],
    )
    return graph.add("Loop", np.array(2**62), "", x, body=body)


def many(graph: Graph, x: str) -> str:
    for _ in range(50_000):
        x = graph.add("Relu", x)
    return x


def doubled(graph: Graph, x: str) -> str:
    for _ in range(30):
        x = graph.add("Concat", x, x, axis=1)
    return x


def padded(graph: Graph, x: str) -> str:
    return graph.add("Pad", x, np.array([0, 0, 0, 0, 0, 0, 10**6, 10**6]))


def all_kept(graph: Graph, x: str) -> str:
    large = graph.add("Pad", x, np.array([0, 0, 0, 0, 0, 0, 1000, 1000]))
    return graph.add("Sum", *(graph.add("Relu", large) for _ in range(20)))


def heavy(graph: Graph, x: str) -> str:
    large = graph.add("Pad", x, np.array([0, 0, 0, 0, 0, 0, 1000, 1000]))
    for _ in range(200):
        kernel = np.zeros((3, 3, 13, 13), np.float32)
        large = graph.add("Conv", large, kernel, pads=[6, 6, 6, 6])
    return large


def inside(name: str) -> Callable[[Graph, str], str]:
    return lambda graph, x: graph.add(name, x)


def branch(graph: Graph, x: str) -> str:
    empty = helper.make_graph([helper.make_node("Relu", [x], ["r"])], "g", [], [
        helper.make_tensor_value_info("r", TensorProto.FLOAT, None)])  # fmt: skip
    return graph.add("If", np.array(1), then_branch=empty, else_branch=empty)


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (loop, "a node 'Loop', and knownface writes no such operator"),
        (branch, "a node 'If'"),
        (inside("Scan"), "a node 'Scan'"),
        (inside("NonZero"), "a node 'NonZero'"),
        (many, "50,005 nodes, and 4,096 are the most"),
        (doubled, "for a face, and"),
        (padded, "for a face, and"),
        (all_kept, "numbers held for a face"),
        (heavy, "multiplications for a face"),
        (lambda graph, x: "nowhere", "do not fit each other|cannot be told"),
        (lambda graph, x: graph.add("Gemm", x, x), "do not fit each other"),
    ],
)
def test_a_network_that_we_never_write_is_refused_before_it_is_run(
    fill: Callable[[Graph, str], str], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "embedder.onnx"
    onnx.save(model(fill), path)
    start = time.monotonic()
    with pytest.raises(KnownfaceError, match=words) as caught:
        Embedder(path)
    assert time.monotonic() - start < 5
    assert str(caught.value).startswith(f"{path}: not a network that can be run (")
    assert len(str(caught.value).splitlines()) == 1


def custom_domain(made: onnx.ModelProto) -> None:
    made.graph.node[0].domain = "evil"


def function(made: onnx.ModelProto) -> None:
    relu = helper.make_node("Relu", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 17)]
    made.functions.append(helper.make_function("", "Relu", ["a"], ["b"], [relu], opsets))


def graph_attribute(made: onnx.ModelProto) -> None:
    inner = helper.make_graph([helper.make_node("Relu", ["a"], ["b"])], "g", [], [])
    made.graph.node[0].attribute.append(helper.make_attribute("evil", inner))


def another_input(made: onnx.ModelProto) -> None:
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 9


def two_inputs(made: onnx.ModelProto) -> None:
    made.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def crops_out(made: onnx.ModelProto) -> None:
    made.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", 8, 8, 3])
    )


def lying_array(made: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "a")
    tensor.dims[0] = 10**12
    made.graph.initializer.append(tensor)


def text_array(made: onnx.ModelProto) -> None:
    made.graph.initializer.append(helper.make_tensor("a", TensorProto.STRING, [1], [b"x"]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (custom_domain, "a node 'evil.Cast'"),
        (function, "functions or sparse arrays"),
        (graph_attribute, "holds a graph of its own"),
        (another_input, "its input is not crops"),
        (two_inputs, "its input is not crops"),
        (crops_out, "its output is not embeddings"),
        (lying_array, "unlike what it says"),
        (text_array, "neither float32 nor int64"),
    ],
)
def test_what_is_hidden_in_a_network_is_refused(
    change: Callable[[onnx.ModelProto], None], words: str
) -> None:
    made = model()
    change(made)
    with pytest.raises(ValueError, match=words):
        check_graph(made.SerializeToString())


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_limits, "LARGEST_FILE", 100)
    (tmp_path / "a.onnx").write_bytes(b"x" * 101)
    with pytest.raises(KnownfaceError, match="101 bytes, and 100 are the most"):
        Embedder(tmp_path / "a.onnx")
    with pytest.raises(WeightError, match="101 bytes, and 100 are the most"):
        load_backbone("mobilefacenet", tmp_path / "a.onnx")


# ---------------------------------------------------------------- arrays in other files
def elsewhere(path: Path, tensor: Any) -> None:
    """Its bytes are to be found in a file that knownface has no business with."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    (path.parent / "secret.bin").write_bytes(b"\0" * 10**6)


@pytest.mark.parametrize("where", ["initializer", "attribute"])
def test_arrays_in_other_files_are_refused(where: str, shared: Path, tmp_path: Path) -> None:
    stored = onnx.load(shared / "weights" / "MobileFaceNet.onnx")
    constant = next(node for node in stored.graph.node if node.op_type == "Constant")
    path = tmp_path / "MobileFaceNet.onnx"
    array = stored.graph.initializer[0] if where == "initializer" else constant.attribute[0].t
    elsewhere(path, array)
    path.write_bytes(stored.SerializeToString())
    with pytest.raises(WeightError, match="lies in another file, which is not read"):
        load_backbone("mobilefacenet", path)
    with pytest.raises(WeightError, match="lies in another file, which is not read"):
        backbone_embedder(get_backbone("mobilefacenet"), path)
    made = model(lambda graph, x: graph.add("Add", x, np.zeros((3, 1, 1), np.float32)))
    elsewhere(path, made.graph.initializer[0])
    path.write_bytes(made.SerializeToString())
    with pytest.raises(KnownfaceError, match="lies in another file, which is not read"):
        Embedder(path)
