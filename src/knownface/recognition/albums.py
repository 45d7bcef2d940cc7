"""A folder of photos for every person who was recognised."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from knownface.files.whole import names_like, private_folder, whole_file

if TYPE_CHECKING:
    from knownface.recognition.result import Recognition


class Albums:
    """`folder/<person>/photo.jpg`: a photo of two people in both, of nobody known in `unknown`.

    links: symbolic links instead of copies. people: all who can be named, so that none of them is
    taken for the unknown. A photo that is there already is not added again, and none is replaced.
    Folders are for their owner only; a copy is for whoever may read the photo.
    """

    def __init__(self, folder: Path, people: Collection[str], links: bool) -> None:
        self.folder, self.links = folder, links
        taken = {folder_name(name).lower() for name in people}
        self.unknown = next(p.name for p in names_like(Path("unknown")) if p.name not in taken)

    def __call__(self, recognition: Recognition) -> None:
        """Add a photo; one without a face belongs to nobody."""
        if not recognition.faces:
            return
        names = {folder_name(face.name) for face in recognition.faces if face.name}
        for name in names or {self.unknown}:
            self._add(Path(recognition.path), self.folder / name)

    def _add(self, photo: Path, album: Path) -> None:
        private_folder(album)
        for target in names_like(album / photo.name):
            if target.exists() and filecmp.cmp(photo, target, shallow=False):
                return
            if not os.path.lexists(target):
                break
        if self.links:
            target.symlink_to(photo.resolve())
            return
        with whole_file(target) as part:
            shutil.copy2(photo, part)


def folder_name(person: str) -> str:
    """A person's name as one folder below another, whatever it is."""
    name = re.sub(r"[/\\\x00-\x1f\x7f]", "_", person)
    return name if name.strip(" .") else f"_{name}"
