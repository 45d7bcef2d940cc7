"""The verb: who is known is known to several servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from knownface.options import Option
from knownface.recognition.artifact import GALLERY, artifact_folder

if TYPE_CHECKING:
    from knownface.recognition.living.joining import Shared

NOWHERE = "none"


def share(
    recognizer: Annotated[Path | str, Option("A run or recognizer folder.")],
    gallery: Annotated[
        str | None,
        Option("milvus://HOST[:PORT][/DATABASE], or none to end it; default: where it is shared."),
    ] = None,
    *,
    replace: Annotated[bool, Option("Although people are known here who are not there.")] = False,
) -> Shared:
    """Share who is known with other servers, through a database of Milvus or a file of Milvus Lite.

    Where the database has no gallery, this one is put there; otherwise this folder joins it. From
    then on each change is everybody's, and what others change is seen here within two seconds.
    Raises KnownfaceError where it does not answer, and where people would be lost.
    """
    path = artifact_folder(Path(recognizer)) / GALLERY
    from knownface.recognition.living import joining

    if gallery is None:
        return joining.where(path)
    if gallery == NOWHERE:
        return joining.leave(path)
    return joining.share(path, gallery, replace)
