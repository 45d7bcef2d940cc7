"""What networks there are, and fetching their weight files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from knownface.files.download import find
from knownface.networks.load import locate_weights
from knownface.networks.zoo import BACKBONES, get_backbone
from knownface.options import Licence, Option
from knownface.progress import Track, silent


def backbones() -> list[dict[str, Any]]:
    """The networks to choose from, and which of their weight files are on this machine."""
    return [
        {
            "name": record.name,
            "network": record.network,
            "trained_on": record.trained_on,
            "parameters": record.parameters,
            "size": record.crop.size,
            "embedding_size": record.embedding_size,
            "licence": record.licence,
            "files": [
                {
                    "name": file.name,
                    "url": file.url,
                    "bytes": file.bytes,
                    "sha256": file.sha256,
                    "present": find(file) is not None,
                }
                for file in record.weight_files
            ],
        }
        for record in BACKBONES.values()
    ]


def fetch(
    name: Annotated[str, Option("A backbone.")],
    *,
    accept_license: Licence = False,
    track: Track = silent,
) -> Path:
    """Download the weight file of one backbone, checked, into the cache; where it is.

    Raises KnownfaceError.
    """
    weights = locate_weights(get_backbone(name), None, track, accept_license)
    assert weights is not None  # only weights="none" is no file
    return weights.path
