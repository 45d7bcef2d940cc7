"""Faces that were seen lately, each by a token that cannot be guessed, so that it can be corrected.

They are in memory alone, bounded in number and in time.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from knownface.errors import KnownfaceError
from knownface.recognition.living.records import SeenFace, SeenPhoto

MOST = 2_000  # faces, of about 20 kB each
SECONDS = 3600.0


class Recent:
    """The faces of the last hour, up to MOST; safe from many threads."""

    def __init__(self, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._kept: OrderedDict[str, tuple[float, SeenFace]] = OrderedDict()
        self._lock = Lock()

    def add(self, seen: SeenPhoto) -> list[str]:
        """A token for each face, in their order."""
        tokens = [secrets.token_urlsafe(12) for _ in seen.faces]
        now = self._clock()
        with self._lock:
            self._kept.update(
                (token, (now, face)) for token, face in zip(tokens, seen.faces, strict=True)
            )
            self._drop_old(now)
        return tokens

    def face(self, token: str) -> SeenFace:
        """KnownfaceError where the token is none, or its time is over."""
        with self._lock:
            self._drop_old(self._clock())
            if token not in self._kept:
                raise KnownfaceError(
                    f"{token!r:.40}: no face that was seen in the last hour; recognise the photo "
                    "again"
                )
            return self._kept[token][1]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    def _drop_old(self, now: float) -> None:
        while self._kept:
            oldest, (added, _) = next(iter(self._kept.items()))
            if len(self._kept) <= self._most and added > now - SECONDS:
                return
            del self._kept[oldest]
