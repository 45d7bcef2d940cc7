"""The verb: a pile of photos becomes one folder for each person."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from knownface.cluster.folders import Folders, copies_of, folder_of
from knownface.cluster.index import Index
from knownface.cluster.index_changes import photo_files
from knownface.cluster.indexed_faces import faces_of, is_index, terms_of
from knownface.cluster.memory import Memory, refuse_others, without_people
from knownface.cluster.regrouped import group_all
from knownface.errors import Interrupted, KnownfaceError
from knownface.faces.find import first_folder_of_photos
from knownface.options import (
    BackboneName,
    Device,
    FacesMode,
    Licence,
    Option,
    Weights,
    argument,
    checked,
)
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder
from knownface.recognition.living.records import SeenPhoto
from knownface.recognition.living.regrouping import (
    Theirs,
    digests,
    gather,
    photos_of_people,
    say,
)
from knownface.recognition.recognizer import Recognizer
from knownface.recognition.sources import folder_apart
from knownface.visible import counted

log = logging.getLogger(__name__)

AT_ONCE = 256  # photos that are looked at before what was seen is kept: what Ctrl-C can cost
NAMED = 5  # photos that could not be read, said one by one


@dataclass(frozen=True)
class Group:
    """One person. name: None as long as nobody has given one. folder: below the folders."""

    name: str | None
    folder: str
    faces: int
    photos: int


@dataclass(frozen=True)
class Grouping:
    """What a pile holds, and who is in it.

    photos: that were given; new: of them, not looked at before; unreadable: photos that could not
    be opened now. faces: in all photos that were ever looked at; unclear: of them, those that show
    too little for anybody to be recognised; ignored: who somebody has said are nobody.
    people: those with most faces first; moved: how many faces were said to be somebody by moving
    photos between folders.
    """

    out: str
    photos: int
    new: int
    unreadable: int
    faces: int
    unclear: int
    ignored: int
    moved: int
    people: tuple[Group, ...]
    seconds: float
    device: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """For people to read."""
        several = [each for each in self.people if each.name or each.faces > 1]
        once = len(self.people) - len(several)
        named = sum(each.name is not None for each in several)
        counts = counted(len(several), "person", "people") + f" ({named} with a name)" * (named > 0)
        counts += f" and {once} who {'was' if once == 1 else 'were'} seen once" * (once > 0)
        lines = [f"{counted(self.faces, 'face')} in {self.out}: {counts}"]
        if self.unclear:
            lines.append(
                f"{counted(self.unclear, 'face')} too unclear for anybody to be recognised"
            )
        if self.moved:
            lines.append(
                f"{counted(self.moved, 'face')} moved by hand, and kept where they were moved to"
            )
        return lines


def group(
    photos: Annotated[
        Iterable[str | Path] | str | Path,
        Option("Photos, folders of photos, globs, or indices that `index` made.", flag="PHOTOS"),
    ],
    *,
    out: Annotated[str | Path, Option("The folder for a folder per person.", "--out")],
    recognizer: Annotated[
        str | Path | None, Option("A run or recognizer folder, whose people get their names.")
    ] = None,
    backbone: BackboneName = "auto",
    weights: Weights = None,
    accept_license: Licence = False,
    faces: FacesMode = "detect",
    links: Annotated[bool, Option("Links to the photos, not copies.")] = False,
    device: Device = "auto",
    track: Track = silent,
) -> Grouping:
    """Sort a pile of photos into one folder for each person.

    Nothing has to be known: neither how many people there are, nor a threshold. A photo of two
    people lies in the folders of both. Whoever has no name yet is `person-0001` and so on, and
    people who were seen once lie in `seen once`. Called again, it looks at new photos alone; names
    stay, and so does everything that was said since: on the page that `serve` shows of the folder,
    with `people`, `correct` and the like, or by renaming folders and moving photos between them.

    out: apart from the photos. recognizer: taken over once, when the folders are new.
    Raises KnownfaceError; Interrupted, with what was seen kept.
    """
    checked("faces", FacesMode, faces)
    checked("device", Device, device)
    start = time.perf_counter()
    given = [photos] if isinstance(photos, str | Path) else list(photos)
    indices = [Index.open(source) for source in given if is_index(source)]
    paths, skipped = _paths([source for source in given if not is_index(source)])
    if recognizer is not None:
        artifact_folder(Path(recognizer))
    place = folder_apart("out", out, given, paths, _expect_ours)
    memory = Memory(place)
    if indices:
        backbone, faces = terms_of(indices, backbone)
    if not memory.is_there:
        if recognizer is not None:
            memory.begin_with(Path(recognizer))
        else:
            memory.begin(without_people(backbone, weights, accept_license, faces, device, track))
    elif recognizer is not None:
        log.info("%s: goes on with the people whom it knows already", place)
    known = Recognizer.load(memory.folder, device)
    if recognizer is None:
        refuse_others(memory, backbone, faces, known)
    log.info("Backbone: %s, device: %s", known.about.backbone_name, known.embedder.device)
    new = memory.new_photos(paths)
    unreadable = skipped + _look(memory, known, new, track)
    added = sum(_take(memory, known, index) for index in indices)
    folders = Folders(place, memory.folder, links)
    moved = _heed_moves(memory, folders)
    unclear = group_all(memory.gallery, known, track)
    people = photos_of_people(memory.gallery)
    ignored = sum(len(each.faces) for each in photos_of_people(memory.gallery, ignored=True))
    faces_seen = unclear + ignored + sum(len(each.faces) for each in people)
    if not faces_seen:
        raise KnownfaceError(f"{given[0]}: no photo shows a face")
    folders.write(copies_of(people), track)
    return Grouping(
        str(place), len(paths) + sum(index.photo_count for index in indices), len(new) + added,
        unreadable, faces_seen, unclear, ignored, moved,
        tuple(map(_described, people)), round(time.perf_counter() - start, 3),
        known.embedder.device,
    )  # fmt: skip


def _expect_ours(folder: Path) -> None:
    """KnownfaceError where there are folders of photos that no earlier call has made."""
    if not Memory(folder).is_there and (found := first_folder_of_photos(folder)):
        raise KnownfaceError(
            f"{argument('out', folder)}: holds folders of photos that were not grouped there, such "
            f"as {found.name}; name another folder, and a recogniser of people who are to get "
            f"their names with {argument('recognizer', 'RUN')}"
        )


def _described(person: Theirs) -> Group:
    photos = len({digest for _, _, digest in person.faces})
    return Group(person.name, str(folder_of(person)), len(person.faces), photos)


# ---------------------------------------------------------------- looking
def _paths(sources: Sequence[str | Path]) -> tuple[list[Path], int]:
    """Whole paths of photos, each once, and how many there are that nobody can open.

    Raises KnownfaceError where that is all.
    """
    files, skipped = photo_files(sources)
    if sources and not files:
        raise KnownfaceError(skipped[0])
    for why in skipped[:NAMED]:
        log.warning("skipped: %s", why)
    return [Path(path) for path in files], len(skipped)


def _take(memory: Memory, known: Recognizer, index: Index) -> int:
    """Remember the faces of an index; of how many photos that were not known."""
    if index.terms.contract != known.gallery.contract:
        raise KnownfaceError(
            f"{index.place.name}: of another network than {memory.folder.parent} was grouped with; "
            "name another folder"
        )
    before = digests(memory.gallery)
    for faces in faces_of(index, before):
        gather(memory.gallery, faces)
    return len(digests(memory.gallery)) - len(before)


def _look(memory: Memory, known: Recognizer, photos: Sequence[Path], track: Track) -> int:
    """Remember the faces of photos, some photos at a time; how many could not be read."""
    seen = known.see_photos(photos, track)
    unreadable = done = 0
    try:
        while some := list(islice(seen, AT_ONCE)):
            gather(memory.gallery, [face for each in some for face in each.faces])
            memory.note(photos[done : done + len(some)])
            done += len(some)
            unreadable += _complain(some, unreadable)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {done} of {len(photos)} photos were looked at, and the same command goes on "
            "with the others"
        ) from None
    if unreadable > NAMED:
        log.warning("%d photos could not be read", unreadable)
    return unreadable


def _complain(seen: Sequence[SeenPhoto], before: int) -> int:
    errors = [each.recognition.error for each in seen if each.recognition.error]
    for error in errors[: max(0, NAMED - before)]:
        log.warning("%s", error)
    return len(errors)


def _heed_moves(memory: Memory, folders: Folders) -> int:
    """What somebody did to the folders since they were written counts as said."""
    said, unclear = folders.moved(copies_of(photos_of_people(memory.gallery)))
    if said:
        say(memory.gallery, said, f"{len(said)} faces are whose folder they were moved to")
    if unclear:
        log.warning(
            "%d files in the folders are not from the pile, or show several people, and were left "
            "alone, such as %s", len(unclear), unclear[0],
        )  # fmt: skip
    return len(said)
