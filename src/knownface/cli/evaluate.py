"""`knownface evaluate`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.cli.printing import described, print_evaluation
from knownface.progress import Track


@asking(knownface.evaluate)
def evaluate(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    result = knownface.evaluate(**asked, track=track)
    if as_json:
        print_json(described(result))
    else:
        print_evaluation(result)
        if asked["out"]:
            say(f"Report: {asked['out'] / 'report.html'}")
