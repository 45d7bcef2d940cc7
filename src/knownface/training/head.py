"""The cosine head that a network is trained with. Imports Keras."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from knownface.training.losses import LOSSES, with_margin


def adacos_scale(classes: int) -> float:
    """The fixed scale of AdaCos (Zhang et al., 2019): sqrt(2) ln(C - 1); at least that of C = 4."""
    return math.sqrt(2.0) * math.log(max(classes, 4) - 1)


def unit_length(x: keras.KerasTensor, axis: int) -> keras.KerasTensor:
    """`x / max(length, 1e-7)` along an axis, whose gradient is finite at length 0 as well.

    `keras.ops.normalize` has the same values, but takes the smaller of `1 / 0` and 1e7, where JAX
    and PyTorch make 0 times infinity of the gradient, and with it the whole network NaN.
    """
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(square, keras.config.epsilon() ** 2))


@keras.saving.register_keras_serializable("knownface")
class CosineHead(keras.layers.Layer):
    """Scaled cosines of embeddings (n, d) with one column per class: (n, classes), in float32.

    The columns are templates: recognition compares with them as it does with means of embeddings.
    """

    def __init__(self, classes: int, scale: float | None = None, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.classes = classes
        self.scale = adacos_scale(classes) if scale is None else scale

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.columns = self.add_weight(
            shape=(input_shape[-1], self.classes), initializer="glorot_uniform", name="columns"
        )

    def call(self, embeddings: keras.KerasTensor) -> keras.KerasTensor:
        embeddings = unit_length(embeddings, axis=-1)
        return self.scale * ops.matmul(embeddings, unit_length(self.columns, axis=0))

    def templates(self) -> np.ndarray:
        """The columns as unit-length templates: (classes, d)."""
        columns = ops.convert_to_numpy(self.columns).T
        return np.asarray(columns / np.linalg.norm(columns, axis=1, keepdims=True), np.float32)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "classes": self.classes, "scale": self.scale}


class Classifier(keras.Model):
    """Any network that ends in a `CosineHead`, trained with a margin and tested without one.

    loss: a name in `LOSSES`, whose margin is what the true class has to win by, risen to linearly
        over the first `warm_up` steps.
    """

    def __init__(
        self,
        inputs: keras.KerasTensor,
        head: CosineHead,
        embeddings: keras.KerasTensor,
        loss: str,
        warm_up: int,
    ) -> None:
        super().__init__(inputs, head(embeddings))
        self.head, self.kind, self.warm_up = head, loss, max(1, warm_up)
        self.steps = keras.Variable(0.0, trainable=False, name="steps")

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        if training and LOSSES[self.kind].margin:
            self.steps.assign_add(1.0)
            strength = ops.minimum(self.steps / self.warm_up, 1.0)
            y_pred = with_margin(y_pred, y, self.kind, self.head.scale, strength)
        return super().compute_loss(x, y, y_pred, sample_weight, training)
