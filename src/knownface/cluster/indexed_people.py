"""People by the folders of their photos, which lie before us or are in an index."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

from knownface.cluster.index import Index
from knownface.cluster.index_rows import numbers_of
from knownface.cluster.indexed_faces import is_index
from knownface.dataset.folder import FaceDataset, listed, scan
from knownface.errors import KnownfaceError
from knownface.faces.face import Face, FoundFaces
from knownface.options import call

log = logging.getLogger(__name__)


def people_of(
    people: str | Path, strangers: str | Path | None = None
) -> tuple[FaceDataset, FaceDataset | None]:
    """The photos of people and, if given, of strangers: see `scan`, each a folder or an index.

    Of an index: as in the folder that it was made of, or else in the deepest that holds all its
    photos, and with their faces. Those that are gone are left out, and said. Raises KnownfaceError.
    """
    return _people_of(people, False), _people_of(strangers, True) if strangers else None


def _people_of(place: str | Path, loose: bool) -> FaceDataset:
    return _indexed(Index.open(place), loose) if is_index(place) else scan(Path(place), loose)


def _indexed(index: Index, loose: bool) -> FaceDataset:
    place = index.place.name
    paths = [Path(path) for batch in index.photos(["path"]) for path in batch["path"].to_pylist()]
    if not paths:
        raise KnownfaceError(f"{place}: an index without photos; index some")
    root = Path(os.path.commonpath([path.parent for path in paths]))
    root = next((each for each in map(Path, index.folders) if root.is_relative_to(each)), root)
    gone = {path for path in paths if not os.path.isfile(path)}
    if len(gone) == len(paths):
        raise KnownfaceError(
            f"{place}: none of its photos is where it was, such as {paths[0]}; bring them back, or "
            "make the index anew"
        )
    if gone:
        log.warning(
            "%s: %d of %d photos are gone and left out, such as %s",
            place, len(gone), len(paths), min(gone),
        )  # fmt: skip
    try:
        dataset = listed(root, [path for path in paths if path not in gone], loose)
    except KnownfaceError as error:
        why = str(error).split(";")[0]  # the rest is how to mend a folder
        raise KnownfaceError(
            f"{place}: its photos do not lie in one folder per person ({why}); make one of "
            f"photos that do, or sort these with {call('group', place, out='DIR')}"
        ) from None
    return replace(dataset, found=_found(index))


def _found(index: Index) -> FoundFaces:
    """All faces of an index by the digests of their photos, and that some photos have none."""
    counts: dict[str, int] = {}
    for batch in index.photos(["digest", "faces"]):
        read = zip(batch["digest"].to_pylist(), batch["faces"].to_pylist(), strict=True)
        counts |= {digest: count for digest, count in read if digest}
    photos: dict[str, list[Face]] = {digest: [] for digest in counts}
    for batch in index.faces(["digest", "face", "box", "landmarks", "score"]):
        boxes, points = (numbers_of(batch[name]) for name in ("box", "landmarks"))
        rows = zip(*(batch[name].to_pylist() for name in ("digest", "face", "score")), strict=True)
        for box, marks, (digest, number, score) in zip(boxes.tolist(), points, rows, strict=True):
            known = photos.setdefault(digest, [])
            if number == len(known):  # not those of a copy of the photo once more
                known.append(Face(tuple(box), marks.reshape(5, 2), score))
    found = {digest: tuple(faces) for digest, faces in photos.items()}
    if {digest: len(faces) for digest, faces in found.items()} != counts:
        raise KnownfaceError(
            f"{index.place.name}: its photos have other faces than its rows of faces say; make the "
            "index anew"
        )
    return FoundFaces(index.place.name, index.terms.detector, found)
