"""Commands made of what the Python verbs are asked, so that each option is written there alone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, Signature, signature
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from knownface.cli.console import session
from knownface.options import Option, options_of
from knownface.progress import Track

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Command = Callable[[dict[str, Any], bool, Track], None]


def asking(asked: Callable[..., Any]) -> Callable[[Command], Callable[..., None]]:
    """Makes a command that has each option of `asked`, a verb or a class, then --json and --quiet.

    The function gets them as a dictionary, whether JSON is asked for, and what shows progress.
    """

    def decorate(command: Command) -> Callable[..., None]:
        given = signature(asked).parameters
        kinds = options_of(asked, Recognizer=Path)  # a loaded one cannot be given here
        flags = {name: get_args(kind)[1].flag or _dashed(name) for name, kind in kinds.items()}

        @functools.wraps(command)
        def run(as_json: bool, quiet: bool, **values: Any) -> None:
            with session(quiet or as_json, not quiet, lambda n: flags.get(n, _dashed(n))) as track:
                command(values, as_json, track)

        declared = [_declared(name, kind, given[name].default) for name, kind in kinds.items()]
        declared += [_parameter("as_json", Json, False), _parameter("quiet", Quiet, False)]
        run.__signature__ = Signature(declared)  # type: ignore[attr-defined]
        run.__annotations__ = {}  # Typer reads the signature, which is resolved already
        return run

    return decorate


def _dashed(name: str) -> str:
    return f"--{name.rstrip('_').replace('_', '-')}"


def _parameter(name: str, kind: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _declared(name: str, kind: Any, default: Any) -> Parameter:
    """An option as Typer declares it; without a default, and without dashes, an argument."""
    option: Option
    whole, option = get_args(kind)
    shown: Any = typer.Option(option.flag or _dashed(name), help=option.help)
    positional = default is Parameter.empty and not option.flag.startswith("-")
    if positional:
        shown = typer.Argument(metavar=option.flag or None, help=option.help)
    elif isinstance(default, tuple):
        default = ",".join(default)
    return _parameter(name, Annotated[_read_as(whole, positional), shown], default)


def _read_as(kind: Any, listed: bool) -> Any:
    """What Typer reads for a type; of an alternative, the first. listed: one by one, or commas."""
    types = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    origin, first = get_origin(types[0]), types[0]
    if origin is Literal:
        first = str
    elif origin is Mapping:
        first = list[str]
    elif origin in (Sequence, Iterable):
        first = list[_read_as(get_args(first)[0], listed)] if listed else str  # type: ignore[misc]
    return first | None if NoneType in types else first
