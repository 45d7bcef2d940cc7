"""Networks as OpenVINO reads them, changed before they are compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

# What the first layer of a network of pictures has to be; YuNet's is.
FIRST = {"strides": [2, 2], "pads_begin": [1, 1], "pads_end": [1, 1], "dilations": [1, 1]}
KERNEL = (3, 3, 3)  # channels, height, width


def of_pictures(model: Any, size: tuple[int, int] | None) -> Any:
    """A network of BGR pictures in [0, 255] (1, 3, height, width) as one of RGB bytes.

    It takes (1, height, width, 3), whose sides are even. size: height and width of all pictures, or
    None where they may have any. Raises ValueError where it begins with another layer than FIRST.
    The layer sees two columns as one of six channels, so that bytes need not be moved into planes
    and back: YuNet takes a tenth less time, and finds the same.
    """
    import openvino
    from openvino import opset13 as layers

    height, width = size or (-1, -1)
    model.reshape([1, 3, height, width])
    (given,) = model.input(0).get_target_inputs()
    first = given.get_node()
    weights = first.input_value(1).get_node()
    if (
        first.get_type_name() != "Convolution"
        or weights.get_type_name() != "Constant"
        or tuple(weights.get_output_shape(0))[1:] != KERNEL
        or any(list(first.get_attributes()[name]) != FIRST[name] for name in FIRST)
    ):
        raise ValueError("its first layer is not the one that pictures are given to")
    bgr = weights.get_data()
    kernel = np.zeros((len(bgr), 2 * KERNEL[0], 3, 2), np.float32)  # of two pairs of columns
    kernel[:, 3:, :, 0] = bgr[:, ::-1, :, 0]  # the column on the left is the second one of its pair
    kernel[:, :3, :, 1] = bgr[:, ::-1, :, 1]
    kernel[:, 3:, :, 1] = bgr[:, ::-1, :, 2]

    picture = layers.parameter([1, height, width, 3], openvino.Type.u8, name="picture")
    pairs = layers.reshape(picture, np.array([0, 0, -1, 6]), special_zero=True)
    planes = layers.transpose(layers.convert(pairs, "f32"), np.array([0, 3, 1, 2]))
    seen = layers.convolution(planes, kernel, [2, 1], [1, 1], [1, 0], [1, 1])
    for after in first.output(0).get_target_inputs():
        after.replace_source_output(seen.output(0))
    return openvino.Model(model.get_results(), [picture], model.get_friendly_name())


def half(model: Any, number: int) -> Any:
    """One of two networks whose embeddings follow each other in the output; else ValueError."""
    from openvino import Model

    made = model.output(0).get_node().input_value(0).get_node()
    while made.get_type_name() in ("Identity", "Convert"):
        made = made.input_value(0).get_node()
    if made.get_type_name() != "Concat" or made.get_input_size() != 2:
        raise ValueError("it is no two networks")
    return Model([made.input_value(number)], model.get_parameters(), f"half {number}")
