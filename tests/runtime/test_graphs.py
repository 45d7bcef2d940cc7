"""Networks that take pictures see what their files see."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from knownface.errors import KnownfaceError
from knownface.faces.detectors import load_detector
from knownface.faces.detectors.yunet import YUNET
from knownface.faces.photo import read_image
from knownface.files.onnx_nodes import Graph
from knownface.runtime.network import Network

SIDE = 640  # of the pictures that YuNet's file is for


@pytest.mark.parametrize("size", [None, (SIDE, SIDE)])
def test_rgb_bytes_give_what_the_file_gives(people: Path, size: tuple[int, int] | None) -> None:
    file = load_detector(name="yunet").file  # type: ignore[attr-defined]
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    for place, path in enumerate(sorted(people.glob("*/*.jpg"))[:4]):  # faces up to every edge
        head = read_image(path)[:320, :320]
        top, left = (SIDE - head.shape[0]) * (place // 2), (SIDE - head.shape[1]) * (place % 2)
        rgb[top : top + head.shape[0], left : left + head.shape[1]] = head
    network = Network(file, precision="float32", digest=YUNET.sha256, pictures=True, size=size)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    bgr = np.ascontiguousarray(rgb[None, ..., ::-1].transpose(0, 3, 1, 2), np.float32)
    expected = session.run(None, {session.get_inputs()[0].name: bgr})
    assert max(np.ptp(each) for each in expected) > 0.5  # it sees something
    for found, wanted in zip(network.run(rgb[None]), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 2)])
def test_another_first_layer_is_refused(tmp_path: Path, kernel: int, stride: int) -> None:
    graph = Graph()
    weights = np.ones((8, 3, kernel, kernel), np.float32)
    graph.add("Conv", "given", weights, strides=[stride] * 2, pads=[kernel // 2] * 4)
    path = tmp_path / "other.onnx"
    given = helper.make_tensor_value_info("given", TensorProto.FLOAT, [1, 3, 32, 32])
    made = helper.make_tensor_value_info(graph.nodes[-1].output[0], TensorProto.FLOAT, None)
    onnx.save(graph.model("other", given, made), path)
    with pytest.raises(KnownfaceError, match=r"other\.onnx: not a network that .* \(its first"):
        Network(path, pictures=True)
