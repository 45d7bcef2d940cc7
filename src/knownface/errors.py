"""The one exception that means: the user can mend this."""

from __future__ import annotations


class KnownfaceError(Exception):
    """Unusable input or wrong use, in one sentence: what, where, and how to mend it.

    The command line prints it without a traceback and exits with 2.
    """
