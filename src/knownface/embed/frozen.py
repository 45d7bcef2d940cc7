"""From Keras models and official weight files to ONNX files that run without Keras."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import onnx

from knownface.embed.embedder import Embedder
from knownface.embed.runtimes import Precision
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.crops import load_cropper
from knownface.faces.face import FacesMode
from knownface.files.cache import cache_folder
from knownface.files.download import WeightError
from knownface.files.whole import whole_file
from knownface.networks.load import build_backbone, locate_weights
from knownface.networks.record import Backbone
from knownface.networks.weight_onnx import load_graph, with_pixels
from knownface.progress import Track, silent

log = logging.getLogger(__name__)


def backbone_embedder(
    backbone: Backbone,
    weights: str | Path | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    track: Track = silent,
    accept_license: bool = False,
) -> Embedder:
    """The frozen backbone, ready to run.

    An official ONNX file runs as it is behind our preprocessing, without Keras; another format
    is built and exported once with Keras. Either is kept in the cache by the file's content.
    """
    source = locate_weights(backbone, weights, track, accept_license)
    if source is None:
        raise KnownfaceError("--weights none: random weights can be trained, not compared")
    with source.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    target = cache_folder() / "embedders" / f"{backbone.name}-{digest[:16]}.onnx"
    if not target.is_file():
        try:
            with whole_file(target) as part:
                write = _wrap_official if source.suffix == ".onnx" else _export_with_keras
                write(backbone, source, part)
        except OSError as error:
            raise KnownfaceError(
                f"{target.parent}: cannot be written ({error.strerror}); set XDG_CACHE_HOME "
                "elsewhere"
            ) from None
    return Embedder(target, device, precision)


def frozen_pipeline(
    backbone: Backbone,
    weights: str | Path | None = None,
    accept_license: bool = False,
    faces: FacesMode = "detect",
    device: str = "auto",
    track: Track = silent,
    cache: bool = False,
) -> FacePipeline:
    """A network as it is, with what crops faces for it.

    cache: whether crops are remembered. Raises KnownfaceError.
    """
    embedder = backbone_embedder(
        backbone, weights, device, track=track, accept_license=accept_license
    )
    return FacePipeline(load_cropper(backbone.crop, faces, track, cache), embedder)


def _wrap_official(backbone: Backbone, source: Path, target: Path) -> None:
    graph = load_graph(source)
    backbone_shape = [d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim][1:]
    if backbone_shape != [3, backbone.crop.size, backbone.crop.size]:
        raise WeightError(
            f"{source}: its input is {backbone_shape} and {backbone.name} needs "
            f"[3, {backbone.crop.size}, {backbone.crop.size}]; it is the file of another network"
        )
    onnx.save(with_pixels(graph, backbone.format_of(source).pixels, backbone.crop.size), target)


def _export_with_keras(backbone: Backbone, source: Path, target: Path) -> None:
    try:
        from knownface.networks.to_onnx import export_onnx

        export_onnx(build_backbone(backbone, source), target)
    except ImportError:
        raise KnownfaceError(
            f"{source.name} has to be converted once with Keras; pip install 'knownface[train]'"
        ) from None
