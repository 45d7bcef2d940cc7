"""The command line: parses arguments, shows progress, prints results, and chooses the exit code.

One module per verb, imported when it is needed.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from knownface import VERBS, __version__


class _Verbs(TyperGroup):
    """The verbs, each from the module of its name when somebody asks for it."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            for name in VERBS if cmd_name not in VERBS else (cmd_name,):  # all may be meant
                self.commands[name] = _command(name)
        return self.commands.get(cmd_name)


def _command(verb: str) -> Any:
    module = importlib.import_module(f"knownface.cli.{verb}")
    if hasattr(module, "app"):  # it has commands of its own
        return typer.main.get_command(module.app)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(verb)(getattr(module, verb))
    return typer.main.get_command(app)


app = typer.Typer(
    name="knownface",
    help="From a folder of photos of your people to a recogniser that you can deploy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=_Verbs,
)


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
