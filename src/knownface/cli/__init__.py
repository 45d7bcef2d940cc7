"""The command line: parses arguments, shows progress, prints results, and chooses the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable


def main(arguments: Callable[[], list[str]] | None = None) -> None:
    """The console script: 0 is success, 2 what the user can mend, 1 our fault, 130 interrupted.

    arguments: gives those of the command, instead of the shell's. All imports are in here, so that
    Ctrl-C is quiet while they last, too.
    """
    try:
        if arguments:
            sys.argv = ["knownface", *arguments()]
        from knownface.cli.commands import app

        app()
    except KeyboardInterrupt:  # during an import, or again while the first one was tidied up after
        sys.exit(130)
