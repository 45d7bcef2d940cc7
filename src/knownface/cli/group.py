"""`knownface group`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.options import call
from knownface.progress import Track
from knownface.visible import counted

SHOWN = 12  # people who are listed


@asking(knownface.group)
def group(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    found = knownface.group(**asked, track=track)
    if as_json:
        print_json(found.to_json())
        return
    for line in found.lines():
        say(line)
    several = [each for each in found.people if each.name or each.faces > 1]
    for each in several[:SHOWN]:
        say(f"  {each.folder}: {counted(each.faces, 'face')} in {counted(each.photos, 'photo')}")
    if len(several) > SHOWN:
        say(f"  ... and {len(several) - SHOWN} more")
    say(
        f"Say who they are: {call('serve', found.out)}, or rename the folders; then call this again"
    )
