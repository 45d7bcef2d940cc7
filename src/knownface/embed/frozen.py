"""From Keras models and official weight files to ONNX files that run without Keras."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.embed.embedder import Asked, Embedder
from knownface.embed.stream import FacePipeline
from knownface.errors import KnownfaceError
from knownface.faces.crops import load_cropper
from knownface.files.cache import cache_folder
from knownface.files.committed import changed_folder, check_file, read_record
from knownface.files.download import WeightError
from knownface.networks.load import (
    Wanted,
    Weights,
    build_backbone,
    choose_backbone,
    locate_weights,
)
from knownface.networks.record import Backbone
from knownface.networks.taught import beside_taught
from knownface.networks.weight_onnx import image_input, load_graph, with_pixels
from knownface.options import Device, FacesMode, Precision, argument, checked
from knownface.progress import Track, silent

if TYPE_CHECKING:
    import onnx

log = logging.getLogger(__name__)

RECORD, NETWORK = "network.json", "network.onnx"


def backbone_embedder(
    backbone: Backbone,
    weights: Wanted = None,
    device: str = "auto",
    precision: Precision = "auto",
    track: Track = silent,
    accept_license: bool = False,
    second: Asked | None = None,
) -> Embedder:
    """The frozen backbone, ready to run.

    An official ONNX file runs as it is behind our preprocessing, without Keras; another format
    is built and exported once with Keras. Either is kept in the cache by the file's content, with
    its own checksum: one that was damaged there is made again.
    second: of which faces what was taught small faces is asked, too, see `Embedder`; only where the
        record has it for these weights.
    """
    source = located(backbone, weights, track, accept_license)
    taught = backbone.small_faces_of(source.sha256) if second else None
    files = source.sha256[:16] + (f"-{Weights(taught).sha256[:16]}" if taught else "")
    folder = cache_folder() / "embedders" / f"{backbone.name}-{files}"
    known = _kept(folder)
    if known is None:
        try:
            with changed_folder(folder, RECORD) as change:
                make = _wrap_official if source.path.suffix == ".onnx" else _export_with_keras
                network = make(backbone, source)
                if taught:
                    network = beside_taught(network, taught)
                change.add(NETWORK, network.SerializeToString())
        except OSError as error:
            raise KnownfaceError(
                f"{folder.parent}: cannot be written ({error.strerror}); set XDG_CACHE_HOME "
                "elsewhere"
            ) from None
        known = _kept(folder)
    path, digest = known or (folder / NETWORK, None)
    return Embedder(path, device, precision, digest, keep=True, second=second if taught else None)


def located(backbone: Backbone, weights: Wanted, track: Track, accept_license: bool) -> Weights:
    """The weight file, as `locate_weights` finds it; random weights are a KnownfaceError."""
    source = locate_weights(backbone, weights, track, accept_license)
    if source is None:
        raise KnownfaceError(
            f"{argument('weights', 'none')}: random weights can be trained, not compared"
        )
    return source


def _kept(folder: Path) -> tuple[Path, str] | None:
    """The network that lies there and its checksum; None where there is none, or a damaged one."""
    try:
        path, digest = read_record(folder, RECORD)[1][NETWORK]
        check_file(path, digest)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, KnownfaceError) as error:
        log.warning("%s: damaged (%s), and made again", folder, error)
        return None
    return path, digest


def frozen_pipeline(
    name: str,
    weights: str | Path | None = None,
    accept_license: bool = False,
    faces: FacesMode = "detect",
    device: str = "auto",
    track: Track = silent,
    cache: bool = False,
) -> tuple[Backbone, FacePipeline]:
    """A network as it is: its record, and itself with what crops faces for it.

    name: of a backbone, or `auto`. cache: whether crops are remembered. Raises KnownfaceError.
    """
    checked("faces", FacesMode, faces)
    checked("device", Device, device)
    record, wanted = choose_backbone(name, weights, track)
    embedder = backbone_embedder(record, wanted, device, "auto", track, accept_license)
    return record, FacePipeline(load_cropper(record.crop, faces, track, cache), embedder)


def _wrap_official(backbone: Backbone, weights: Weights) -> onnx.ModelProto:
    source = weights.path
    graph = load_graph(source)
    given = image_input(graph.graph)
    backbone_shape = [d.dim_value for d in given.type.tensor_type.shape.dim][1:]
    if backbone_shape != [3, backbone.crop.size, backbone.crop.size]:
        raise WeightError(
            f"{source}: its input is {backbone_shape} and {backbone.name} needs "
            f"[3, {backbone.crop.size}, {backbone.crop.size}]; it is the file of another network"
        )
    return with_pixels(graph, backbone.format_of(source).pixels, backbone.crop.size, source)


def _export_with_keras(backbone: Backbone, weights: Weights) -> onnx.ModelProto:
    try:
        import knownface.networks.layers  # noqa: F401 - imports Keras quietly
        from knownface.networks.to_onnx import onnx_graph

        return onnx_graph(build_backbone(backbone, weights))
    except ImportError:
        raise KnownfaceError(
            f"{weights.path.name} has to be converted once with Keras; pip install "
            "'knownface[train]'"
        ) from None
