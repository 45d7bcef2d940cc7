"""`knownface report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from knownface.cli import options
from knownface.cli.console import note, print_json, session
from knownface.cli.printing import print_rows


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders made by train.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("runs/report.html"),
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Put several finished runs side by side on one page."""
    with session(quiet or as_json, notes=not quiet):
        import knownface

        rows = knownface.report(runs, out=out)
        if as_json:
            print_json({"rows": [row.to_json() for row in rows]})
            note(f"Page: {out}")
        else:
            print_rows(rows)
            print(f"Page: {out}")
