"""What verbs are asked with: how an option is described, checked, and named in a sentence."""

from __future__ import annotations

import functools
import inspect
import math
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral, Real
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from knownface.errors import KnownfaceError

P = ParamSpec("P")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Option:
    """What `Annotated` says of an option besides its type.

    help: for the command line. flag: its name there, where it is not the argument's; with dashes
        for one that has no default and is named all the same.
    wanted: what a value has to be, in words; fits: whether it is that.
    """

    help: str = ""
    flag: str = ""
    wanted: str = ""
    fits: Callable[[Any], bool] = lambda value: True


def share(help: str, such_as: float, flag: str = "") -> Option:
    """Of a share that is neither nothing nor all."""
    return Option(help, flag, f"between 0 and 1, such as {such_as}", lambda value: 0 < value < 1)


Precision = Literal["auto", "float32", "bfloat16"]
# What several verbs are asked.
Data = Annotated[str | Path, Option("A folder with one sub-folder per person, or an index of one.")]
Strangers = Annotated[
    str | Path | None, Option("Photos of people to be refused, or an index of them.")
]
Grouping = Annotated[
    Path | str | None,
    Option(
        "A CSV file, person,age,...: each group of people is scored by itself.",
        wanted="a CSV file",
        fits=lambda path: Path(path).is_file(),
    ),
]
BackboneName = Annotated[str, Option("See `knownface backbones`.")]
Weights = Annotated[
    str | Path | None, Option("A weight file of the backbone, or none for random weights.")
]
Licence = Annotated[bool, Option("Agree, once, to weights for research only.")]
FacesMode = Annotated[
    Literal["detect", "cropped"], Option("detect, or cropped if the photos are aligned crops.")
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "coreml"],
    Option("auto, cpu, cuda or coreml; one that is not there fails."),
]


# ---------------------------------------------------------------- naming
_flag_of: ContextVar[Callable[[str], str] | None] = ContextVar("flag_of", default=None)

_said_by: ContextVar[Callable[..., str] | None] = ContextVar("said_by", default=None)


@contextmanager
def naming_flags(flag_of: Callable[[str], str]) -> Iterator[None]:
    """Meanwhile sentences name options as the shell does: `flag_of("faces")` is `--faces`."""
    token = _flag_of.set(flag_of)
    try:
        yield
    finally:
        _flag_of.reset(token)


@contextmanager
def naming_calls(said_by: Callable[..., str]) -> Iterator[None]:
    """Meanwhile sentences say calls as `said_by` does, which takes what `call` takes."""
    token = _said_by.set(said_by)
    try:
        yield
    finally:
        _said_by.reset(token)


def argument(name: str, *value: object) -> str:
    """An argument as the reader would write it: `faces='cropped'` or `--faces cropped`.

    value: nothing for the name alone; `...` for any value.
    """
    flag_of = _flag_of.get()
    if flag_of:
        said = (each for each in value if each is not True and each is not ...)
        return " ".join([flag_of(name), *map(str, said)])
    shown = (
        "..." if each is ... else repr(str(each) if isinstance(each, Path) else each)
        for each in value
    )
    return "=".join([name, *shown])


def call(verb: str, *given: object, **options: object) -> str:
    """A call of a verb as the reader would write it, with arguments as in `argument`.

    `train('people', epochs=3, resume=True)`, or `knownface train people --epochs 3 --resume`.
    """
    flag_of, said_by = _flag_of.get(), _said_by.get()
    if said_by:
        return said_by(verb, *given, **options)
    if flag_of is None:
        said = [argument("", each).removeprefix("=") for each in given]
        return f"{verb}({', '.join([*said, *(argument(*each) for each in options.items())])})"
    words = ["knownface", verb, *("..." if each is ... else str(each) for each in given)]
    for name, value in options.items():
        words += [flag_of(name)] if value is True else [flag_of(name), str(value)]
    return shlex.join(words)


