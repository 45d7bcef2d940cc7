"""CUDA, by a session that records what it is given and computes on the processor."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from knownface.embed.embedder import Embedder
from knownface.embed.frozen import backbone_embedder
from knownface.errors import KnownfaceError
from knownface.networks.zoo import get_backbone
from knownface.runtime.devices import ON_OTHERS

CUDA = "CUDAExecutionProvider"
CROPS = np.random.default_rng(0).integers(0, 256, (70, 112, 112, 3), dtype=np.uint8)
given: list[tuple[int, ...]] = []  # shapes
settings: list[dict[str, Any]] = []


class Session(onnxruntime.InferenceSession):
    def __init__(
        self, data: bytes, options: object, providers: list[str], provider_options: list[Any]
    ) -> None:
        assert providers == [CUDA]
        settings.extend(provider_options)
        super().__init__(data, options, providers=["CPUExecutionProvider"])

    def get_providers(self) -> list[str]:
        return [CUDA]

    def run(self, names: Any, inputs: dict[str, np.ndarray]) -> Any:
        given.extend(each.shape for each in inputs.values())
        return super().run(names, inputs)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network's file, and a GPU."""
    path = backbone_embedder(get_backbone("mini")).path
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("cudnn64_9.dll is missing"))
    given.clear()
    settings.clear()
    return path


@pytest.mark.parametrize("count", [1, ON_OTHERS, 70])
def test_every_batch_on_a_gpu_has_one_size(network: Path, count: int) -> None:
    found = Embedder(network, "cuda").embed(CROPS[:count])
    assert {shape[0] for shape in given} == {ON_OTHERS}
    assert found == pytest.approx(
        Embedder(network, precision="float32").embed(CROPS[:count]), abs=1e-5
    )


@pytest.mark.parametrize(
    ("precision", "tf32", "words"), [("auto", "1", "TensorFloat-32"), ("float32", "0", "float32")]
)
def test_what_it_computes_in_is_said(
    network: Path, capfd: pytest.CaptureFixture[str], precision: Any, tf32: str, words: str
) -> None:
    embedder = Embedder(network, "cuda", precision)
    assert embedder.device == f"CUDA (ONNX Runtime {onnxruntime.__version__}, {words})"
    assert [each["use_tf32"] for each in settings] == [tf32]
    assert capfd.readouterr().out == ""


def test_a_gpu_that_does_not_start_is_an_error(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "get_providers", lambda session: ["CPUExecutionProvider"])
    with pytest.raises(KnownfaceError, match="CUDAExecutionProvider could not start"):
        Embedder(network, "cuda")
