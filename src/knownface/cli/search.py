"""`knownface search`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import knownface
from knownface.cli.console import note, print_json, say
from knownface.cli.options import asking
from knownface.progress import Track


@asking(knownface.search)
def search(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    found = knownface.search(**asked, track=track)
    if as_json:
        print_json(asdict(found) | {"by_chance": found.by_chance})
        return
    for face in found.faces:
        if len(found.faces) > 1:
            say(f"{found.photo} [{_places(face.box)}]:")
        for hit in face.hits:
            say(f"{hit.photo} {hit.similarity:.2f} [{_places(hit.box)}]")
        if not face.hits:
            say("nobody of the index looks like this face")
    note(
        f"{found.compared:,} faces compared; threshold {found.threshold:.3f} (false-accept rate "
        f"{found.far:g}: about {found.by_chance:.3g} faces of strangers reach it by chance)"
    )


def _places(box: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.0f}" for value in box)
