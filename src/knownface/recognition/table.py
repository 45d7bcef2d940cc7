"""A CSV file with a line for every face."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.errors import KnownfaceError
from knownface.files.whole import private_folder
from knownface.options import argument
from knownface.visible import table_cell

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition

COLUMNS = (
    "path", "name", "similarity", "confidence", "nearest", "reason", "x", "y", "width", "height",
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
        header = ",".join(COLUMNS)
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

    def __call__(self, recognition: Recognition) -> None:
        """Add the faces of a photo."""
        with self.path.open("a", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows(
                (
                    *map(table_cell, (recognition.path, face.name or "")),
                    f"{face.similarity:.4f}", f"{face.confidence:.4f}",
                    table_cell(face.nearest or ""), face.reason,
                    *(f"{value:.1f}" for value in face.box),
                )
                for face in recognition.faces
            )  # fmt: skip
