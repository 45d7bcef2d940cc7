"""`knownface demo`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.progress import Track


@asking(knownface.demo)
def demo(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    folder, people, photos = asked["folder"], asked["people"], asked["photos"]
    knownface.demo(**asked, track=track)
    if as_json:
        print_json({"folder": str(folder), "people": people, "photos": people * photos})
    else:
        say(f"{people} invented people with {photos} photos each: {folder}")
