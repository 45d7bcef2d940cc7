"""The record of a backbone: everything that belongs to one pre-trained network, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from knownface.alignment import Crop
from knownface.errors import KnownfaceError
from knownface.weights import WeightFile

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Pixels:
    """How uint8 pixels become network input: `(x - mean) / std`, channel by channel.

    mean and std are on the scale 0..255 and in the order of `colour`.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    colour: Literal["RGB", "BGR"] = "RGB"


@dataclass(frozen=True)
class Impostors:
    """How similar different people look to the frozen network, as `tools/` measured it.

    pairs: threshold by false-accept rate between two photos; templates: between a photo and the
        mean of ten photos. Rates are falling powers of ten. people: how many were compared.
    """

    pairs: tuple[tuple[float, float], ...]
    templates: tuple[tuple[float, float], ...]
    people: int

    def threshold(self, kind: Literal["pairs", "templates"], far: float) -> float:
        """Interpolated in the logarithm of the rate, extended in a straight line beyond."""
        rates, thresholds = np.array(getattr(self, kind)).T
        x, known = -np.log10(far), -np.log10(rates)
        i = int(np.clip(np.searchsorted(known, x), 1, len(known) - 1))
        slope = (thresholds[i] - thresholds[i - 1]) / (known[i] - known[i - 1])
        return float(min(1.0, thresholds[i - 1] + slope * (x - known[i - 1])))


@dataclass(frozen=True)
class Backbone:
    """One network that turns face crops into embeddings.

    build: from preprocessed pixels (n, size, size, 3) to embeddings (n, embedding_size), as Keras
        tensors; knows nothing of preprocessing, loss or task.
    read_weights: from an official file to arrays by Keras variable path, batch norm folded.
    seed_epochs: how long the tutorial trains this network.
    """

    name: str
    network: str
    trained_on: str
    crop: Crop
    pixels: Pixels
    embedding_size: int
    parameters: int
    seed_epochs: int
    licence: str
    weight_files: tuple[WeightFile, ...]
    build: Callable[[keras.KerasTensor], keras.KerasTensor]
    read_weights: Callable[[Path, Mapping[str, tuple[int, ...]]], dict[str, np.ndarray]]
    impostors: Impostors | None = None

    def verification_threshold(self, far: float) -> float:
        """What two photos must reach at a false-accept rate; KnownfaceError if not measured."""
        if self.impostors is None:
            raise KnownfaceError(
                f"{self.name}: nobody has measured a threshold for it yet; use --recognizer RUN, "
                "whose own people give one"
            )
        return self.impostors.threshold("pairs", far)

    def describe(self) -> dict[str, Any]:
        """What an artifact records about where its network comes from."""
        return {
            "name": self.name,
            "network": self.network,
            "trained_on": self.trained_on,
            "licence": self.licence,
            "crop": asdict(self.crop),
            "pixels": asdict(self.pixels),
            "embedding_size": self.embedding_size,
        }
