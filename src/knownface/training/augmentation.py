"""Random changes to training images, as Keras layers. Imports Keras."""

from __future__ import annotations

import keras
from keras import layers


def seed_augmentation() -> keras.Sequential:
    """What the tutorial's `ImageDataGenerator` did, on training images only.

    Rotation by up to 20 degrees, shifts, shear and zoom by up to 0.2, and horizontal flips, with
    edges repeated: the values of the Keras documentation's own example of that class.
    """
    nearest = {"fill_mode": "nearest"}
    augmentation = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(20 / 360, **nearest),
            layers.RandomTranslation(0.2, 0.2, **nearest),
            layers.RandomShear(0.2, 0.2, **nearest),
            layers.RandomZoom(0.2, **nearest),
        ]
    )
    if keras.backend.backend() == "jax":  # of TensorFlow's XLA alone it is true that it cannot
        for layer in augmentation.layers:
            layer.supports_jit = True
    return augmentation


def reseed(augmentation: keras.Sequential, seed: int, epoch: int) -> None:
    """Let an epoch's changes depend on seed and epoch alone, so that a run can be continued.

    Each draw counts a generator's state up by one; epochs are a million draws apart.
    """
    for place, layer in enumerate(augmentation.layers):
        layer.generator.state.assign([seed * 100 + place, epoch * 1_000_000])
