"""The command line: parses arguments, shows progress, prints results, and chooses the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

# OpenBLAS's threads wait for work in a loop that keeps a processor each busy, for 2^28 cycles until
# they sleep (its THREAD_TIMEOUT): a quarter of a second of every command on two processors, and
# beside other libraries' threads half the speed of what these do. 2^20 are half a millisecond.
WAIT = ("OPENBLAS_THREAD_TIMEOUT", "20")


def main(arguments: Callable[[], list[str]] | None = None) -> None:
    """The console script: 0 is success, 2 what the user can mend, 1 our fault, 130 interrupted.

    arguments: gives those of the command, instead of the shell's. All imports are in here, so that
    Ctrl-C is quiet while they last, too.
    """
    try:
        os.environ.setdefault(*WAIT)  # before NumPy is imported
        if arguments:
            sys.argv = ["knownface", *arguments()]
        from knownface.cli.commands import app

        app()
    except KeyboardInterrupt:  # during an import, or again while the first one was tidied up after
        sys.exit(130)
