"""`knownface check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import note, print_json, session
from knownface.cli.printing import print_diagnosis


def check(
    data: options.Data,
    backbone: options.BackboneName = "auto",
    weights: options.Weights = None,
    accept_license: options.Licence = False,
    faces: options.Faces = "detect",
    out: Annotated[
        Path | None, typer.Option(help="The page; default: runs/<folder>-check.html.")
    ] = None,
    fix: Annotated[
        Path | None, typer.Option(help="A new folder for a cleaned copy of the photos.")
    ] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find what is wrong with a folder's photos and names, before training."""
    with session(quiet or as_json, notes=not quiet) as track:
        import knownface

        page = out or Path("runs") / f"{data.resolve().name}-check.html"
        found = knownface.check(
            data, backbone=backbone, weights=weights, accept_license=accept_license, faces=faces,
            out=page, fix=fix, device=device, track=track,
        )  # fmt: skip
        if as_json:
            print_json(found.to_json())
            note(f"Page: {page}")
        else:
            print_diagnosis(found)
            print(f"Page: {page}")
            if fix:
                copied = len(found.good)
                print(f"Cleaned copy: {fix}, {copied} of {len(found.photos)} photos")
