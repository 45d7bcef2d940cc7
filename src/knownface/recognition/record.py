"""What the record of a recogniser says, read and checked in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from knownface.errors import KnownfaceError
from knownface.faces.detectors import DETECTORS
from knownface.faces.face import Crop
from knownface.files.committed import amend_record, read_record
from knownface.files.values import from_json
from knownface.recognition.about import About
from knownface.recognition.artifact import RECORD, TEMPLATES
from knownface.recognition.confidence import Confidence
from knownface.recognition.recognizability import Recognizability
from knownface.recognition.threshold import Threshold
from knownface.runtime.exported import Exported

FORMAT_VERSION = 3


@dataclass(frozen=True)
class Decision:
    """What `recognizer.json` says about recognising: of whom, in which crops, from where on.

    gallery: the id of its `gallery.sqlite`, so that no other one is taken for it.
    exported: where it was made for deployment, how its network is to be run; networks: how many
        stand together in it, where programs compare as PLAIN says.
    people: who was known when the record was written; `gallery.sqlite` says who is.
    Raises ValueError for a list of people that names somebody twice.
    """

    people: list[str]
    threshold: Threshold
    crop: Crop
    faces: Literal["detect", "cropped"]
    confidence: Confidence | None = None
    recognizability: Recognizability | None = None
    exported: Exported | None = None
    gallery: str = ""
    networks: int | None = None

    def __post_init__(self) -> None:
        if len(self.people) != len(set(self.people)):
            raise ValueError("people must be different names")


Files = dict[str, tuple[Path, str]]  # the place and the checksum of each file, by name


@dataclass(frozen=True)
class Artifact:
    """A recogniser folder, its record read and checked; the files are still to be read."""

    folder: Path
    decision: Decision
    about: About
    files: Files

    def to_json(self) -> dict[str, Any]:
        """The record, but for the checksums."""
        decision = asdict(self.decision)
        for name in ("exported", "networks"):
            if decision[name] is None:
                del decision[name]
        return {"format_version": FORMAT_VERSION, **decision, **asdict(self.about)}

    @classmethod
    def read(cls, folder: Path) -> Artifact:
        """KnownfaceError names the file, and the key where one is wrong."""
        path = folder / RECORD
        try:
            document, files = read_record(folder, RECORD)
            version = document.pop("format_version", None)
            if version != FORMAT_VERSION:
                raise KnownfaceError(
                    f"{path}: format version {str(version)[:20]}, and this knownface reads "
                    f"{FORMAT_VERSION}; upgrade knownface or train again"
                )
            about = About.taken_from(document)
            if about.detector not in (None, *DETECTORS):
                raise ValueError(
                    f"detector must be null or {' or '.join(DETECTORS)}, not {about.detector!r:.40}"
                )
            return cls(folder, from_json(Decision, document), about, files)
        except (OSError, ValueError) as error:
            raise unusable(path, error) from None


def tell_people(folder: Path, read: Callable[[bool], tuple[list[str], bytes]]) -> None:
    """Say in the record who is known, and in an export also their templates, for other programs.

    read: gives the names, and what TEMPLATES holds, if asked for that.

    Raises OSError, ValueError where the record cannot be changed.
    """

    def amend(document: dict[str, Any], files: Mapping[str, str]) -> dict[str, bytes]:
        exported = TEMPLATES in files
        document["people"], templates = read(exported)
        return {TEMPLATES: templates} if exported else {}

    amend_record(folder, RECORD, amend)


def unusable(path: Path, reason: object) -> KnownfaceError:
    """What is said of a file of a recogniser that is not as it was saved."""
    return KnownfaceError(
        f"{path}: not a usable recognizer ({reason}); copy it again or train again"
    )
