"""The networks to choose from, and their weight files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from knownface.cli import options
from knownface.cli.console import print_json, session
from knownface.cli.printing import print_backbones

networks = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@networks.callback()
def backbones(
    context: typer.Context, as_json: options.Json = False, quiet: options.Quiet = False
) -> None:
    """The networks to choose from, and which weight files are on this machine."""
    if context.invoked_subcommand:
        return
    with session(quiet or as_json, notes=not quiet):
        from knownface.files.download import find
        from knownface.networks.zoo import BACKBONES

        rows: list[dict[str, Any]] = [
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
        if as_json:
            print_json(rows)
            return
        print_backbones(rows)


@networks.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A backbone.")],
    accept_license: options.Licence = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Download the weight file of one backbone, checked, into the cache."""
    with session(quiet or as_json, notes=not quiet) as track:
        from knownface.networks.load import locate_weights
        from knownface.networks.zoo import get_backbone

        weights = locate_weights(get_backbone(name), None, track, accept_license)
        path = weights.path if weights else None
        if as_json:
            print_json({"name": name, "path": str(path)})
        else:
            print(path)
