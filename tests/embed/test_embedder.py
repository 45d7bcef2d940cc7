"""A file with two networks: one is asked of all faces, the other where that is needed."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from knownface.embed.embedder import Asked, Embedder
from knownface.errors import KnownfaceError
from knownface.files.onnx_nodes import Graph
from knownface.runtime import network
from knownface.runtime.exported import Exported

SIDE, WIDTH = 8, 4
CROPS = np.random.default_rng(0).integers(0, 256, (20, SIDE, SIDE, 3), np.uint8)


def written(path: Path, networks: int) -> Path:
    """Embeddings (n, 4) of each network, of unit length, one after the other."""
    rng, graph = np.random.default_rng(1), Graph()
    flat = graph.add("Flatten", graph.add("Cast", "crops", to=TensorProto.FLOAT))
    halves = []
    for _ in range(networks):
        made = graph.add("Gemm", flat, rng.normal(size=(3 * SIDE**2, WIDTH)))
        length = graph.add("ReduceL2", made, axes=[1], keepdims=1)
        halves.append(graph.add("Div", made, length))
    if networks > 1:
        graph.add("Concat", *halves, axis=1)
    graph.nodes[-1].output[0] = "embeddings"
    given = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    out = helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["n", networks * WIDTH])
    onnx.save(graph.model("two", given, out), str(path))
    return path


def all_of_them(embeddings: np.ndarray) -> np.ndarray:
    return np.ones(len(embeddings), bool)


def none_of_them(embeddings: np.ndarray) -> np.ndarray:
    return np.zeros(len(embeddings), bool)


@pytest.fixture
def whole(tmp_path: Path) -> Embedder:
    return Embedder(written(tmp_path / "two.onnx", 2), precision="float32")


@pytest.mark.parametrize("mirrored", [False, True])
def test_both_of_all_faces_are_what_the_file_gives(mirrored: bool, whole: Embedder) -> None:
    two = Embedder(whole.path, precision="float32", second=all_of_them)
    assert (two.width, two.digest) == (whole.width, whole.digest) == (2 * WIDTH, two.digest)
    raw = [each.embed_raw(CROPS, mirrored=False) for each in (whole, two)]
    np.testing.assert_allclose(*raw, atol=1e-6)
    wanted, found = (each.embed(CROPS, mirrored=mirrored) for each in (whole, two))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert two.embed(CROPS[:0]).shape == (0, 2 * WIDTH)


@pytest.mark.parametrize("device", ["cpu", "onnxruntime"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_second_is_asked_where_the_first_says_so(
    mirrored: bool, device: str, whole: Embedder
) -> None:
    both = whole.embed(CROPS, mirrored=mirrored)
    first = both[:, :WIDTH] / np.linalg.norm(both[:, :WIDTH], axis=1, keepdims=True) / np.sqrt(2)
    middle = np.median(first[:, 0])

    def some(embeddings: np.ndarray) -> np.ndarray:
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
        return np.asarray(embeddings[:, 0] > middle)

    exported = Exported("onnx", "fp32") if device == "onnxruntime" else None
    two = Embedder(whole.path, precision="float32", exported=exported, second=some)
    assert two.width == 2 * WIDTH
    found = two.embed(CROPS, mirrored=mirrored)
    asked = first[:, 0] > middle
    assert 0 < asked.sum() < len(CROPS)
    np.testing.assert_allclose(found[asked], both[asked], atol=1e-6)
    np.testing.assert_array_equal(found[~asked, :WIDTH], found[~asked, WIDTH:])
    np.testing.assert_allclose(found[~asked, :WIDTH], first[~asked], atol=1e-6)
    alone = two.embed(CROPS, mirrored=mirrored, second=False)
    np.testing.assert_array_equal(alone[:, :WIDTH], alone[:, WIDTH:])
    np.testing.assert_allclose(alone[:, :WIDTH], first, atol=1e-6)


@pytest.mark.parametrize("asked", [None, all_of_them, none_of_them])
def test_the_mirror_image_is_seen_where_that_is_said(asked: Asked | None, whole: Embedder) -> None:
    embedder = Embedder(whole.path, precision="float32", second=asked)
    plain, both = (embedder.embed(CROPS, mirrored=each) for each in (False, True))
    middle, given = np.median(plain[:, 1]), []

    def some(embeddings: np.ndarray) -> np.ndarray:
        given.append(embeddings)
        return np.asarray(embeddings[:, 1] > middle)

    found = embedder.embed(CROPS, mirrored=some)
    np.testing.assert_allclose(given, [plain], atol=1e-6)
    np.testing.assert_allclose(found[plain[:, 1] > middle], both[plain[:, 1] > middle], atol=1e-6)
    np.testing.assert_array_equal(found[plain[:, 1] <= middle], plain[plain[:, 1] <= middle])
    assert abs(plain - both).max() > 0.1
    np.testing.assert_allclose(embedder.embed(CROPS, mirrored=all_of_them), both, atol=1e-6)
    np.testing.assert_array_equal(embedder.embed(CROPS, mirrored=none_of_them), plain)
    assert embedder.embed(CROPS[:0], mirrored=all_of_them).shape == (0, embedder.width)


def test_what_nobody_asks_is_not_compiled(whole: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    halves, start = list[int | None](), network.start_runtime
    monkeypatch.setattr(network, "_compiled", {})
    monkeypatch.setattr(
        network, "start_runtime", lambda *given: (halves.append(given[3].half), start(*given))[1]
    )
    two = Embedder(whole.path, second=all_of_them)
    two.embed(CROPS, second=False)
    assert halves == [0]
    whole.path.unlink()  # of a run that was moved meanwhile, say
    np.testing.assert_allclose(two.embed(CROPS), whole.embed(CROPS), atol=0.02)
    two.embed(CROPS)
    assert halves == [0, 1]


@pytest.mark.parametrize("asked", [all_of_them, none_of_them])
def test_it_goes_into_other_processes(asked: Asked, whole: Embedder) -> None:
    two = Embedder(whole.path, precision="float32", second=asked)
    found = pickle.loads(pickle.dumps(two))
    np.testing.assert_allclose(found.embed(CROPS), two.embed(CROPS), atol=1e-6)


def test_one_network_is_no_two(tmp_path: Path) -> None:
    with pytest.raises(KnownfaceError, match=r"one\.onnx: .*it is no two networks"):
        Embedder(written(tmp_path / "one.onnx", 1), second=all_of_them)


def test_one_network_is_asked_of_all_faces(tmp_path: Path) -> None:
    one = Embedder(written(tmp_path / "one.onnx", 1))
    np.testing.assert_array_equal(one.embed(CROPS, second=False), one.embed(CROPS))
