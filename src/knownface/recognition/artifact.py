"""Where a recogniser lies. Imports nothing heavy, so that a missing one is said at once."""

from __future__ import annotations

from pathlib import Path

from knownface.errors import KnownfaceError

RECORD, GALLERY = "recognizer.json", "gallery.sqlite"
# Of an export, for programs that have nothing but the runtime: people in the order of `people`, and
# how faces are compared with them; float32, little-endian, see docs/export.md.
TEMPLATES, PLAIN = "templates.f32", "comparison.f32"
MEMORY = ".knownface"  # the one in a folder that `group` made


def artifact_folder(folder: Path) -> Path:
    """A recognizer folder, or the one in a folder that train or group made; KnownfaceError where
    there is none.
    """
    for candidate in (folder, folder / "recognizer", folder / MEMORY):
        if (candidate / RECORD).is_file():
            return candidate
    what = f"holds no {RECORD}" if folder.is_dir() else "no such folder"
    raise KnownfaceError(f"{folder}: {what}; expected a folder made by train or group")
