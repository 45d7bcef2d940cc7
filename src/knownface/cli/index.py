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
        say(f"{done.index}: {done.photos:,} photos, {done.faces:,} faces")
        say(
            f"{done.added:,} photos added, {done.changed:,} changed, {done.unchanged:,} there "
            f"before, {done.removed:,} removed, {done.failed:,} unreadable"
        )
    if done.failed and done.failed == done.added + done.changed and not done.unchanged:
        raise KnownfaceError(f"None of the {done.failed} photos could be read; see above")
