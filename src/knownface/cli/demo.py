"""`knownface demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import print_json, session


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    people: Annotated[int, typer.Option(help="How many people to invent.")] = 10,
    photos: Annotated[int, typer.Option(help="Photos of each.")] = 40,
    strangers: Annotated[
        int, typer.Option(help="Others to be refused: DIR/strangers beside DIR/people.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Other people for each number.")] = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write photos of people who do not exist, to try everything with nobody's photo."""
    with session(quiet or as_json, notes=not quiet) as track:
        import knownface

        knownface.demo(
            folder, people=people, photos=photos, strangers=strangers, seed=seed, track=track
        )
        if as_json:
            print_json({"folder": str(folder), "people": people, "photos": people * photos})
        else:
            print(f"{people} invented people with {photos} photos each: {folder}")
