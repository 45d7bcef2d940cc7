"""The doctor's findings as one page that needs nothing else: thumbnails are inside it."""

from __future__ import annotations

import html
from pathlib import Path

from knownface.diagnosis import KINDS, Diagnosis, Problem
from knownface.images import ImageError, embedded, read_image
from knownface.whole_file import whole_file

THUMBNAIL = 144  # pixels, longest side
BUDGET = 4_000_000  # characters for all thumbnails, so that a page stays below 5 MB
MOST_TEXT = 2000  # findings shown per kind; the JSON document has all
ADVICE = {
    "unreadable": "Copy these files again from their source, or remove them.",
    "no_face": "Nobody can be learnt from these. Cut them closer to the face, or remove them.",
    "several_faces": "Cut each to the person it is filed under.",
    "mislabel": "Move each to the right folder, or remove it. Agreement is 0 for a stranger "
    "and 1 for a typical photo of the person; profiles, masks, drawings and childhood photos can "
    "be right and land here all the same.",
    "two_names": "One picture cannot be two people: keep it where it belongs.",
    "duplicate": "Keep one of each.",
    "near_duplicate": "Re-saved, resized or cut differently: one of each is enough, and copies on "
    "both sides of a split make a test look better than it is.",
    "burst": "Nothing to mend: a split keeps them together.",
    "too_small": "Use the original photo if there is a larger one.",
    "blurred": "The network sees little in these; sharper photos help more.",
    "dark": "Use a photo with more even light.",
    "few_photos": "Add photos of these people, from different days.",
    "similar_names": "If both are one person, merge the folders.",
}


def write_page(path: Path, diagnosis: Diagnosis) -> None:
    """Write the page whole or not at all; raises OSError where that is impossible."""
    with whole_file(path) as part:
        part.write_text(render_page(diagnosis), encoding="utf-8", errors="replace")


def render_page(diagnosis: Diagnosis) -> str:
    """The page as text, below 5 MB."""
    thumbnails = _Thumbnails(diagnosis.root)
    found = [kind for kind in KINDS if diagnosis.of_kind(kind)]
    links = "".join(
        f'<li><a href="#{kind}">{KINDS[kind]}</a> {len(diagnosis.of_kind(kind))}</li>'
        for kind in found
    )
    sections = "\n".join(_section(kind, diagnosis, thumbnails) for kind in found)
    number = len(diagnosis.problems)
    return _PAGE.format(
        title=f"Check of {html.escape(diagnosis.root.resolve().name)}",
        count="No problems" if not number else f"{number} problem{'s' if number > 1 else ''}",
        photos=len(diagnosis.photos),
        people=len(diagnosis.people),
        left_out=len(diagnosis.left_out),
        contents=f'<nav aria-label="Kinds of problems"><ul>{links}</ul></nav>' if links else "",
        sections=sections,
    )


def _section(kind: str, diagnosis: Diagnosis, thumbnails: _Thumbnails) -> str:
    problems = diagnosis.of_kind(kind)
    items = "\n".join(_item(each, diagnosis, thumbnails) for each in problems[:MOST_TEXT])
    more = len(problems) - MOST_TEXT
    rest = f"<p>And {more} more; <code>--json</code> lists all.</p>" if more > 0 else ""
    return (
        f'<section id="{kind}" aria-labelledby="{kind}-title">\n'
        f'<h2 id="{kind}-title">{KINDS[kind]} <small>{len(problems)}</small></h2>\n'
        f"<p>{ADVICE[kind]}</p>\n<ul class=problems>\n{items}\n</ul>{rest}\n</section>"
    )


def _item(problem: Problem, diagnosis: Diagnosis, thumbnails: _Thumbnails) -> str:
    """The photo, what it is compared with, and the words."""
    shown = []
    if problem.photo:
        shown.append((problem.photo, "this photo"))
    if problem.kind == "mislabel":
        examples = diagnosis.examples
        shown += [
            (examples[name], f"typical of {name}")
            for name in (problem.person, problem.other)
            if name in examples
        ]
    elif problem.photo and problem.other:
        shown.append((problem.other, "the other photo"))
    pictures = "".join(thumbnails.figure(photo, what) for photo, what in shown)
    title = html.escape(problem.photo or problem.person)
    return f"<li><h3>{title}</h3><p>{html.escape(problem.detail)}</p>{pictures}</li>"


class _Thumbnails:
    """Small JPEG pictures as figures, as long as the budget lasts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._left = BUDGET
        self._made: dict[str, str] = {}

    def figure(self, photo: str, what: str) -> str:
        if self._left <= 0:
            return ""
        if photo not in self._made:
            self._made[photo] = self._encoded(photo)
        source = self._made[photo]
        self._left -= len(source)
        if not source:
            return ""
        alt = html.escape(f"{photo}, {what}", quote=True)
        return (
            f'<figure><img loading="lazy" alt="{alt}" src="{source}">'
            f"<figcaption>{html.escape(what)}</figcaption></figure>"
        )

    def _encoded(self, photo: str) -> str:
        try:
            return embedded(read_image(self._root / photo), THUMBNAIL, quality=70)
        except ImageError:
            return ""


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --soft: #8882; }}
body {{
  font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem;
}}
h1, h2, h3 {{ line-height: 1.25; }}
h2 {{ margin: 2.5rem 0 .25rem; }}
h2 small {{ font-weight: normal; opacity: .75; }}
h3 {{ font-size: 1rem; margin: 0; overflow-wrap: anywhere; }}
nav ul {{ display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; padding: 0; }}
nav li {{ background: var(--soft); border-radius: 1rem; padding: .25rem .75rem; }}
.problems {{
  display: grid; gap: .75rem; list-style: none; padding: 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr));
}}
.problems li {{ border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }}
.problems p {{ margin: .25rem 0 .5rem; overflow-wrap: anywhere; }}
figure {{ display: inline-block; margin: 0 .5rem .25rem 0; max-width: 5.6rem; }}
figure {{ vertical-align: top; }}
img {{ display: block; height: 5.6rem; max-width: 5.6rem; object-fit: contain; }}
code {{ white-space: nowrap; }}
figcaption {{ font-size: .8rem; overflow-wrap: anywhere; }}
:focus-visible {{ outline: 3px solid #2a7de1; outline-offset: 2px; }}
</style>
<body>
<header>
<h1>{title}: {count}</h1>
<p>{photos} photos of {people} people. A cleaned copy (<code>--fix DIR</code>) leaves out
{left_out} of them; this folder itself was not changed.</p>
{contents}
</header>
<main>
{sections}
</main>
</body>
</html>
"""
