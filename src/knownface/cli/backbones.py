"""`knownface backbones`, and `knownface backbones fetch`."""

from __future__ import annotations

from typing import Any

import typer

import knownface
from knownface.cli.console import print_json, say, session
from knownface.cli.options import Json, Quiet, asking
from knownface.cli.printing import print_backbones
from knownface.progress import Track

app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def backbones(context: typer.Context, as_json: Json = False, quiet: Quiet = False) -> None:
    """The networks to choose from, and which weight files are on this machine."""
    if context.invoked_subcommand:
        return
    with session(quiet or as_json, notes=not quiet):
        rows = knownface.backbones()
        if as_json:
            print_json(rows)
        else:
            print_backbones(rows)


@app.command()
@asking(knownface.fetch)
def fetch(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    """Download the weight file of one backbone, checked, into the cache."""
    path = knownface.fetch(**asked, track=track)
    if as_json:
        print_json({"name": asked["name"], "path": str(path)})
    else:
        say(str(path))
