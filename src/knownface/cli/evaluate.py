"""`knownface evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import print_json, session
from knownface.cli.printing import print_evaluation


def evaluate(
    recognizer: options.RecognizerFolder,
    data: Annotated[Path, typer.Argument(help="People, in sub-folders named as enrolled.")],
    strangers: options.Strangers = None,
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and report.")] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Test a recogniser on photos it has not seen; enrolled photos are left out."""
    with session(quiet or as_json, notes=not quiet) as track:
        import knownface

        result = knownface.evaluate(
            recognizer, data, strangers=strangers, out=out, device=device, track=track
        )
        if as_json:
            print_json(result.to_json())
        else:
            print_evaluation(result)
            if out:
                print(f"Report: {out / 'report.html'}")
