"""Values from JSON documents: dataclasses whose every field is checked against its type."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

T = TypeVar("T")
SLACK = 1e-6  # by how much rounding may carry a share out of its range


@dataclass(frozen=True)
class Must:
    """What a value has to be besides its type, as an annotation: words for an error, and a test."""

    be: str
    holds: Callable[[Any], bool]


Share = Annotated[float, Must("from 0 to 1", lambda share: -SLACK <= share <= 1 + SLACK)]
Count = Annotated[int, Must("0 or more", lambda count: count >= 0)]
Positive = Annotated[float, Must("above 0", lambda value: value > 0)]
Rate = Annotated[float, Must("0 or more", lambda rate: rate >= 0)]
Interval = Annotated[
    tuple[Share, Share], Must("two rising shares", lambda bounds: bounds[0] <= bounds[1])
]


def from_json(kind: type[T], document: object) -> T:
    """A value of the type `kind` from what `json.loads` returned; `dataclasses.asdict` undone.

    Understood are dataclasses, lists, tuples of fixed length, dictionaries with text as keys,
    `X | None`, `Annotated` with `Must`, and finite numbers and text. Raises ValueError that names
    the place for everything else, and for missing and unknown keys.
    """
    return typing.cast(T, _read(kind, document, ""))


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
    return value if kind is Any else _read_scalar(kind, value, place)


def _read_scalar(kind: type, value: Any, place: str) -> Any:
    if kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if kind in (int, str, type(None)) and type(value) is kind:
        return value
    return _refuse(_NAMES.get(kind, kind.__name__), value, place)


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
    return {key: _read(inner[1], each, f"{place}.{key}") for key, each in value.items()}


def _refuse(what: str, value: Any, place: str) -> typing.NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    raise ValueError(f"{place or 'the document'} must be {what}, not {shown}")


_NAMES = {float: "a finite number", int: "a whole number", str: "text", types.NoneType: "null"}
_CONTAINERS: dict[Any, Callable[[tuple[Any, ...], Any, str], Any]] = {
    list: _read_list, tuple: _read_tuple, dict: _read_dict,
}  # fmt: skip
