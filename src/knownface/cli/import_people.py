"""`knownface import`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.progress import Track


@asking(knownface.import_people)
def import_people(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    result = knownface.import_people(**asked, track=track)
    if as_json:
        print_json(result.to_json())
        return
    for line in result.lines():
        say(line)
