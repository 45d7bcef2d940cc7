"""`knownface report`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import note, print_json, say
from knownface.cli.options import asking
from knownface.cli.printing import print_rows
from knownface.progress import Track


@asking(knownface.report)
def report(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    rows = knownface.report(**asked)
    if as_json:
        print_json({"rows": [row.to_json() for row in rows]})
        note(f"Page: {asked['out']}")
    else:
        print_rows(rows)
        say(f"Page: {asked['out']}")
