"""Where a recogniser lies."""

from __future__ import annotations

from pathlib import Path

from knownface.errors import KnownfaceError


def artifact_folder(folder: Path) -> Path:
    """A recognizer folder, or the one in a run folder; KnownfaceError where there is none."""
    for candidate in (folder, folder / "recognizer"):
        if (candidate / "recognizer.json").is_file():
            return candidate
    what = "holds no recognizer.json" if folder.is_dir() else "no such folder"
    raise KnownfaceError(f"{folder}: {what}; expected a run or recognizer folder made by train")
