"""`knownface verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.progress import Track


@asking(knownface.verify)
def verify(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    result = knownface.verify(**asked, track=track)
    if as_json:
        print_json(asdict(result))
        return
    answer = "same person" if result.same else "different people"
    first_faces, second_faces = result.faces
    several = f"; the best pair of {first_faces} and {second_faces} faces"
    say(
        f"{answer}: similarity {result.similarity:.3f}, threshold "
        f"{result.threshold:.3f} (false-accept rate {result.far:g})"
        f"{several if result.faces != (1, 1) else ''}"
    )
