"""`knownface check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import knownface
from knownface.cli.console import note, print_json, say
from knownface.cli.options import asking
from knownface.cli.printing import print_diagnosis
from knownface.progress import Track


@asking(knownface.check)
def check(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    name = f"{Path(asked['data']).resolve().name}-check.html"
    asked["out"] = page = asked["out"] or Path("runs") / name
    found = knownface.check(**asked, track=track)
    if as_json:
        print_json(found.to_json())
        note(f"Page: {page}")
    else:
        print_diagnosis(found)
        say(f"Page: {page}")
        if asked["fix"]:
            from knownface.diagnosis.clean import LIST

            copied = len(found.good)
            say(f"Cleaned copy: {asked['fix']}, {copied} of {len(found.photos)} photos")
            say(f"What was done, and why: {asked['fix'] / LIST}")
