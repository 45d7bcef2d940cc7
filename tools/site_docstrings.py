"""How the Python reference reads our docstrings: a Griffe extension, used by `make docs`.

Our docstrings say of arguments `name: what it is`, several to a line; options say it of themselves,
in `Annotated[..., Option(...)]`. Both become the list of parameters that mkdocstrings shows, and a
verb that takes the arguments of a value (`options.taking`) shows them as its own.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import griffe

import knownface
from knownface.options import options_of

HIDDEN = ("track",)  # what shows progress: for programs that have a bar of their own


class Readable(griffe.Extension):
    """Rewrites what is public of knownface when all of it was read."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        if pkg.name != "knownface":
            return
        for name in knownface.__all__:
            listed: Any = pkg[name]
            target = listed.final_target if listed.is_alias else listed
            value = getattr(knownface, name)
            if target.is_function:
                rewrite_function(target, value)
            else:
                rewrite_class(target, value)


def rewrite_function(target: griffe.Function, function: Any) -> None:
    options = helped(function)
    target.parameters = griffe.Parameters(
        *(
            griffe.Parameter(
                each.name,
                kind=getattr(griffe.ParameterKind, each.kind.name.lower()),
                annotation=written(each.annotation, options.get(each.name)),
                default=None if each.default is each.empty else shown(each.default),
            )
            for each in inspect.signature(function).parameters.values()
            if each.name not in HIDDEN
        )
    )
    names = [each.name for each in target.parameters]
    texts = {name: text for name, (_, text) in options.items() if name in names}
    rewrite(target, names, texts, "Args")


def rewrite_class(target: griffe.Class, value: Any) -> None:
    fields = [each.name for each in target.parameters] or list(target.attributes)
    options = helped(value) if value is knownface.TrainingConfig else {}
    texts = {name: text for name, (_, text) in options.items()}
    rewrite(target, fields, texts, "Attributes")
    for member in target.members.values():
        if not member.is_alias and member.is_function and not member.name.startswith("_"):
            rewrite(member, [each.name for each in member.parameters], {}, "Args")


def helped(asked: Any) -> dict[str, tuple[str, str]]:
    """Of each option its type and its help, by name."""
    if not isinstance(asked, type):
        request = getattr(asked, "__signature__", None)
        if request is not None:  # it takes the arguments of a value
            kinds = {p.name: p.annotation for p in request.parameters.values()}
            return {
                name: said(kind) for name, kind in kinds.items() if hasattr(kind, "__metadata__")
            }
    from knownface.recognition.recognizer import Recognizer

    return {name: said(kind) for name, kind in options_of(asked, Recognizer=Recognizer).items()}


def said(kind: Any) -> tuple[str, str]:
    whole, option = get_args(kind)[:2]
    return plain(whole), option.help


def plain(kind: Any) -> str:
    """A type as it is written, without the modules that names come from."""
    text = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)


def shown(default: Any) -> str:
    return repr(str(default) if isinstance(default, Path) else default)


def written(annotation: Any, option: tuple[str, str] | None) -> str | None:
    if option:
        return option[0]
    if annotation is inspect.Parameter.empty:
        return None
    return annotation if isinstance(annotation, str) else plain(annotation)


def rewrite(target: Any, names: Iterable[str], texts: Mapping[str, str], section: str) -> None:
    """The docstring in the form that mkdocstrings reads; what it says itself comes before help."""
    if target.docstring is None:
        return
    text, about, raises = parted(target.docstring.value, list(names))
    about = {name: about.get(name) or texts.get(name) or "" for name in names}
    lines = [text]
    if any(about.values()):
        lines += ["", f"{section}:"]
        lines += [f"    {name}: {words}" for name, words in about.items() if words]
    if raises:
        lines += ["", "Raises:", *(f"    {kind}: {words}" for kind, words in raises.items())]
    target.docstring.value = "\n".join(lines)


def parted(docstring: str, names: list[str]) -> tuple[str, dict[str, str], dict[str, str]]:
    """What a docstring says, what it says of each name, and what is raised when."""
    raises: dict[str, str] = {}
    about: dict[str, str] = {}
    kept: list[str] = []
    starts = "|".join(map(re.escape, names)) or "(?!)"
    part = rf"(?:^|(?<=[.;] ))((?:{starts})(?:, (?:{starts}))*): "
    for paragraph in docstring.split("\n\n"):
        flat = " ".join(paragraph.split())
        flat, _, raised = flat.partition("Raises ")
        if raised:
            for each in re.split(r"; (?=[A-Z]\w+[ ,])", raised.rstrip(".")):
                kind, _, when = each.partition(" ")
                raises[kind.rstrip(",.")] = (when or "where it cannot be done") + "."
        first, *rest = re.split(part, flat)
        kept.append(first.strip())
        for who, words in zip(rest[::2], rest[1::2], strict=True):
            about |= dict.fromkeys(who.split(", "), words.strip().rstrip(";"))
    return "\n\n".join(filter(None, kept)), about, raises
