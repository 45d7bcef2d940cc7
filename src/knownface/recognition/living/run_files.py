"""What `train` and `evaluate` write around a recogniser, and where somebody's name stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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


def clean(run: Path, names: list[str]) -> list[str]:
    """Take names and faces out of the files of a run; gives what was done, in words."""
    done = []
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
    for name in PAGES:
        if (run / name).is_file():
            (run / name).unlink()
            done.append(name)
    return done


def named_in(run: Path, names: list[str]) -> Iterator[str]:
    """The documents in which somebody still has one of the names."""
    for name in DOCUMENTS:
        if (run / name).is_file():
            document = _read(run / name)
            if without(document, names) != document:
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
