"""The verb `import`: people of another program, or of folders, become people of a recogniser."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from knownface.dataset.folder import scan
from knownface.deployment.compreface import CompreFace
from knownface.errors import Interrupted, KnownfaceError
from knownface.faces.photo import ImageError, digest_of, read_bytes
from knownface.options import Device, Option, argument, checked
from knownface.progress import Track, silent
from knownface.recognition.artifact import artifact_folder

if TYPE_CHECKING:
    from knownface.recognition.living.gallery import LivingGallery
    from knownface.recognition.living.records import Change, SeenPhoto
    from knownface.recognition.recognizer import Recognizer
    from knownface.recognition.standing import Standing

AT_ONCE = 32  # photos of one change, and so what an interruption can cost
SHOWN = 20  # notes that are printed
KEY = "COMPREFACE_API_KEY"  # of the environment
ATTEMPTS = "train"  # where Frigate keeps faces that nobody has assigned yet

Kind = Literal["compreface", "frigate", "folders"]


@dataclass(frozen=True)
class Example:
    """One photo of somebody; label: where it comes from; read: gives its bytes."""

    person: str
    label: str
    read: Callable[[], bytes]


@dataclass
class Imported:
    """What came, and what did not.

    people: who got photos; photos: that were there to take; added, there: of them, enrolled now
        and before. notes: why others were left out, and what to look at. before, after: how many
        known faces are named and strangers accepted.
    """

    photos: int
    before: Standing
    after: Standing
    people: list[str] = field(default_factory=list)
    added: int = 0
    there: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> int:
        return self.photos - self.added - self.there

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"left_out": self.left_out}

    def lines(self) -> list[str]:
        """For people to read."""
        more = len(self.notes) - SHOWN
        lines = [
            f"{self.added} of {self.photos} photos came, of {len(self.people)} people; "
            f"{self.there} were there already, {self.left_out} were left out",
            *self.notes[:SHOWN],
        ]
        return [
            *lines,
            *[f"... and {more} more"] * (more > 0),
            self.after.compared_with(self.before),
        ]


def import_people(
    kind: Annotated[Kind, Option("compreface, frigate or folders.")],
    source: Annotated[str | Path, Option("The server's address, or a folder.")],
    recognizer: Annotated[Path | str | Recognizer, Option("A run or recognizer folder.")],
    *,
    key_file: Annotated[
        Path | str | None,
        Option(f"A file with CompreFace's key; default: {KEY} of the environment."),
    ] = None,
    device: Device = "auto",
    track: Track = silent,
) -> Imported:
    """Enroll the people of a CompreFace server, of Frigate's faces, or of folders named after them.

    kind: frigate: its folder clips/faces, or one above it. Photos that are enrolled, or that
    somebody took away from the person since, are passed over, so that the same call goes on after
    an interruption. Of a photo with several faces, the one like the person's others is taken.
    Raises KnownfaceError where nothing comes; Interrupted, with what came kept.
    """
    checked("kind", Kind, kind)
    if isinstance(recognizer, str | Path):
        artifact_folder(Path(recognizer))
    examples = _examples(kind, source, key_file)
    from knownface.recognition.living.gallery import LivingGallery
    from knownface.recognition.recognizer import Recognizer

    loaded = Recognizer.given(recognizer, device)
    if loaded.folder is None:
        raise KnownfaceError("this recogniser was not read from a folder; save it, and load it")
    gallery = LivingGallery(loaded.folder, loaded.with_small)
    standing = gallery.standing()
    result = Imported(len(examples), standing, standing)
    try:
        for part in _parts(examples, track):
            _take(part, loaded, gallery, result)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped; {result.added} photos came and stay, and the same command goes on"
        ) from None
    if not result.added and not result.there:
        raise KnownfaceError(f"{source}: nothing came; {(result.notes or ['nobody is there'])[0]}")
    return result


# ---------------------------------------------------------------- where they come from
def _examples(kind: Kind, source: str | Path, key_file: str | Path | None) -> list[Example]:
    """All photos, those of one person together."""
    if kind == "compreface":
        server = CompreFace(str(source), _key(key_file))
        faces = sorted({*server.faces()})
        return [
            Example(person, f"compreface/{number}", partial(server.photo, number))
            for person, number in faces
        ]
    if key_file is not None:
        raise KnownfaceError(f"{argument('key_file')} is for compreface; leave it out")
    root = Path(source)
    if kind == "frigate":
        inner = (root / "media/frigate/clips/faces", root / "clips/faces", root / "faces")
        root = next((each for each in inner if each.is_dir()), root)
    found = scan(root)
    examples = [
        Example(found.people[label], str(path), partial(read_bytes, path))
        for path, label in zip(found.paths, found.labels, strict=True)
    ]
    if kind == "frigate":
        examples = [each for each in examples if each.person != ATTEMPTS]
        if not examples:
            raise KnownfaceError(
                f"{root}: nobody was named there, only attempts ({ATTEMPTS}); name faces in "
                "Frigate first"
            )
    return examples


def _key(file: str | Path | None) -> str:
    if file is None:
        if found := os.environ.get(KEY, ""):
            return found.strip()
        raise KnownfaceError(
            f"CompreFace asks for a key: put that of its recognition service into a file and name "
            f"it with {argument('key_file', ...)}, or into {KEY}"
        )
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise KnownfaceError(f"{file}: cannot be read ({reason})") from None


def _parts(examples: Sequence[Example], track: Track) -> Iterator[list[Example]]:
    """At most so many at once, of one person each."""
    tracked = track(examples, "Importing", len(examples))
    for _, theirs in groupby(tracked, key=lambda example: example.person):
        part: list[Example] = []
        for example in theirs:
            part.append(example)
            if len(part) == AT_ONCE:
                yield part
                part = []
        if part:
            yield part


# ---------------------------------------------------------------- one change
def _take(
    part: Sequence[Example], recognizer: Recognizer, gallery: LivingGallery, result: Imported
) -> None:
    """Enroll what is new of some photos of one person, and count it."""
    from knownface.recognition.living.enrolling import choose_faces
    from knownface.recognition.living.naming import checked_name

    try:
        name = checked_name(part[0].person)
    except KnownfaceError as error:
        result.notes.append(f"{len(part)} photos left out: {error}")
        return
    fresh = _fresh(part, gallery.settled(name), result)
    if not fresh:
        return
    seen = [
        _labelled(each, label)
        for each, label in zip(recognizer.see_photos([*fresh.values()]), fresh, strict=True)
    ]
    several = any(len(each.faces) > 1 for each in seen)
    others = gallery.embeddings_of(name) if several else recognizer.gallery.embeddings[:0]
    chosen, notes = choose_faces(seen, others)
    result.notes += notes
    if not chosen:
        return
    had = _photos(gallery, name)
    try:
        change: Change = gallery.enroll(name, chosen, actor="import")
    except KnownfaceError as error:
        result.notes.append(str(error))
        return
    result.added += _photos(gallery, name) - had
    result.notes += change.warnings
    result.after = change.after
    if name not in result.people:
        result.people.append(name)


def _fresh(
    part: Sequence[Example], settled: Mapping[str, bool], result: Imported
) -> dict[str, bytes]:
    """The photos of which nothing is decided, by label."""
    fresh: dict[str, bytes] = {}
    seen = set[str]()
    for example in part:
        try:
            data = example.read()
        except ImageError as error:  # of this photo alone; a server that is gone ends all
            result.notes.append(f"{example.label}: {error}")
            continue
        digest = digest_of(data)
        if settled.get(digest) or digest in seen:
            result.there += 1
        elif digest in settled:
            result.notes.append(
                f"{example.label}: somebody took it away from {example.person}, or said that it is "
                "nobody; left out"
            )
        else:
            fresh[example.label] = data
        seen.add(digest)
    return fresh


def _photos(gallery: LivingGallery, name: str) -> int:
    """How many photos somebody has; a newcomer has none."""
    try:
        return len(gallery.faces(name))
    except KnownfaceError:
        return 0


def _labelled(seen: SeenPhoto, label: str) -> SeenPhoto:
    """As if the photo had been read from where it came from."""
    error = seen.recognition.error
    said = error and f"{label}: {error.removeprefix('the image data: ')}"
    recognition = replace(seen.recognition, path=label, error=said)
    return replace(
        seen, recognition=recognition, faces=tuple(replace(f, source=label) for f in seen.faces)
    )
