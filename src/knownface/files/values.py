"""Values from JSON documents: dataclasses whose every field is checked against its type."""

from __future__ import annotations

import json
import math
import stat
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")
SLACK = 1e-6  # by how much rounding may carry a share out of its range
LARGEST_DOCUMENT = 2**28  # bytes; an evaluation of 5,000 people has about 200 million
LARGEST_NUMBER = 2**53  # whole numbers up to it are exact in every reader of JSON


@dataclass(frozen=True)
class Must:
    """What a value has to be besides its type, as an annotation: words for an error, and a test."""

    be: str
    holds: Callable[[Any], bool]


Share = Annotated[float, Must("from 0 to 1", lambda share: -SLACK <= share <= 1 + SLACK)]
Count = Annotated[int, Must("0 or more", lambda count: count >= 0)]
Cosine = Annotated[float, Must("from -1 to 1", lambda value: -1 - SLACK <= value <= 1 + SLACK)]
Positive = Annotated[float, Must("above 0", lambda value: value > 0)]
Rate = Annotated[float, Must("0 or more", lambda rate: rate >= 0)]
Interval = Annotated[
    tuple[Share, Share], Must("two rising shares", lambda bounds: bounds[0] <= bounds[1])
]


def read_json(path: Path) -> Any:
    """The document of a file. Raises OSError, ValueError."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("not a regular file")
    if state.st_size > LARGEST_DOCUMENT:
        raise ValueError(f"{state.st_size:,} bytes, and {LARGEST_DOCUMENT:,} are the most")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def from_json(kind: type[T], document: object, place: str = "") -> T:
    """A value of the type `kind` from what `json.loads` returned; `dataclasses.asdict` undone.

    place: of the document in a larger one. Understood are dataclasses, lists, tuples of fixed
    length, dictionaries with text as keys, `X | None`, `Literal`, `Annotated` with `Must`, finite
    numbers, truth values, text, and `Any` of these. Raises ValueError that names the place for
    everything else, and for missing and unknown keys.
    """
    try:
        return typing.cast(T, _read(kind, document, place))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _read(kind: Any, value: Any, place: str) -> Any:
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin is Annotated:
        found = _read(inner[0], value, place)
        return found if inner[1].holds(found) else _refuse(inner[1].be, value, place)
    if origin in (Union, types.UnionType):
        return _read_union(inner, value, place)
    if is_dataclass(origin):
        return _read_dataclass(origin, value, place)
    if origin in _CONTAINERS:
        return _CONTAINERS[origin](inner, value, place)
    if origin is Literal:
        known = type(value) is str and value in inner
        return value if known else _refuse(" or ".join(map(repr, inner)), value, place)
    return _read_any(value, place) if kind is Any else _read_scalar(kind, value, place)


def _read_any(value: Any, place: str) -> Any:
    if type(value) in _CONTAINERS:
        return _CONTAINERS[type(value)]((Any, Any), value, place)
    return _read_scalar(type(value), value, place)


def _read_scalar(kind: type, value: Any, place: str) -> Any:
    if kind in (bool, types.NoneType) and type(value) is kind:
        return value
    if kind is type(value) is str and _is_unicode(value):
        return value
    whole = type(value) is int and abs(value) <= LARGEST_NUMBER
    if kind is int and whole:
        return value
    if kind is float and (whole or (type(value) is float and math.isfinite(value))):
        return float(value)
    return _refuse(_NAMES.get(kind, kind.__name__), value, place)


def _is_unicode(text: str) -> bool:
    """Whether it can be printed: JSON can hold halves of characters."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _read_union(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    """The last kind says what is wrong where none fits; None comes first."""
    *others, last = sorted(kinds, key=lambda kind: kind is not types.NoneType)
    for kind in others:
        try:
            return _read(kind, value, place)
        except ValueError:
            continue
    return _read(last, value, place)


def _read_dataclass(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        _refuse("an object", value, place)
    kinds = typing.get_type_hints(kind, include_extras=True)
    keys = {f.metadata.get("key", f.name): f for f in fields(kind)}
    needed = {k for k, f in keys.items() if f.default is f.default_factory is MISSING}
    for keys_at_fault, what in ((needed - set(value), "lacks"), (set(value) - set(keys), "has no")):
        if keys_at_fault:
            raise ValueError(f"{place or 'the document'} {what} {min(keys_at_fault)!r}")
    return kind(**{
        keys[key].name: _read(kinds[keys[key].name], each, f"{place}.{key}".lstrip("."))
        for key, each in value.items()
    })  # fmt: skip


def _read_list(inner: tuple[Any, ...], value: Any, place: str) -> Any:
    if not isinstance(value, list):
        _refuse("a list", value, place)
    return [_read(inner[0], each, f"{place}[{i}]") for i, each in enumerate(value)]


def _read_tuple(inner: tuple[Any, ...], value: Any, place: str) -> Any:
    if not isinstance(value, list) or len(value) != len(inner):
        _refuse(f"a list of {len(inner)}", value, place)
    pairs = zip(inner, value, strict=True)
    return tuple(_read(kind, each, f"{place}[{i}]") for i, (kind, each) in enumerate(pairs))


def _read_dict(inner: tuple[Any, ...], value: Any, place: str) -> Any:
    if not isinstance(value, dict):
        _refuse("an object", value, place)
    return {
        _read(str, key, f"a key of {place}"): _read(inner[1], each, f"{place}.{key}".lstrip("."))
        for key, each in value.items()
    }


def _refuse(what: str, value: Any, place: str) -> typing.NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    raise ValueError(f"{place or 'the document'} must be {what}, not {shown}")


_NAMES = {
    float: "a finite number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    types.NoneType: "null",
}
_CONTAINERS: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    list: _read_list, tuple: _read_tuple, dict: _read_dict,
}  # fmt: skip
