"""`knownface index`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.errors import KnownfaceError
from knownface.progress import Track


@asking(knownface.index)
def index(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    done = knownface.index(**asked, track=track)
    if as_json:
        print_json(asdict(done))
    else:
        say(f"{done.index}: {_many(done.photos, 'photo')}, {_many(done.faces, 'face')}")
        say(
            f"{_many(done.added, 'photo')} added, {done.changed:,} changed, {done.unchanged:,} "
            f"there before, {done.removed:,} removed, {done.failed + done.skipped:,} unreadable"
        )
    unread = done.failed + done.skipped
    if unread and unread == done.added + done.changed + done.unchanged + done.skipped:
        raise KnownfaceError(f"None of {_many(unread, 'photo')} could be read; see above")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
