"""The command line: parses arguments, shows progress, prints results, and chooses the exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from knownface import __version__
from knownface.cli.folders import check, demo
from knownface.cli.networks import networks
from knownface.cli.recognition import benchmark, recognize, verify
from knownface.cli.training import compare, evaluate, report, train

app = typer.Typer(
    name="knownface",
    help="From a folder of photos of your people to a recogniser that you can deploy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (train, compare, check, evaluate, report, recognize, verify, benchmark, demo):
    app.command()(command)
app.add_typer(networks, name="backbones")


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """The console script: 0 is success, 2 what the user can mend, 1 our fault, 130 interrupted."""
    try:
        app()
    except KeyboardInterrupt:  # again, while the first one was being tidied up after
        sys.exit(130)
