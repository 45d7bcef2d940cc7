"""The exceptions that are not faults of ours."""

from __future__ import annotations


class KnownfaceError(Exception):
    """Unusable input or wrong use, in one sentence: what, where, and how to mend it.

    The command line prints it without a traceback and exits with 2.
    """


class GalleryError(KnownfaceError):
    """What holds a gallery is missing, damaged, locked, cannot be written or does not answer."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended the work early; says what is left of it, and how to go on."""
