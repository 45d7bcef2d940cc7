"""What every page shares: its templates, its tables and cards, and that it is one whole file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.files.whole import whole_file
from knownface.measure import numbers
from knownface.measure.numbers import Cell, Number
from knownface.pages.pictures import Figure

if TYPE_CHECKING:
    from jinja2 import Environment


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
    )
    templates.globals["numbers"] = numbers
    templates.filters["slug"] = lambda title: "-".join(re.findall(r"\w+", title.lower()))
    return templates


def render(template: str, **values: object) -> str:
    """HTML of a file in `templates/`; whatever is no template's own is escaped."""
    return _templates().get_template(template).render(values)


def write_page(path: Path, template: str, **values: object) -> None:
    """Write one page whole or not at all; raises OSError where that is impossible.

    template: extends `page.html.jinja`, which asks for the values `sheet`, a FaceSheet or None,
    and `data`, what the script needs.
    """
    page = render(template, **values, headings=[])
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")


# ---------------------------------------------------------------- parts of a page
@dataclass(frozen=True)
class Table:
    """A table that sorts by any column; the first column names the rows.

    links: where the first cell of each row leads.
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
