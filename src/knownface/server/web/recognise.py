"""The screen Recognise: photos become faces with names, and a wrong name is corrected in place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool

from knownface.errors import KnownfaceError
from knownface.faces.photo import open_photo
from knownface.pages.pictures import embedded
from knownface.server.web import words
from knownface.server.web.frame import (
    Notice,
    fragment,
    from_script,
    lead,
    notices_of,
    page,
    service_of,
)

if TYPE_CHECKING:
    from knownface.recognition.living import Change, SeenPhoto
    from knownface.recognition.recognizer import Recognizer
    from knownface.recognition.result import RecognizedFace
    from knownface.server.service import Service

SUGGESTIONS = 3  # as many as have a key
PREVIEW = 1280  # pixels on the longer side: sharp in half the width of a large screen
TAG = 1 / 36  # of the preview's width: the size of a name on it

router = APIRouter()


@dataclass(frozen=True)
class FaceView:
    """One face of a photo, counted from the left; box in pixels of the preview."""

    token: str
    number: int
    count: int
    face: RecognizedFace
    place: str
    box: tuple[float, float, float, float]
    portrait: bytes
    suggestions: Sequence[str]

    @property
    def answer(self) -> str:
        return words.answer(self.face)

    @property
    def sureness(self) -> str:
        return words.sureness(self.face)

    @property
    def remark(self) -> str:
        return words.remark(self.face)

    @property
    def label(self) -> str:
        """All of it in a line, for who does not see it."""
        said = ", ".join(filter(None, (self.answer, self.sureness)))
        return f"Face {self.number} of {self.count}: {said}; {self.face.similarity:.2f}, {self.place}"


@dataclass(frozen=True)
class PhotoView:
    """One photo as the screen shows it; problem: why it could not be read."""

    name: str
    faces: Sequence[FaceView] = ()
    preview: str = ""
    size: tuple[int, int] = (0, 0)
    problem: str = ""

    @property
    def tag(self) -> float:
        return max(self.size) * TAG

    @property
    def summary(self) -> str:
        if self.problem:
            return self.problem
        if not self.faces:
            return "No face found."
        names = [each.answer if each.face.name else each.answer.lower() for each in self.faces]
        if len(names) == 1:
            return f"One face: {names[0]}."
        return f"{len(names)} faces, from left to right: {words.in_a_row(names)}."


# ---------------------------------------------------------------- looking
@router.get("/")
def recognise(request: Request) -> Response:
    return page(request, "recognise.html.jinja", photos=[], people=_names(service_of(request)))


@router.post("/")
async def look(request: Request, photo: Annotated[list[UploadFile], File()]) -> Response:
    """Each photo with its faces: as parts for the script, else as a whole screen."""
    service = service_of(request)
    photos = [await _seen(service, each) for each in photo if each.filename]
    people = _names(service)
    if from_script(request):
        return fragment("photos.html.jinja", photos=photos, people=people)
    return page(request, "recognise.html.jinja", photos=photos, people=people)


async def _seen(service: Service, upload: UploadFile) -> PhotoView:
    name = upload.filename or "Photo"
    data = await upload.read()
    try:
        seen = await service.recognize(data, name)
        if seen.recognition.error:
            return PhotoView(name, problem=_problem(seen.recognition.error, name))
        return await run_in_threadpool(_view, service, seen, data, name)
    except KnownfaceError as error:
        return PhotoView(name, problem=_problem(str(error), name))


def _problem(error: str, name: str) -> str:
    """The reader's sentence, without the name that the screen shows above it."""
    said = re.sub(r"^[^:]*: ", "", error.removeprefix(f"{name}: "))
    return said[:1].upper() + said[1:].rstrip(".") + "."


def _view(service: Service, seen: SeenPhoto, data: bytes, name: str) -> PhotoView:
    picture = open_photo(data).picture
    scale = min(1.0, PREVIEW / max(picture.width, picture.height))
    preview = picture.reduced(scale)
    tokens = service.recent.add(seen)
    found = zip(tokens, seen.recognition.faces, seen.faces, strict=True)
    row = sorted(found, key=lambda each: each[1].box[0] + each[1].box[2] / 2)
    size = (picture.width, picture.height)
    faces = [
        FaceView(
            token, number, len(row), face, words.place(face.box, size),
            tuple(scale * side for side in face.box),  # type: ignore[arg-type]
            seen_face.portrait, _suggestions(service.recognizer, face, seen_face.embedding),
        )
        for number, (token, face, seen_face) in enumerate(row, 1)
    ]  # fmt: skip
    return PhotoView(name, faces, embedded(preview, PREVIEW), (preview.shape[1], preview.shape[0]))


def _suggestions(recognizer: Recognizer, face: RecognizedFace, embedding: np.ndarray) -> list[str]:
    """The people most like a face, the one that it got the name of left out."""
    scores = recognizer.gallery.scores(embedding[None])[0]
    order = np.argsort(-scores, kind="stable")
    return [recognizer.people[i] for i in order if recognizer.people[i] != face.name][:SUGGESTIONS]


def _names(service: Service) -> list[str]:
    return [str(person.name) for person in service.gallery.people()]


# ---------------------------------------------------------------- correcting
@router.post("/faces/{token}")
def correct(
    request: Request,
    token: str,
    is_: Annotated[str, Form(alias="is")] = "",
    name: Annotated[str, Form()] = "",
    not_: Annotated[str, Form(alias="not")] = "",
    nobody: Annotated[bool, Form()] = False,
) -> Response:
    """Say whose a face is (`is`, or `name` as it was typed), whose not, or that it is nobody's."""
    service = service_of(request)
    who = (is_ or name).strip()
    try:
        change = _corrected(service, token, who, not_, nobody)
    except KnownfaceError as error:
        notice = Notice(str(error), problem=True)
        if from_script(request):
            return fragment("notice.html.jinja", 409, notice=notice)
        return lead(request, "/", notice)
    answer = who or ("Nobody you know" if nobody else f"Not {not_}")
    notice = Notice.of(change)
    if not from_script(request):
        return lead(request, "/", notice)
    key = notices_of(request).add(notice)
    return fragment("corrected.html.jinja", answer=answer, notice=notice, key=key)


def _corrected(service: Service, token: str, who: str, not_: str, nobody: bool) -> Change:
    face = service.recent.face(token)
    if who:
        known = who in _names(service)
        gallery = service.gallery
        return gallery.correct(face, is_=who) if known else gallery.enroll(who, [face])
    if nobody:
        return service.gallery.correct(face, nobody=True)
    if not_:
        return service.gallery.correct(face, not_=not_)
    raise KnownfaceError("No name was given: type one, or choose a person.")
