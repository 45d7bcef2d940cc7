"""What was taught small faces is added to official weights, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from knownface.embed.embedder import Embedder
from knownface.files.download import WeightError
from knownface.files.onnx_nodes import Graph
from knownface.networks.record import Pixels
from knownface.networks.taught import beside_taught
from knownface.networks.weight_onnx import with_pixels

SIZE, WIDTH = 4, 6
RNG = np.random.default_rng(0)
KERNELS = {"stem": (2, 2, 3, 5), "last": (3, 3, 5, WIDTH)}
WEIGHTS = {
    f"{name}/{kind}": RNG.standard_normal(shape if kind == "kernel" else shape[-1:])
    .astype(np.float32)
    for name, shape in KERNELS.items()
    for kind in ("kernel", "bias")
}  # fmt: skip
CROPS = RNG.integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


def network(weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """Two convolutions and nothing else, as official files are, behind our preprocessing."""
    graph, made = Graph(), "image"
    for name in KERNELS:
        kernel = weights[f"{name}/kernel"].transpose(3, 2, 0, 1)
        made = graph.add("Conv", made, kernel, weights[f"{name}/bias"], name=name)
    made = graph.add("Flatten", made, axis=1)
    image = onnx.helper.make_tensor_value_info("image", 1, [1, 3, SIZE, SIZE])
    embedding = onnx.helper.make_tensor_value_info(made, 1, [1, WIDTH])
    model = graph.model("small", image, embedding)
    return with_pixels(model, Pixels((128.0,) * 3, (64.0,) * 3), SIZE, Path("small.onnx"))


def embedded(model: onnx.ModelProto, path: Path) -> np.ndarray:
    path.write_bytes(model.SerializeToString())
    return Embedder(path, precision="float32").embed(CROPS)


def test_both_halves_are_the_two_networks(tmp_path: Path) -> None:
    added = {name: np.float16(0.1) * value for name, value in WEIGHTS.items()}
    np.savez(tmp_path / "added.npz", **{k: v.astype(np.float16) for k, v in added.items()})
    both = embedded(beside_taught(network(WEIGHTS), tmp_path / "added.npz"), tmp_path / "two.onnx")
    taught = {
        name: value + added[name].astype(np.float16).astype(np.float32)
        for name, value in WEIGHTS.items()
    }
    for half, weights in zip(np.split(both, 2, axis=1), (WEIGHTS, taught), strict=True):
        alone = embedded(network(weights), tmp_path / "one.onnx")
        np.testing.assert_allclose(half * np.sqrt(2), alone, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"last/kernel": None, "last/bias": None}, "is for 1 convolutions, and there are 2"),
        ({"last/bias": np.zeros(WIDTH + 1)}, r"last/bias is \(7,\) and should be \(6,\)"),
        ({"last/bias": None}, "missing: last/bias"),
        ({"more/bias": np.zeros(1)}, "not expected: more/bias"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    change: dict[str, np.ndarray | None], words: str, tmp_path: Path
) -> None:
    arrays = {k: v.astype(np.float16) for k, v in WEIGHTS.items()} | change
    path = tmp_path / "added.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(WeightError, match=words):
        beside_taught(network(WEIGHTS), path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "added.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(WeightError, match="cannot be read"):
        beside_taught(network(WEIGHTS), path)
