"""`knownface serve`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import knownface
from knownface.cli.console import note, print_json, say
from knownface.cli.options import asking
from knownface.options import Option, refuses_unknown
from knownface.progress import Track
from knownface.server.keys import Role, new_key
from knownface.server.serve import keys_file
from knownface.server.settings import Settings


@refuses_unknown
@dataclass(frozen=True, kw_only=True, repr=False)
class Request(Settings):
    """What the shell may ask besides: a new key, instead of serving."""

    new_key: Annotated[
        Role | None, Option("Make a key (recognise or manage), show it once, and end.")
    ] = None


@asking(Request)
def serve(asked: dict[str, Any], as_json: bool, track: Track) -> None:
    request = Request(**asked)
    role = asked.pop("new_key")
    if role is None:
        knownface.serve(**asked)
        return
    key = new_key(keys_file(request), role)
    if as_json:
        print_json({"role": role, "key": key})
    else:
        say(key)
        note(
            f"May {role}; only its hash is kept, in {keys_file(request)}: nobody can read it again"
        )