def either(names: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


# ---------------------------------------------------------------- checking
def checked(name: str, kind: Any, value: Any) -> Any:
    """The value as JSON keeps it, a path as text; KnownfaceError where it is of another kind.

    kind: bool, int, float (finite), str, Path (or text), a Literal, a Sequence of these or a
        Mapping; several with `|`; in `Annotated` with an `Option`, what that wants as well.
    """
    kind, *notes = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if value is None and NoneType in kinds:
        return None
    fitting = [each for each in kinds if _is_a(each, value)]
    if not fitting:
        words = either(dict.fromkeys(_words(each) for each in kinds if each is not NoneType))
        choice = isinstance(value, str) and get_origin(kinds[0]) is Literal
        shown = value if choice else repr(value)
        raise KnownfaceError(f"{argument(name)} must be {words}, not {shown}")
    for option in notes:
        if not option.fits(value):
            raise KnownfaceError(f"{argument(name)} must be {option.wanted}, not {value}")
    inner = get_args(fitting[0])
    if get_origin(fitting[0]) is Sequence:
        return tuple(checked(name, inner[0], each) for each in value)
    if get_origin(fitting[0]) is Mapping:
        return {checked(name, inner[0], k): checked(name, inner[1], value[k]) for k in value}
    plain: dict[Any, Callable[[Any], Any]] = {int: int, float: float, Path: os.fspath}
    return plain.get(fitting[0], lambda same: same)(value)


def _is_a(kind: Any, value: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if get_origin(kind) is Sequence:
        return isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if kind is float:
        return _is_number(Real, value) and math.isfinite(value)
    if kind is int:
        return _is_number(Integral, value)
    return isinstance(value, str | os.PathLike if kind is Path else get_origin(kind) or kind)


def _is_number(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return either(get_args(kind))
    words = {bool: "True or False", int: "a whole number", float: "a finite number"}
    words |= {str: "text", Path: "a path"}
    return words.get(kind, "a list" if get_origin(kind) is Sequence else "a dictionary")


# ---------------------------------------------------------------- options of a class or a function
def options_of(asked: Any, **elsewhere: type) -> dict[str, Any]:
    """The `Annotated` type of each option, by name: of a class's fields, its own first, or a verb.

    elsewhere: stand-ins for types that the module of a verb does not import.
    """
    owners = asked.__mro__ if isinstance(asked, type) else (asked,)
    texts = {name: text for each in owners for name, text in inspect.get_annotations(each).items()}
    texts.pop("return", None)  # a verb's module need not import it
    if isinstance(asked, type):
        hints = get_type_hints(asked, include_extras=True)
    else:
        given = SimpleNamespace(__annotations__=texts)
        hints = get_type_hints(given, asked.__globals__, elsewhere, include_extras=True)
    return {name: hints[name] for name in texts if get_origin(hints[name]) is Annotated}


def refuses_unknown(cls: type[Asked]) -> type[Asked]:
    """A dataclass whose unknown arguments are a KnownfaceError, as other wrong options are."""
    made = cls.__init__
    known = inspect.signature(made).parameters

    @functools.wraps(made)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if unknown := sorted(kwargs.keys() - known):
            near = get_close_matches(unknown[0], known)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise KnownfaceError(f"There is no option '{unknown[0]}'{meant}")
        made(self, *args, **kwargs)

    cls.__init__ = __init__  # type: ignore[method-assign]
    return cls


def taking(
    make: Callable[P, Asked],
) -> Callable[[Callable[[Asked], Answer]], Callable[P, Answer]]:
    """Lets a function of one value take the arguments that make the value, and show them."""

    def decorate(verb: Callable[[Asked], Answer]) -> Callable[P, Answer]:
        @functools.wraps(verb)
        def call(*args: P.args, **kwargs: P.kwargs) -> Answer:
            return verb(make(*args, **kwargs))

        types, parameters = get_type_hints(make), inspect.signature(make).parameters
        order = dict.fromkeys([*options_of(make), *parameters])
        shown = [parameters[name].replace(annotation=types[name]) for name in order]
        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            sorted(shown, key=lambda each: each.kind),
            return_annotation=inspect.signature(verb).return_annotation,
        )
        return call

    return decorate
