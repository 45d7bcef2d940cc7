"""`knownface compare`."""

from __future__ import annotations

from typing import Any

import knownface
from knownface.cli.console import print_json, say
from knownface.cli.options import asking
from knownface.cli.printing import print_comparison
from knownface.errors import KnownfaceError
from knownface.progress import Track
from knownface.training.config import ComparisonRequest


@asking(ComparisonRequest)
def compare(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    for name in ("backbones", "recipes"):
        asked[name] = None if asked[name] is None else _listed(asked[name])
    asked["weights"] = dict(_assigned(text) for text in asked["weights"] or [])
    ComparisonRequest(**asked)  # what is wrong is said before anything heavy is imported
    result = knownface.compare(**asked, track=track)
    if as_json:
        print_json(result.to_json())
    else:
        print_comparison(result)
        say(f"Report: {result.folder / 'report.html'}")


def _listed(text: str) -> list[Any]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _assigned(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise KnownfaceError(f"--weights {text}: write BACKBONE=FILE, such as facenet=weights.h5")
    return name, value
