"""The frame of every report: one file with its style, its script and its pictures inside."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from knownface.files.whole import whole_file

COLUMNS = 32  # tiles in a row of the sheet
SHEET_PIXELS = 1000 * 80**2  # 1,000 faces, or fewer larger pictures
SHEET_BYTES = 2_500_000  # as JPEG, so that a page stays below 5 MB
Cell = str | tuple[str, float]  # a number carries what it is sorted by
Section = tuple[str, str]  # title, HTML
Document = dict[str, Any]  # an Evaluation as JSON


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def between(interval: Sequence[float]) -> str:
    low, high = interval
    return f"{percent(low)} to {percent(high)}"


def share(value: float) -> Cell:
    return percent(value), value


class Faces:
    """Small square pictures, each embedded once, in one sheet, and shown from everywhere.

    side: in pixels; a multiple of JPEG's 16-pixel blocks, so that neighbours do not bleed.
    """

    def __init__(self, side: int = 80) -> None:
        self.side = side
        self._tiles: list[np.ndarray] = []
        self._index: dict[str, int] = {}

    @property
    def full(self) -> bool:
        return (len(self._tiles) + 1) * self.side**2 > SHEET_PIXELS

    def get(self, key: str) -> int | None:
        """The number of a picture that was added; None where it was not."""
        return self._index.get(key)

    def add(self, key: str, picture: np.ndarray) -> int | None:
        """The number of an RGB uint8 picture; None where the sheet is full."""
        if key not in self._index and not self.full:
            size = (self.side, self.side)
            tile = ImageOps.pad(Image.fromarray(picture), size, color=(127, 127, 127))
            self._index[key] = len(self._tiles)
            self._tiles.append(np.asarray(tile))
        return self.get(key)

    def figure(self, number: int | None, label: str, caption: str = "") -> str:
        """One picture with a label for screen readers and an optional caption."""
        if number is None:
            return ""
        shown = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        place = f"--x:{number % COLUMNS};--y:{number // COLUMNS}"
        picture = f'<span class="face" role="img" style="{place}"'
        return f'<figure>{picture} aria-label="{html.escape(label)}"></span>{shown}</figure>'

    def style(self) -> str:
        """The sheet as a rule of CSS."""
        if not self._tiles:
            return ""
        rows, side = -(-len(self._tiles) // COLUMNS), self.side
        sheet = np.full((rows * side, COLUMNS * side, 3), 127, np.uint8)
        for i, tile in enumerate(self._tiles):
            y, x = side * (i // COLUMNS), side * (i % COLUMNS)
            sheet[y : y + side, x : x + side] = tile
        for quality in (75, 55, 35):
            data = io.BytesIO()
            Image.fromarray(sheet).save(data, "JPEG", quality=quality)
            if data.tell() <= SHEET_BYTES:
                break
        encoded = base64.b64encode(data.getvalue()).decode()
        return (
            f":root{{--face:{side / 20}rem}}"  # 1.25 pixels per CSS pixel, for sharp screens
            f".face{{background-image:url(data:image/jpeg;base64,{encoded});"
            f"background-size:calc({COLUMNS}*var(--face)) calc({rows}*var(--face))}}"
        )


def table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    links: Sequence[str] | None = None,
) -> str:
    """A table that sorts by any column; the first column names the rows.

    links: where the first cell of each row leads.
    """
    if not rows:
        return "<p>None.</p>"
    right = [' class="number"' if isinstance(cell, tuple) else "" for cell in rows[0]]
    head = "".join(
        f'<th scope="col"{kind}><button>{html.escape(name)}</button></th>'
        for name, kind in zip(header, right, strict=True)
    )
    lines = []
    for i, row in enumerate(rows):
        first = html.escape(text(row[0])).replace("_", "_<wbr>").replace("/", "/<wbr>")
        if links:
            first = f'<a href="{html.escape(links[i])}">{first}</a>'
        cells = "".join(
            f'<td class="number" data-sort="{cell[1]}">{html.escape(cell[0])}</td>'
            if isinstance(cell, tuple)
            else f"<td>{html.escape(cell)}</td>"
            for cell in row[1:]
        )
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    name = html.escape(title)
    return (
        f'<div class="scroll" role="group" tabindex="0" aria-label="{name}"><table class="sorts">'
        f'<caption class="unseen">{name}</caption><thead><tr>{head}</tr></thead>\n<tbody>'
        + "\n".join(lines)
        + "</tbody></table></div>"
    )


def text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell[0]


def figures(items: Sequence[tuple[str, str, str]]) -> str:
    """Numbers with a name, a value and a sentence that says what they mean."""
    shown = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        f"<dd>{html.escape(meaning)}</dd></div>"
        for name, value, meaning in items
    )
    return f'<dl class="figures">{shown}</dl>'


def card(title: str, about: str, groups: Mapping[str, Sequence[str]]) -> str:
    """An item of `cards`: a title, a line, and groups of figures by what they are."""
    shown = "".join(
        f"<div><p>{html.escape(name)}</p><div>{''.join(pictures)}</div></div>"
        for name, pictures in groups.items()
        if any(pictures)
    )
    words = f"<h3>{html.escape(title)}</h3><p>{html.escape(about)}</p>"
    return f'<li>{words}<div class="faces">{shown}</div></li>'


def cards(items: Iterable[str]) -> str:
    return f'<ul class="cards">{"".join(items)}</ul>'


def paragraphs(*lines: str) -> str:
    return "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)


def write_page(
    path: Path,
    title: str,
    about: str,
    summary: str,
    sections: Sequence[Section],
    faces: Faces | None = None,
    data: object = None,
) -> None:
    """Write one page whole or not at all; raises OSError where that is impossible.

    about: a line above the title; summary: HTML under it; sections: titles and HTML.
    data: what the script needs, by its name `data`.
    """
    names = ["-".join(re.findall(r"\w+", heading.lower())) for heading, _ in sections]
    links = "".join(
        f'<li><a href="#{name}">{html.escape(heading)}</a></li>'
        for name, (heading, _) in zip(names, sections, strict=True)
    )
    body = "\n".join(
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">'
        f"{html.escape(heading)}</h2>\n{content}\n</section>"
        for name, (heading, content) in zip(names, sections, strict=True)
    )
    summary, body = (each.replace(" %", "\u00a0%") for each in (summary, body))  # stay together
    own = files("knownface.pages")
    carried = json.dumps(data).replace("<", "\\u003c")  # nothing in it can end the script
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)} - knownface</title>
<style>
{(own / "report.css").read_text(encoding="utf-8")}
{faces.style() if faces else ""}
</style>
</head>
<body>
<header>
<p class="about">{html.escape(about)}</p>
<h1>{html.escape(title)}</h1>
{summary}
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<script type="application/json" id="data">{carried}</script>
<script>
{(own / "report.js").read_text(encoding="utf-8")}
</script>
</body>
</html>
"""
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
