"""Options on the command line: those of a class's fields, and those that several commands share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

import knownface.options
from knownface.options import Option, options_of
from knownface.training.config import ComparisonRequest, TrainingRequest

TRAINING: dict[str, Option] = {
    name: get_args(kind)[1]
    for request in (ComparisonRequest, TrainingRequest)
    for name, kind in options_of(request).items()
}


def flag(name: str) -> str:
    """What an argument of the Python functions is called on the command line."""
    if name == "folder":
        return "DIR"
    return TRAINING.get(name, Option()).flag or f"--{name.replace('_', '-')}"


def _as_training(name: str) -> Any:
    """An option as `train` has it."""
    return typer.Option(flag(name), help=TRAINING[name].help)


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes.")]
Data = Annotated[Path, typer.Argument(help=TRAINING["data"].help)]
BackboneName = Annotated[str, _as_training("backbone")]
Weights = Annotated[str | None, _as_training("weights")]
Licence = Annotated[bool, _as_training("accept_license")]
Strangers = Annotated[Path | None, _as_training("strangers")]
RecognizerFolder = Annotated[Path, typer.Argument(help="A run or recognizer folder.")]
if TYPE_CHECKING:  # what the verbs let through
    Device = knownface.options.Device
    Faces = knownface.options.FacesMode
else:  # Typer would refuse others in words of its own
    Device = Annotated[str, _as_training("device")]
    Faces = Annotated[str, _as_training("faces")]


def asking(request: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command each option of `request`, before its own; it gets them as a dictionary."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        defaults = {field.name: field.default for field in fields(request)}
        shown = [
            _declared(name, kind, defaults[name]) for name, kind in options_of(request).items()
        ]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            asked = {each.name: values.pop(each.name) for each in shown}
            command(asked, **values)

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in [*shown, *own]]
        )
        run.__annotations__ = {}  # Typer reads the signature, which is resolved already
        return run

    return decorate


# What the command line reads for what Python takes; another type reads as itself.
READ_AS: dict[Any, Any] = {Literal: str, Sequence: str, Mapping: list[str]}


def _declared(name: str, kind: Any, default: Any) -> inspect.Parameter:
    """A field as Typer declares it; of an alternative, the first type. A sequence has commas."""
    whole, option = get_args(kind)
    types = get_args(whole) if get_origin(whole) is UnionType else (whole,)
    first = READ_AS.get(get_origin(types[0]), types[0])
    given = first | None if NoneType in types else first
    shown = typer.Option(flag(name), help=option.help)
    if default is MISSING:
        shown, default = typer.Argument(help=option.help), inspect.Parameter.empty
    elif isinstance(default, tuple):
        default = ",".join(default)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[given, shown]
    )
