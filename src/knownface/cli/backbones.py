"""`knownface backbones`, and `knownface backbones fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import print_json, session
from knownface.cli.printing import print_backbones

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def backbones(
    context: typer.Context, as_json: options.Json = False, quiet: options.Quiet = False
) -> None:
    """The networks to choose from, and which weight files are on this machine."""
    if context.invoked_subcommand:
        return
    with session(quiet or as_json, notes=not quiet):
        import knownface

        rows = knownface.backbones()
        if as_json:
            print_json(rows)
            return
        print_backbones(rows)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A backbone.")],
    accept_license: options.Licence = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Download the weight file of one backbone, checked, into the cache."""
    with session(quiet or as_json, notes=not quiet) as track:
        import knownface

        path = knownface.fetch(name, accept_license=accept_license, track=track)
        if as_json:
            print_json({"name": name, "path": str(path)})
        else:
            print(path)
