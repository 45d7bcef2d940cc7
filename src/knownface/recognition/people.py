"""The verbs: who is known, and changing it without training again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from knownface.errors import KnownfaceError
from knownface.options import Device, Option, argument, checked
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder
from knownface.recognition.living.records import (
    Change,
    Entry,
    FaceRecord,
    Person,
    SeenFace,
    SeenPhoto,
)
from knownface.visible import counted

if TYPE_CHECKING:
    from knownface.recognition.living.gallery import LivingGallery
    from knownface.recognition.recognizer import Recognizer

Folder = Annotated[Path | str, Option("A run or recognizer folder.")]
Who = Annotated[str, Option("A name.")]
Anybody = Annotated[str, Option("A name, or the number of somebody without one.")]
FaceNumber = Annotated[int, Option("A face, as `people faces` numbers them.")]
Asked = Literal["known", "unknown", "ignored"]
Number = Annotated[
    int | None,
    Option(
        "Of several faces, which one, counted from the left.",
        wanted="1 or more",
        fits=lambda number: number >= 1,
    ),
]
Limit = Annotated[
    int, Option("How many at most.", wanted="1 or more", fits=lambda limit: limit >= 1)
]

log = logging.getLogger(__name__)


def gallery_of(recognizer: Path | str | Recognizer) -> LivingGallery:
    """Who is known to a recogniser, to be changed."""
    from knownface.recognition.living.gallery import LivingGallery

    if isinstance(recognizer, Path | str):
        return LivingGallery(recognizer)
    if recognizer.folder is None:
        raise KnownfaceError("this recogniser was not read from a folder; save it, and load it")
    return LivingGallery(recognizer.folder, recognizer.with_small)


def _whom(gallery: LivingGallery, who: str) -> str | int:
    """A number is somebody without a name, unless it is somebody's name."""
    return int(who) if who.isdecimal() and who not in gallery.names() else who


def loaded_from(recognizer: Path | str | Recognizer, device: str) -> Recognizer:
    """One that is loaded; a missing folder is said before anything heavy is imported."""
    if isinstance(recognizer, str | Path):
        artifact_folder(Path(recognizer))
    from knownface.recognition.recognizer import Recognizer

    return Recognizer.given(recognizer, device)


# ---------------------------------------------------------------- changing
def enroll(
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    name: Annotated[str, Option("Whose photos they are.")],
    photos: Annotated[
        Iterable[str | Path] | str | Path, Option("Photos, folders of photos, or globs.")
    ],
    *,
    device: Device = "auto",
    track: Track = silent,
) -> Change:
    """Add photos of somebody, new or known; without training again.

    Of a photo with several faces the one that is like the others is taken. What looks wrong is
    said: photos that disagree, and a newcomer who looks like somebody known.
    Raises KnownfaceError where no photo shows a face to enroll.
    """
    from knownface.recognition.living.enrolling import choose_faces
    from knownface.recognition.sources import photos_of

    paths = photos_of([photos] if isinstance(photos, str | Path) else photos)
    loaded = loaded_from(recognizer, device)
    gallery = gallery_of(loaded)
    seen = list(loaded.see_photos(paths, track))
    chosen, notes = choose_faces(seen, gallery.embeddings_of(name))
    if not chosen:
        raise KnownfaceError(f"{name}: nothing to enroll; {notes[0]}")
    return gallery.enroll(name, chosen).noting(notes)


def correct(
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    photo: Annotated[Path | str, Option("The photo.")],
    *,
    is_: Annotated[str | None, Option("Who the face is.", "--is")] = None,
    not_: Annotated[str | None, Option("Who the face is not.", "--not")] = None,
    nobody: Annotated[bool, Option("Never to be named.")] = False,
    face: Number = None,
    device: Device = "auto",
) -> Change:
    """Say who a face is, who it is not, or that it is nobody: from now on, for good.

    It says which enrolled photo had caused the mistake, and who would have won without it.
    not_: of several faces, the one with that name is meant.
    Raises KnownfaceError where it is not clear which face is meant.
    """
    number = checked("face", Number, face)
    loaded = loaded_from(recognizer, device)
    chosen = _meant(loaded.see(photo), str(photo), number, not_)
    return gallery_of(loaded).correct(chosen, is_, not_, nobody)


