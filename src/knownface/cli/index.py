"""`knownface index`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.errors import KnownfaceError
from knownface.progress import Track
from knownface.visible import counted


@asking(knownface.index)
def index(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    done = knownface.index(**asked, track=track)
    if as_json:
        print_json(asdict(done))
    else:
        say(f"{done.index}: {counted(done.photos, 'photo')}, {counted(done.faces, 'face')}")
        say(
            f"{counted(done.added, 'photo')} added, {done.changed:,} changed, {done.unchanged:,} "
            f"there before, {done.removed:,} removed, {done.failed + done.skipped:,} unreadable"
        )
    unread = done.failed + done.skipped
    if unread and unread == done.added + done.changed + done.unchanged + done.skipped:
        raise KnownfaceError(f"None of {counted(unread, 'photo')} could be read; see above")
