"""What `train` and `evaluate` write around a recogniser, and where somebody's name stands in it."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from knownface.errors import KnownfaceError
from knownface.files.runs import write_json
from knownface.files.values import read_json
from knownface.files.whole import whole_file
from knownface.recognition.living.erasing import NOBODY, spoken_of

# With names or faces in them. Pages and pictures go, and can be made again of evaluation.json;
# there and in the split nobody has the name.
PAGES = ("report.html", "confusion_matrix.png", "model_card.md", "check.html")
# What stays where it shows nothing of somebody whom the documents do not name, as they name
# everybody who was trained or tested; `check.html` may show anybody's photos.
KEPT = PAGES[:3]
STRANGERS_SHOWN = "Strangers who were named"  # over pictures of people without a name
DOCUMENTS = ("evaluation.json", "split.json")
# Where a name stands by itself, by the key; a `name` is a person's in this list alone.
NAMES = ("people", "true", "predicted", "first", "second", "person", "other")
PEOPLE_OF = "per_person[]"
# Where paths stand that begin with a name, as values or keys; and sentences.
PATHS = ("photo", "train", "validation", "nearest", "groups")
KEYED = ("nearest", "groups")  # by names, and by paths
SENTENCES = ("detail",)


def run_of(folder: Path) -> Path:
    """The run folder around a recogniser, or its own where there is none."""
    return folder.parent if (folder.parent / DOCUMENTS[0]).is_file() else folder


def clean(run: Path, names: list[str], photos: Sequence[str] | None = None) -> list[str]:
    """Take names and faces out of the files of a run; gives what was done, in words.

    photos: paths of all that may show this person on a page. Without them, or where a document has
    the name, every page goes.
    """
    done = []
    everything = photos is None or any(name in DOCUMENTS for name in named_in(run, names))
    for name in PAGES:  # first: where this is cut off, the documents say again that all must go
        path = run / name
        if path.is_file() and (everything or name not in KEPT or _shows(path, names, photos or ())):
            path.unlink()
            done.append(name)
    for name in DOCUMENTS:
        path = run / name
        if not path.is_file():
            continue
        document = _read(path)
        cleaned = without(document, names)
        if cleaned != document:
            with whole_file(path, like=path) as part:
                write_json(part, cleaned)
            done.append(f"the name in {name}")
    return done


def _shows(page: Path, names: Sequence[str], photos: Sequence[str]) -> bool:
    """Whether a page may have somebody's name or picture; pictures of nobody known may be theirs.

    The picture of names has those of the documents alone.
    """
    if page.suffix == ".png":
        return False
    text = _text_of(page)
    ends = {
        "/".join(parts[i:]) for parts in (p.split("/") for p in photos) for i in range(len(parts))
    }
    there = (end for end in ends if end and end in text)
    paths = (rf"(?<![^\s\"'>(]){re.escape(end)}(?!\w)" for end in there)
    return (
        STRANGERS_SHOWN in text
        or _names(text, names)
        or any(re.search(path, text) for path in paths)
    )


def _text_of(page: Path) -> str:
    """What it says, without pictures: letters as they are, and not as HTML or JSON spells them."""
    text = re.sub(r"data:image/[^\"')]*", "", page.read_text(encoding="utf-8", errors="replace"))
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return html.unescape(text)


def _names(text: str, names: Sequence[str]) -> bool:
    """Whether the words of a name follow each other, whatever Markdown puts between; in doubt, yes.

    Letters that cannot be seen are written in another way.
    """
    words = f" {_words(text)} "
    return any(
        not name.isprintable() or not _words(name) or f" {_words(name)} " in words for name in names
    )


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text)))


def named_in(run: Path, names: list[str]) -> Iterator[str]:
    """The documents and pages in which somebody still has one of the names."""
    for name in DOCUMENTS:
        if (run / name).is_file():
            document = _read(run / name)
            if without(document, names) != document:
                yield name
    for name in KEPT:
        if (run / name).is_file() and _shows(run / name, names, ()):
            yield name


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except (OSError, ValueError):
        raise KnownfaceError(
            f"{path}: cannot be read, so that it may still hold the name; delete it"
        ) from None


def without(document: Any, names: list[str]) -> Any:
    """The same in which nobody has these names, and no path leads into a folder of theirs.

    Each person who was forgotten is somebody else still: `forgotten`, `forgotten 2`, and so on.
    """
    people = document.get("people") if isinstance(document, dict) else None
    taken = set(people) - set(names) if isinstance(people, list) else set()
    free = (f"{NOBODY} {i}" if i > 1 else NOBODY for i in count(1))
    return _Cleaner(names, next(each for each in free if each not in taken)).cleaned(document, "")


class _Cleaner:
    def __init__(self, names: list[str], stands_in: str) -> None:
        self._names, self._stands_in = set(names), stands_in
        self._spoken = spoken_of(names)

    def cleaned(self, value: Any, key: str) -> Any:
        if isinstance(value, list):
            rows = f"{key}[]"
            return [self.cleaned(v, rows if isinstance(v, dict) else key) for v in value]
        if isinstance(value, dict):
            rename = self._path if key in KEYED else str
            return {rename(k): self.cleaned(v, self._inner(key, k)) for k, v in value.items()}
        how: dict[str, Callable[[str], str]] = {
            **dict.fromkeys(NAMES, self._name), **dict.fromkeys(PATHS, self._path),
            **dict.fromkeys(SENTENCES, self._sentence),
        }  # fmt: skip
        return how[key](value) if key in how and isinstance(value, str) else value

    def _inner(self, key: str, inner: str) -> str:
        """What a value is, by its key, or by the one around it."""
        if key == PEOPLE_OF and inner == "name":
            return "person"
        return "photo" if key == "nearest" else inner

    def _name(self, text: str) -> str:
        return self._stands_in if text in self._names else text

    def _path(self, text: str) -> str:
        if text.split("/")[0] in self._names:
            return self._stands_in
        return self._sentence(text)

    def _sentence(self, text: str) -> str:
        return re.sub(self._spoken, self._stands_in, text)
