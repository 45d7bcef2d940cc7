"""Text for people: from outside as one line that shows what is in it, and numbers of things."""

from __future__ import annotations

import re

# Control characters, the breaks of lines and paragraphs, and lone surrogates (bytes that are not
# UTF-8): Unicode's categories Cc, Zl, Zp, Cs. And its bidirectional formatting characters (Unicode
# Standard Annex 9, table 4), which make a name look like another one; the joiners that Indic
# scripts and emoji need are none of them.
UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

FORMULA = ("=", "+", "-", "@")  # how a cell begins that Excel and LibreOffice would compute


def visible(text: str) -> str:
    r"""The same text in one line, with `\x1b` for an escape, `\n` for a line's end, and so on.

    For everything that a person reads: terminals, logs, pages, pictures and tables.
    """
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 photo`, `3,000 photos`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def table_cell(text: str) -> str:
    """Text for a CSV file: one visible line, after an apostrophe where it would be computed."""
    line = visible(text)
    return f"'{line}" if line.startswith(FORMULA) else line
