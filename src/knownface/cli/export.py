"""`knownface export`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.progress import Track


@asking(knownface.export)
def export(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    made = knownface.export(**asked, track=track)
    if as_json:
        print_json(made.comparison.to_json() | {"folder": str(made.folder)})
        return
    for line in made.comparison.lines():
        say(line)
    say(f"Exported: {made.folder}")
