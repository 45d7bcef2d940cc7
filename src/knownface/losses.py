"""The cosine head that a network is trained with. Imports Keras."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import ops


def adacos_scale(classes: int) -> float:
    """The fixed scale of AdaCos (Zhang et al., 2019): sqrt(2) ln(C - 1); at least that of C = 4."""
    return math.sqrt(2.0) * math.log(max(classes, 4) - 1)


@keras.saving.register_keras_serializable("knownface")
class CosineHead(keras.layers.Layer):
    """Scaled cosines of embeddings (n, d) with one column per class: (n, classes).

    The columns are templates: recognition compares with them as it does with means of embeddings.
    """

    def __init__(self, classes: int, scale: float | None = None, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        self.scale = adacos_scale(classes) if scale is None else scale

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.columns = self.add_weight(
            shape=(input_shape[-1], self.classes), initializer="glorot_uniform", name="columns"
        )

    def call(self, embeddings: keras.KerasTensor) -> keras.KerasTensor:
        embeddings = ops.normalize(embeddings, axis=-1)
        return self.scale * ops.matmul(embeddings, ops.normalize(self.columns, axis=0))

    def templates(self) -> np.ndarray:
        """The columns as unit-length templates: (classes, d)."""
        columns = ops.convert_to_numpy(self.columns).T
        return np.asarray(columns / np.linalg.norm(columns, axis=1, keepdims=True), np.float32)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "classes": self.classes, "scale": self.scale}
