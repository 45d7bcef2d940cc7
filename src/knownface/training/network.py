"""The network of a run: as it is loaded, what is known of it, and as it is written."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from knownface.embed.embedder import Embedder
from knownface.errors import KnownfaceError
from knownface.files.whole import private_folder
from knownface.networks.load import Wanted, adapted, build_backbone, locate_weights
from knownface.networks.record import Backbone
from knownface.progress import Track
from knownface.recognition.comparison import Comparison
from knownface.training.config import TrainingConfig
from knownface.training.hosts import hosts
from knownface.training.precision import share_work

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


def known_comparison(
    backbone: Backbone, origin: dict[str, Any], config: TrainingConfig
) -> Comparison | None:
    """What is known of how the network's embeddings are compared: of its official files alone."""
    path = backbone.comparison_of(origin["weights"].get("sha256"))
    return Comparison.read(path) if path and config.recipe != "seed" else None


def load_network(
    backbone: Backbone, wanted: Wanted, config: TrainingConfig, track: Track
) -> tuple[keras.Model, dict[str, Any]]:
    """The Keras model, and what the artifact records of the weights it started from."""
    try:
        import knownface.networks.layers  # noqa: F401 - imports Keras quietly
    except ImportError:
        raise KnownfaceError("Training needs Keras; pip install 'knownface[train]'") from None
    import keras

    keras.utils.set_random_seed(config.seed)
    share_work(config.batch_size)
    weights = locate_weights(backbone, wanted, track, config.accept_license)
    path = weights.path if weights else None
    origin = {"backbone": backbone.describe(path), "weights": {"file": "none (random)"}}
    if weights:
        if not backbone.is_official(weights.sha256):
            log.warning("%s is not an official file of %s; using it as it is", path, backbone.name)
        origin["weights"] = {"file": weights.path.name, "sha256": weights.sha256}
    hosts().agree(weights=weights.sha256 if weights else None)
    return build_backbone(backbone, weights), origin


def taught_small_faces(
    model: keras.Model, backbone: Backbone, origin: dict[str, Any]
) -> list[np.ndarray] | None:
    """The weights of the model as it was taught faces of few pixels, if somebody has done that."""
    path = backbone.small_faces_of(origin["weights"].get("sha256"))
    return adapted(model, path) if path else None


def write_network(
    model: keras.Model, folder: Path, device: str, comparison: Comparison | None
) -> Embedder:
    """Write both forms of the network into the artifact; what is measured is what is shipped.

    comparison: of its embeddings, which says whether it is two, and of whom the second is asked.
    """
    from knownface.networks.to_onnx import export_onnx

    private_folder(folder)
    model.save(folder / "embedder.keras")
    export_onnx(model, folder / "embedder.onnx")
    second = comparison.second if comparison else None
    return Embedder(folder / "embedder.onnx", device, second=second)
