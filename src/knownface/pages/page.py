"""What every page shares: its templates, its tables and cards, and that it is one whole file."""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from knownface.files.whole import whole_file
from knownface.measure import numbers
from knownface.measure.numbers import Cell, Number
from knownface.pages.pictures import Figure
from knownface.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment


_MEANING = re.compile(r"[\\`*\[\]<>|#~&]|(?<![^\W_])_|_(?![^\W_])")


# ---------------------------------------------------------------- templates
@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("knownface.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
        finalize=_shown,
    )
    templates.globals["numbers"] = numbers
    templates.filters["slug"] = lambda title: "-".join(re.findall(r"\w+", title.lower()))
    templates.filters |= {"visible": visible, "address": address, "sha256": _sha256}
    return templates


def _shown(value: Any) -> Any:
    """Text from outside, wherever it stands in a value; a template's own HTML is no such text."""
    if type(value) is str:
        return visible(value)
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return value


def address(path: str) -> str:
    """A relative path as where a link leads: `javascript:` is the name of a folder there."""
    return quote(os.fsencode(path))


def _sha256(text: str) -> str:
    """What a Content-Security-Policy knows a script or a style by."""
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


def render(template: str, **values: object) -> str:
    """HTML of a file in `templates/`; whatever is no template's own is made visible and escaped."""
    return _templates().get_template(template).render(values)


def render_markdown(template: str, **values: object) -> str:
    """Markdown of a file in `templates/`; whatever is no template's own is plain text."""
    markdown = _templates().overlay(
        autoescape=False, finalize=lambda value: _in_markdown(_shown(value))
    )
    return markdown.get_template(template).render(values)


def _in_markdown(value: Any) -> Any:
    """Text without what Markdown, or HTML in it, gives a meaning; `_` within a word has none."""
    return _MEANING.sub(r"\\\g<0>", value) if type(value) is str else value


def write_page(path: Path, template: str, **values: object) -> None:
    """Write one page whole or not at all; raises OSError where that is impossible.

    template: extends `page.html.jinja`, which asks for the values `sheet`, a FaceSheet or None,
    and `data`, what the script needs. Its Content-Security-Policy lets our own style and script
    and pictures inside the page be, and nothing else: no connection, and no `style=`.
    """
    page = render(template, **values | {"data": _shown(values["data"])}, headings=[], rules={})
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")


# ---------------------------------------------------------------- parts of a page
@dataclass(frozen=True)
class Table:
    """A table that sorts by any column; the first column names the rows.

    links: relative paths to which the first cell of each row leads.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    links: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        title: str,
        rows_are: str,
        columns: Sequence[Number],
        rows: Iterable[tuple[str, Sequence[float | None]]],
    ) -> Table:
        """Numbers by their columns, after what heads the names of the rows."""
        return cls(
            title,
            (rows_are, *(column.name for column in columns)),
            [
                (name, *(c.cell(value) for c, value in zip(columns, values, strict=True)))
                for name, values in rows
            ],
        )


@dataclass(frozen=True)
class Card:
    """A title, a line, and groups of pictures by what they are; what has no picture is None."""

    title: str
    about: str
    groups: Mapping[str, Sequence[Figure | None]]
