"""Photos as training sees them, without training."""

from __future__ import annotations

from pathlib import Path

from knownface.embed.frozen import backbone_embedder, located
from knownface.embed.stream import FacePipeline
from knownface.faces.crops import load_cropper
from knownface.networks.load import choose_backbone
from knownface.options import Device, FacesMode, checked
from knownface.progress import Track, silent
from knownface.recognition.comparison import Comparison


def pipeline_as_trained(
    name: str,
    weights: str | Path | None = None,
    accept_license: bool = False,
    faces: FacesMode = "detect",
    device: Device = "auto",
    track: Track = silent,
) -> FacePipeline:
    """A network as it is, and what crops faces for it, whose crops are remembered.

    Of what is known to compare, photos are seen mirrored, too, and faces that show little by what
    was taught them besides. name: of a backbone, or `auto`. Raises KnownfaceError.
    """
    checked("faces", FacesMode, faces)
    checked("device", Device, device)
    backbone, wanted = choose_backbone(name, weights, track)
    source = located(backbone, wanted, track, accept_license)
    known = backbone.comparison_of(source.sha256)
    comparison = Comparison.read(known) if known else None
    if comparison and backbone.small_faces_of(source.sha256):
        comparison = comparison.beside_taught()
    second = comparison.second if comparison else None
    embedder = backbone_embedder(backbone, source, device, track=track, second=second)
    cropper = load_cropper(backbone.crop, faces, track, cache=True)
    return FacePipeline.of_people(cropper, embedder, comparison)
