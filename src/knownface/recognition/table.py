"""CSV files with a line for every face, or for every track of a video."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.errors import KnownfaceError
from knownface.files.whole import private_folder
from knownface.options import argument
from knownface.visible import table_cell

if TYPE_CHECKING:
    from knownface.recognition.appearances import TrackEvent
    from knownface.recognition.result import Recognition

COLUMNS = (
    "path", "name", "similarity", "confidence", "nearest", "reason", "x", "y", "width", "height",
)  # fmt: skip
TRACK_COLUMNS = (
    "path", "track", "name", "from", "to", "similarity", "confidence", "nearest", "reason",
    "pictures", "best", "x", "y", "width", "height",
)  # fmt: skip


class FaceTable:
    """Whole lines at any moment, so that an interrupted run leaves a table that can be used.

    An earlier table of that name is replaced, another file is not. Names are empty for unknown
    people; boxes are in pixels. A face is one line whatever its name, see `table_cell`, and what a
    spreadsheet would take for a formula has an apostrophe before it; `to_json` has the true names.
    UTF-8, for its owner only. Raises KnownfaceError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _begin(path, COLUMNS)

    def __call__(self, recognition: Recognition) -> None:
        """Add the faces of a photo."""
        _append(self.path, (
            (
                *map(table_cell, (recognition.path, face.name or "")),
                f"{face.similarity:.4f}", f"{face.confidence:.4f}",
                table_cell(face.nearest or ""), face.reason,
                *(f"{value:.1f}" for value in face.box),
            )
            for face in recognition.faces
        ))  # fmt: skip


class TrackTable:
    """The same for videos: a line for every track, when it has ended.

    from, to, best: in seconds of the video; the box is that of the best picture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _begin(path, TRACK_COLUMNS)

    def add(self, events: Iterable[TrackEvent]) -> None:
        """Add the tracks that have ended."""
        gone = [event.appearance for event in events if event.kind == "went"]
        if gone:
            _append(self.path, (
                (
                    table_cell(each.source), each.track, table_cell(each.name or ""),
                    f"{each.begin:.3f}", f"{each.end:.3f}", f"{each.similarity:.4f}",
                    f"{each.confidence:.4f}", table_cell(each.nearest or ""), each.reason,
                    each.pictures, f"{each.best:.3f}", *(f"{value:.1f}" for value in each.box),
                )
                for each in gone
            ))  # fmt: skip


def _begin(path: Path, columns: Sequence[str]) -> None:
    header = ",".join(columns)
    try:
        if path.exists() and path.read_bytes()[: len(header)] != header.encode():
            raise KnownfaceError(
                f"{argument('csv', path)}: holds something else; name a new file, or delete it"
            )
        private_folder(path.parent)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(f"{header}\n")
    except OSError as error:
        raise KnownfaceError(
            f"{argument('csv', path)}: cannot be written ({error.strerror})"
        ) from None


def _append(path: Path, rows: Iterable[Sequence[object]]) -> None:
    with path.open("a", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
