"""The command line as a shell sees it, in a process of its own or, much faster, in this one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from knownface.cli import main

Done = subprocess.CompletedProcess[str]


def knownface(*arguments: object, **environment: str) -> Done:
    """`knownface ARGUMENTS` in this process, through its entry point.

    What libraries print past Python's `sys.stdout` and `sys.stderr` is not caught.
    """
    command = ["knownface", *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", command)
            for name, value in environment.items():
                patch.setenv(name, value)
            main()
    except SystemExit as end:
        code = int(end.code or 0)
    return Done(command, code, out.getvalue(), err.getvalue())


def printed_so_far() -> str:
    """What the `knownface` that runs in another thread of this process has printed."""
    return sys.stdout.getvalue() if isinstance(sys.stdout, io.StringIO) else ""


def knownface_process(*arguments: object, **environment: str) -> Done:
    """`python -m knownface ARGUMENTS`, with everything that any library prints."""
    command = [sys.executable, "-m", "knownface", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


def refused(done: Done, *words: str) -> None:
    """Exit code 2 and one sentence on stderr that has these words, and no traceback."""
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("knownface: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]
