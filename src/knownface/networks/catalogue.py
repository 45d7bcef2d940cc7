"""What networks there are, and fetching their weight files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from knownface.files.download import find
from knownface.networks.load import licence_accepted, locate_weights
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
            "training_data": record.training_data,
            "disputed": record.disputed,
            "noncommercial": record.noncommercial,
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


def lacking(accept_license: bool = False) -> dict[str, str]:
    """Of every network, in the order of `backbones`, what it lacks to be used; nothing is fetched.

    accept_license: whether licences for research only are accepted now.
    """
    return {
        name: "not here" if not any(map(find, record.weight_files))
        else "" if accept_license or licence_accepted(record)
        else "licence not accepted"
        for name, record in BACKBONES.items()
    }  # fmt: skip


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
