"""A process that JAX ends because another one was lost says so in one sentence.

JAX calls `abort` then, after pages on stderr, and its callback of Python is broken: that throws
`std::bad_cast` (jaxlib 0.10.2). So the signal is handled, and what C++ prints goes nowhere.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
from typing import IO, Any

REMAINS: list[str] = []  # folders that are removed where this process is ended
SIGNAL = ctypes.CFUNCTYPE(None, ctypes.c_int)


class LastWords:
    """While it stands, C++ prints nothing, and `abort` ends this process with `said`.

    said: one sentence; empty for a process that has said why it ends. code: the exit code then.
    With KNOWNFACE_DEBUG what C++ prints is shown; Gloo greets on stdout.
    """

    def __init__(self, said: str) -> None:
        self.said, self.code = said, 2
        self._handler = SIGNAL(self._aborted)  # C keeps no hold of it
        self._shown = [os.dup(1), os.dup(2)]
        self._streams = sys.stdout, sys.stderr
        self._handle(ctypes.cast(self._handler, ctypes.c_void_p))
        if not os.environ.get("KNOWNFACE_DEBUG"):
            sys.stdout, sys.stderr = map(self._turned, self._streams, (1, 2))

    def _turned(self, stream: Any, number: int) -> Any:
        """A stream of Python that goes where it went, before its descriptor goes nowhere."""
        try:
            stream.flush()
            direct = stream.fileno() == number
        except (OSError, ValueError, AttributeError):  # a notebook's, or a test's
            direct = False
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
        return _line_by_line(self._shown[number - 1], stream) if direct else stream

    def _aborted(self, _: int) -> None:
        if self.said:
            os.write(self._shown[1], f"knownface: {self.said}\n".encode())
        for folder in REMAINS:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(self.code)

    def over(self) -> None:
        """All is as it was before."""
        self._handle(None)
        for number in (1, 2):
            os.dup2(self._shown[number - 1], number)
        sys.stdout, sys.stderr = self._streams

    @staticmethod
    def _handle(handler: Any) -> None:
        """Of C, for Python's own handlers wait until the interpreter has its turn again."""
        set_handler = ctypes.CDLL(None).signal
        set_handler.argtypes = (ctypes.c_int, ctypes.c_void_p)
        set_handler.restype = ctypes.c_void_p
        set_handler(signal.SIGABRT, handler)


def _line_by_line(descriptor: int, like: Any) -> IO[str]:
    return open(
        descriptor, "w", buffering=1, encoding=like.encoding, errors="backslashreplace",
        closefd=False,
    )  # fmt: skip
