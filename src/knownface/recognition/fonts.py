"""Fonts of this machine that have the letters of a name, in any script."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from knownface.visible import visible

log = logging.getLogger(__name__)

PLAIN = ("sans", "regular")  # in a file's name, the more the better; a decorated one comes last
DECORATED = ("bold", "italic", "oblique", "mono", "serif", "condensed", "light", "thin", "black")


def readable(text: str) -> str:
    """The same in one line, where letters that no font here has are replaced by what they are.

    Of `अमित`, without a font for it, `A-Ma-I-Ta` remains, and of a Chinese sign its code; one line
    is logged for each such name.
    """
    line = visible(text)
    parts = [
        "-".join(map(_spelled, letters)) if missing else "".join(letters)
        for missing, letters in groupby(line, lambda letter: font_of(letter) is None)
    ]
    shown = "".join(parts)
    if shown != line:
        _say_missing(line, shown)
    return shown


def runs(text: str) -> list[tuple[str, str]]:
    """Parts of a readable text, each with the file of a font that has its letters."""
    whole = font_of(text)
    if whole is not None:
        return [(text, whole)]
    found: list[tuple[str, str]] = []
    for letter in text:
        if found and _needed(letter) <= _letters(found[-1][1]):
            found[-1] = (found[-1][0] + letter, found[-1][1])
        else:
            found.append((letter, font_of(letter) or _usual()))
    return found


@lru_cache(maxsize=4096)
def font_of(text: str) -> str | None:
    """The file of the plainest font that has all letters of a text; None where there is none."""
    needed = _needed(text)
    return next((path for path in _fonts() if needed <= _letters(path)), None)


def _needed(text: str) -> frozenset[int]:
    """What has a shape of its own; joiners and the like have none."""
    return frozenset(ord(c) for c in text if unicodedata.category(c) not in ("Cf", "Zs"))


def _fonts() -> Iterator[str]:
    yield _usual()
    yield from _installed()


@lru_cache(maxsize=1)
def _usual() -> str:
    from matplotlib.font_manager import findfont

    return str(findfont("DejaVu Sans"))  # comes with matplotlib


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    from matplotlib.font_manager import findSystemFonts

    def order(path: str) -> tuple[int, int, str]:
        name = Path(path).stem.lower()
        return sum(word in name for word in DECORATED), -sum(word in name for word in PLAIN), path

    return tuple(sorted(findSystemFonts(), key=order))


@cache
def _letters(path: str) -> frozenset[int]:
    """What a font has; nothing where it is damaged or made of pictures of one size."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()


def _spelled(letter: str) -> str:
    name = unicodedata.name(letter, "")
    if not name or "IDEOGRAPH" in name:
        return f"U+{ord(letter):04X}"
    return name.split()[-1].capitalize()


@lru_cache(maxsize=256)
def _say_missing(name: str, shown: str) -> None:
    log.warning(
        "%s is shown as %s: no font here has its letters; install one, such as Debian's "
        "fonts-noto-core or fonts-noto-cjk", name, shown,
    )  # fmt: skip
