"""The verbs: everything about people in one file, and back."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.errors import KnownfaceError
from knownface.options import Device, Option, call
from knownface.recognition.people import Folder, gallery_of, loaded_from

if TYPE_CHECKING:
    from knownface.recognition.living.gallery import LivingGallery
    from knownface.recognition.recognizer import Recognizer

log = logging.getLogger(__name__)


def backup(recognizer: Folder, file: Annotated[Path | str, Option("A new file.")]) -> Path:
    """Everything about people in one file: names, faces, corrections, history; also in use.

    It is as sensitive as the recogniser. Raises KnownfaceError where the file is there already.
    """
    from knownface.recognition.living.moving import copy
    from knownface.recognition.living.shared import follow

    gallery, target = gallery_of(recognizer), Path(file)
    follow(gallery.path)
    if target.exists():
        raise KnownfaceError(f"{target}: is there already; name a new file")
    copy(gallery.path, target)
    return target


def restore(
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    file: Annotated[Path | str, Option("A file that `backup` wrote.")],
    *,
    replace: Annotated[bool, Option("Although changes were made since.")] = False,
    device: Device = "auto",
) -> int:
    """Put a backup in the place of who is known, at once; gives how many faces came.

    Another network sees the kept faces anew.
    Raises KnownfaceError where the file is no backup, and where changes would be lost.
    """
    from knownface.recognition.living import moving, schema
    from knownface.recognition.living.joining import where
    from knownface.recognition.living.reading import people_in
    from knownface.recognition.record import tell_people

    gallery, source = gallery_of(recognizer), Path(file)
    if not source.is_file():
        raise KnownfaceError(f"{source}: no such file; name one that `backup` wrote")
    with schema.reading(source):
        pass
    if place := where(gallery.path).gallery:
        raise KnownfaceError(
            f"{gallery.folder}: is shared at {place}, where a backup would be put in the place of "
            f"everybody's people; end that first: {call('share', gallery.folder, gallery='none')}"
        )
    lost = _since(gallery, source)
    if lost and not replace:
        raise KnownfaceError(
            f"{gallery.folder}: {lost} changes were made that the backup does not have; back them "
            f"up too, or replace them: {call('restore', gallery.folder, source, replace=True)}"
        )
    loaded = loaded_from(recognizer, device)
    came, gone = moving.restore(source, gallery.path, loaded.embed_portraits)
    if gone:
        log.warning("%d faces did not come: no picture of them was kept for this network", gone)
    tell_people(gallery.folder, partial(people_in, gallery.path))
    return came


def _since(gallery: LivingGallery, source: Path) -> int:
    """How many changes a gallery has that a backup of it does not."""
    from knownface.recognition.living.schema import reading

    listed = "SELECT id, at FROM history WHERE verb NOT IN ('restore', 'train')"
    with reading(gallery.path) as now, reading(source) as then:
        had = {tuple(row) for row in then.execute(listed)}
        return sum(tuple(row) not in had for row in now.execute(listed))
