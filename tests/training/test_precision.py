"""What training computes in, layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
from small_network import network

from knownface.networks.layers import keras
from knownface.networks.load import load_backbone

from knownface.training.precision import computing_in  # isort: skip - quiet Keras first


def kinds(model: keras.Model) -> dict[str, str]:
    """What each layer but the input computes in, by its kind and place."""
    return {
        f"{place} {type(layer).__name__}": layer.compute_dtype
        for place, layer in enumerate(model.layers[1:])
    }


@pytest.mark.backends
def test_all_but_pixels_and_output_compute_in_bfloat16_whatever_their_names() -> None:
    model = network()
    before = model.get_weights()
    with computing_in(model, "bfloat16"):
        assert kinds(model) == {
            "0 Rescaling": "float32",
            "1 Conv2D": "bfloat16",
            "2 GlobalAveragePooling2D": "bfloat16",
            "3 Dense": "float32",
        }
        assert {variable.dtype for variable in model.variables} == {"float32"}
    assert set(kinds(model).values()) == {"float32"}
    for now, earlier in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, earlier)


@pytest.mark.parametrize("name", ["mini", "mobilefacenet", "facenet"])
def test_of_a_backbone_depthwise_convolutions_stay_float32_too(name: str) -> None:
    model = load_backbone(name, "none")
    with computing_in(model, "bfloat16"):
        exact = [layer for layer in model.layers[1:] if layer.compute_dtype == "float32"]
    depthwise = [layer for layer in model.layers if type(layer) is keras.layers.DepthwiseConv2D]
    assert exact == [model.layers[1], *depthwise, model.layers[-1]]
    assert model.layers[1].name == "normalise"


def test_float32_changes_nothing() -> None:
    model = network()
    with computing_in(model, "float32"):
        assert set(kinds(model).values()) == {"float32"}