def _meant(seen: SeenPhoto, photo: str, number: int | None, name: str | None) -> SeenFace:
    """The face that is meant, of all in a photo."""
    if seen.recognition.error:
        raise KnownfaceError(seen.recognition.error)
    faces = sorted(zip(seen.recognition.faces, seen.faces, strict=True), key=lambda f: f[0].box[0])
    if not faces:
        raise KnownfaceError(f"{photo}: no face was found; cut it closer to the face")
    if number is None and name is not None:
        named = [face for answer, face in faces if answer.name == name]
        if len(named) == 1:
            return named[0]
    if number is None and len(faces) > 1:
        names = ", ".join(f"{i}: {answer.answer}" for i, (answer, _) in enumerate(faces, 1))
        raise KnownfaceError(
            f"{photo}: {len(faces)} faces, from the left {names}; say which with "
            + argument("face", ...)
        )
    if number is not None and number > len(faces):
        raise KnownfaceError(
            f"{argument('face', number)}: {photo} has {counted(len(faces), 'face')}"
        )
    return faces[(number or 1) - 1][1]


def never_same(
    recognizer: Folder, one: Anybody, other: Annotated[str, Option("Another one, likewise.")]
) -> Change:
    """Two people who are never to be merged, whatever they look like."""
    gallery = gallery_of(recognizer)
    return gallery.never_same(_whom(gallery, one), _whom(gallery, other))


def undo(
    recognizer: Folder,
    *,
    change: Annotated[int | None, Option("Its number; default: the last one.")] = None,
) -> Change:
    """Take a change back; see `history`. What was forgotten does not come back."""
    return gallery_of(recognizer).undo(change)


def history(
    recognizer: Folder,
    *,
    limit: Limit = 50,
) -> list[Entry]:
    """The changes of who is known, the last first."""
    return gallery_of(recognizer).history(checked("limit", Limit, limit))


# ---------------------------------------------------------------- looking
def people(
    recognizer: Folder,
    *,
    state: Annotated[Asked, Option("known, unknown or ignored.")] = "known",
) -> list[Person]:
    """Who is known, with photos, quality, and who looks alike."""
    return gallery_of(recognizer).people(state)


def faces(recognizer: Folder, who: Anybody) -> list[FaceRecord]:
    """The enrolled faces of somebody, with their numbers, the best first."""
    gallery = gallery_of(recognizer)
    return gallery.faces(_whom(gallery, who))


# ---------------------------------------------------------------- people, one by one
def rename(recognizer: Folder, who: Who, to: Annotated[str, Option("The new name.")]) -> Change:
    """Give somebody another name; the old one goes on leading to them."""
    return gallery_of(recognizer).rename(who, to)


def merge(
    recognizer: Folder, who: Anybody, into: Annotated[str, Option("Who they are, likewise.")]
) -> Change:
    """Two are one person."""
    gallery = gallery_of(recognizer)
    return gallery.merge(_whom(gallery, who), _whom(gallery, into))


def split(
    recognizer: Folder,
    who: Who,
    to: Annotated[str, Option("Whose faces they are.")],
    numbers: Annotated[Sequence[int], Option("Faces, as `people faces` numbers them.")],
) -> Change:
    """Some faces of somebody are somebody else's: the two stay apart for good."""
    return gallery_of(recognizer).split(who, [int(each) for each in numbers], to)


def remove(recognizer: Folder, number: FaceNumber) -> Change:
    """Take one enrolled photo away."""
    return gallery_of(recognizer).remove(number)


def feature(recognizer: Folder, who: Who, number: FaceNumber) -> Change:
    """Show somebody with this face."""
    return gallery_of(recognizer).feature(who, number)


def born(
    recognizer: Folder, who: Who, date: Annotated[str, Option("As 1990-12-31; none to erase it.")]
) -> Change:
    """Note when somebody was born."""
    return gallery_of(recognizer).born(who, None if date == "none" else date)


def name(
    recognizer: Folder,
    number: Annotated[int, Option("Whom, as `people --state unknown` numbers them.")],
    called: Annotated[str, Option("The name.")],
) -> Change:
    """Name somebody unknown."""
    return gallery_of(recognizer).name(number, called)


def ignore(
    recognizer: Folder,
    number: Annotated[int, Option("Whom, as `people --state unknown` numbers them.")],
) -> Change:
    """Never name somebody unknown."""
    return gallery_of(recognizer).ignore(number)


def not_a_face(
    recognizer: Folder,
    number: Annotated[int, Option("Whom, as `people --state unknown` numbers them.")],
) -> Change:
    """What was taken for somebody unknown is no face."""
    return gallery_of(recognizer).not_a_face(number)


def part(
    recognizer: Folder,
    who: Anybody,
    numbers: Annotated[Sequence[int], Option("Faces, as `people faces` numbers them.")],
) -> Change:
    """Some faces of somebody are not theirs, whosever they are."""
    gallery = gallery_of(recognizer)
    return gallery.part(_whom(gallery, who), [int(each) for each in numbers])
