"""`knownface verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import print_json, session


def verify(
    first: Annotated[Path, typer.Argument(metavar="PHOTO")],
    second: Annotated[Path, typer.Argument(metavar="PHOTO")],
    recognizer: Annotated[
        Path | None, typer.Option(help="Use this recogniser's network and people instead.")
    ] = None,
    backbone: options.BackboneName = "auto",
    weights: options.Weights = None,
    accept_license: options.Licence = False,
    far: Annotated[float | None, typer.Option(help="False-accept rate of the threshold.")] = None,
    faces: options.Faces = "detect",
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Do two photos show the same person? Of several faces, compares the pair most alike."""
    with session(quiet or as_json, notes=not quiet) as track:
        import knownface

        result = knownface.verify(
            first, second, recognizer=recognizer, backbone=backbone, weights=weights,
            accept_license=accept_license, far=far, faces=faces, device=device, track=track,
        )  # fmt: skip
        if as_json:
            print_json(asdict(result))
        else:
            answer = "same person" if result.same else "different people"
            first_faces, second_faces = result.faces
            several = f"; the best pair of {first_faces} and {second_faces} faces"
            print(
                f"{answer}: similarity {result.similarity:.3f}, threshold "
                f"{result.threshold:.3f} (false-accept rate {result.far:g})"
                f"{several if result.faces != (1, 1) else ''}"
            )
