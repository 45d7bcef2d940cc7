"""The record of a backbone: everything that belongs to one pre-trained network, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from knownface.errors import KnownfaceError
from knownface.faces.face import Crop
from knownface.files.download import WeightError, WeightFile
from knownface.options import argument

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Pixels:
    """How uint8 pixels become network input: `(x - mean) / std`, channel by channel.

    mean and std are on the scale 0..255 and in the order of `colour`. per_image: instead, each
    image's own mean and standard deviation (at least 1 / sqrt(values)), over all its values.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    colour: Literal["RGB", "BGR"] = "RGB"
    per_image: bool = False


class ReadWeights(Protocol):
    """From an official file to arrays by Keras variable path, batch norm folded.

    expected: the shape of every variable, in the order of the model. Raises WeightError.
    """

    def __call__(
        self, path: Path, expected: Mapping[str, tuple[int, ...]]
    ) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class Format:
    """How one kind of weight file is read, and the pixels that its network was trained with."""

    read: ReadWeights
    pixels: Pixels


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
    formats: by file suffix; the first is the usual one.
    trained_on: the data and the loss, in a few words.
    licence: of the weight files, as whoever offers them states it. It says nothing of the data:
    training_data: what the network learned from, as its makers state it; disputed: what is known
        to be said against those data or cannot be checked, "" where nothing is.
    noncommercial: the weights may be used for research only, which has to be accepted once.
    seed_epochs: how long the tutorial trains this network; loss: with which loss.
    comparison: a file of what is known of how the official file's embeddings are best compared, see
        `recognition/comparison.py`; None where nobody has measured it. small_faces: what is to be
        added to its weights for faces of few pixels, see `tools/adapt_small.py`, or None.
    published: accuracy by protocol (`lfw` view 2, `cfp_fp`, ...) that the authors of the official
        weights state; where they cannot be quoted, nothing.
    """

    name: str
    network: str
    trained_on: str
    crop: Crop
    embedding_size: int
    parameters: int
    seed_epochs: int
    licence: str
    weight_files: tuple[WeightFile, ...]
    formats: Mapping[str, Format]
    build: Callable[[keras.KerasTensor], keras.KerasTensor]
    training_data: str = "not stated"
    disputed: str = ""
    noncommercial: bool = False
    loss: str = "softmax"
    impostors: Impostors | None = None
    comparison: Path | None = None
    small_faces: Path | None = None
    published: Mapping[str, float] = field(default_factory=dict)

    def verification_threshold(self, far: float) -> float:
        """What two photos must reach at a false-accept rate; KnownfaceError if not measured."""
        if self.impostors is None:
            raise KnownfaceError(
                f"{self.name}: nobody has measured a threshold for it yet; use "
                f"{argument('recognizer', 'RUN')}, whose own people give one"
            )
        return self.impostors.threshold("pairs", far)

    def is_official(self, sha256: str | None) -> bool:
        """Whether a weight file with that checksum is one that the measurements here are of."""
        return sha256 in {file.sha256 for file in self.weight_files}

    def comparison_of(self, sha256: str | None) -> Path | None:
        """The file `comparison` for embeddings by that weight file, if it is known of them."""
        return self.comparison if self.is_official(sha256) else None

    def small_faces_of(self, sha256: str | None) -> Path | None:
        """The file `small_faces` for that weight file, if it was made for it."""
        return self.small_faces if self.is_official(sha256) else None

    def format_of(self, path: Path | None) -> Format:
        """The format of a weight file, by its suffix; the usual one for None."""
        if path is None:
            return next(iter(self.formats.values()))
        if path.suffix not in self.formats:
            raise WeightError(
                f"{path}: {self.name} reads {' or '.join(self.formats)} files, not '{path.suffix}'"
            )
        return self.formats[path.suffix]

    def describe(self, weights: Path | None) -> dict[str, Any]:
        """What an artifact records about where its network comes from."""
        return {
            "name": self.name,
            "network": self.network,
            "trained_on": self.trained_on,
            "licence": self.licence,
            "training_data": self.training_data,
            "disputed": self.disputed,
            "crop": asdict(self.crop),
            "pixels": asdict(self.format_of(weights).pixels),
            "embedding_size": self.embedding_size,
        }
